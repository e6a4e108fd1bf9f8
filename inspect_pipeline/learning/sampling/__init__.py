"""How training episodes are drawn: policies, mixed materials, changing forms, normal classes, unlabelled samples."""
