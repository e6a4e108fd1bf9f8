"""Files of labels as other tools write them: bytes in, records out; one module a format."""
