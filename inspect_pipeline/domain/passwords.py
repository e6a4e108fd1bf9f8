"""Which passwords are refused: short ones and those that are tried first (NIST SP 800-63B-4, 3.1.1.2).

No rules on kinds of characters and no change by the calendar: both make passwords worse, says the same document.
"""

import unicodedata

from inspect_pipeline.errors import BadDataError

MIN_LENGTH, MAX_LENGTH = 12, 256
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1234567890" * 26,
)
# What people begin with when a password has to be long; digits and signs around it do not help.
_COMMON = frozenset({
    "admin", "administrator", "baseball", "changeme", "default", "dragon", "engineer", "football", "guest", "iloveyou",
    "inspect", "inspection", "inspectpipeline", "letmein", "login", "master", "monkey", "mima", "operator", "pass",
    "passw", "password", "passwordpassword", "passwort", "princess", "qazwsxedc", "qwerty", "secret", "shadow",
    "sunshine", "superman", "test", "trustnoone", "user", "welcome", "woaini", "workbench",
})  # fmt: skip
_SWAPPED = str.maketrans("0134578@$!", "oieastbasi")


def normal_form(password: str) -> str:
    """Return the password as it is hashed: NFKC, so that every keyboard gives the same bytes."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, *, name: str) -> None:
    """Raise BadDataError that says what is wrong with a new password; the text itself is never repeated."""
    normal = normal_form(password)
    if len(normal) < MIN_LENGTH:
        raise BadDataError(f"the password is too short; give at least {MIN_LENGTH} characters, a sentence is fine")
    if len(normal) > MAX_LENGTH:
        raise BadDataError(f"the password is too long; give at most {MAX_LENGTH} characters")
    plain = normal.casefold()
    if normal_form(name).casefold() in plain:
        raise BadDataError("the password holds the person's own name; choose words that have nothing to do with it")
    if _common(plain) or _monotone(plain):
        raise BadDataError("the password is one of those that are tried first; choose several unrelated words")


def _common(plain: str) -> bool:
    """Whether nothing but a common word is left without digits and signs, or with digits read as letters."""
    letters = "".join(sign for sign in plain if sign.isalpha())
    read = "".join(sign for sign in plain.translate(_SWAPPED) if sign.isalpha())
    trimmed = "".join(sign for sign in plain.rstrip("0123456789!?.#*-_ ").translate(_SWAPPED) if sign.isalpha())
    return any(_repeats(text) in _COMMON for text in (letters, read, trimmed))


def _repeats(text: str) -> str:
    """Return the shortest text whose repetition is ``text``."""
    place = (text + text).find(text, 1)
    return text[:place] if text else text


def _monotone(plain: str) -> bool:
    """Whether it is a short piece again and again, or a run of the alphabet, the digits or the keyboard."""
    if len(_repeats(plain)) <= 4 or len(set(plain)) <= 2:
        return True
    return any(plain in line or plain[::-1] in line for line in _SEQUENCES)
