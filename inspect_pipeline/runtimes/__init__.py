"""Exported descriptors run by ONNX Runtime or OpenVINO, behind one interface."""
