"""Pictures as numbers: NumPy and OpenCV, no torch, no storage."""
