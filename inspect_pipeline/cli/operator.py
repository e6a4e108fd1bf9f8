"""Who gives the command, for the records."""

import getpass
import os


def operator_name(given: str | None) -> str:
    """Return the name given, else the login of the user; a user without a login name is known by the number."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
