"""Where the pictures are that several pages show."""

from urllib.parse import quote


def label_crop(label: str) -> str:
    """Return the address of the picture of a label's region."""
    return f"/images/labels/{quote(label, safe='')}/crop.png"


def label_mask(label: str) -> str:
    """Return the address of a label's mask."""
    return f"/images/labels/{quote(label, safe='')}/mask.png"
