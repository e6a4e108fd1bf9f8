"""Few-shot learning on inspection images: torch, timm and NumPy only; yields numbers, never logs or reads files."""
