"""The REST interface, version 1: one file an area of the workbench."""
