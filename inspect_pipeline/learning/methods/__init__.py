"""The few-shot methods, one file each; ``catalog`` names them."""
