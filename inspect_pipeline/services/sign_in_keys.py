"""Under which keys failed tries to sign in are counted: a name, known or not, and the place they come from."""

import hashlib
import ipaddress

from inspect_pipeline.domain.accounts import name_key

ADDRESS = "address:"
"""How the keys of addresses begin."""
_IPV6_HOME = 64  # one customer has a whole /64 network, so an address alone would count nobody


def name_tries_key(name: str) -> str:
    """Return the key of a name; hashed, since people type their password in the wrong field."""
    return f"name:{hashlib.sha256(name_key(name).encode(errors='replace')).hexdigest()}"


def address_tries_key(address: str) -> str:
    """Return the key of an address: IPv4 as it is, IPv6 by its /64 network, anything else as one place."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return f"{ADDRESS}unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return f"{ADDRESS}{found.ipv4_mapped}"
        return f"{ADDRESS}{ipaddress.ip_network((int(found), _IPV6_HOME), strict=False)}"
    return f"{ADDRESS}{found}"


def digest_of_secret(secret: str) -> str:
    """Return the SHA-256 (hex) by which a random secret of 256 bits is known to the database."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
