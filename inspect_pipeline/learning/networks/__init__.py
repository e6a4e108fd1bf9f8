"""Networks that an embedding learns from images or activations, with BatchNorm made explicit."""
