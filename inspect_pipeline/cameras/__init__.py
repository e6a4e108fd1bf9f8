"""Frame sources: each an iterator of frames or unusable captures."""
