"""Where a person goes on after signing in: a page of this site, whatever the link says."""

from urllib.parse import quote, urlsplit


def safe_next(wanted: str) -> str:
    """Return the path and query where they are of this site, else the start page (CWE-601)."""
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or "\\" in wanted or not wanted.isprintable():
        return "/"
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else "/"


def sign_in_for(path: str, query: str, *, method: str) -> str:
    """Return the address of the sign-in that leads back to a page; after a change it leads to the start."""
    if method not in ("GET", "HEAD"):
        return "/sign-in"
    wanted = f"{path}?{query}" if query else path
    return f"/sign-in?next={quote(wanted, safe='/')}"
