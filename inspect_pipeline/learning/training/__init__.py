"""What a step of the outer loop is made of: optimizer, precision, processes, augmented tasks, checkpoints."""
