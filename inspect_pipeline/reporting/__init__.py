"""Reports and overlays as self-contained files."""
