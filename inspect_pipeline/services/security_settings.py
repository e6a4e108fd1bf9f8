"""How people and machines are let in: passwords, waiting, sessions, hosts, and sign-in by another provider."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from inspect_pipeline.domain.people import Role
from inspect_pipeline.errors import BadDataError

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""The names of this machine as a browser on it writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashSettings:
    """Parameters of argon2id; the defaults are the second recommended option of RFC 9106 (64 MiB, 3 passes, 4 lanes).

    At most ``at_once`` passwords are hashed at a time, so that sign-ins hold at most that many times ``memory_kib``.
    """

    memory_kib: int = 65536
    passes: int = 3
    lanes: int = 4
    at_once: int = 2

    def __post_init__(self) -> None:
        if self.passes < 1 or self.lanes < 1 or self.memory_kib < 8 * self.lanes or self.at_once < 1:
            raise BadDataError(
                f"memory_kib {self.memory_kib}, passes {self.passes}, lanes {self.lanes}, at_once {self.at_once}: "
                "give 1 or more each, and 8 KiB or more a lane"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutSettings:
    """How failed tries to sign in are slowed down, for each account and for each address.

    So many failures in a row are free; the next wait is ``first_wait_s``, each further one twice the one before, up to
    ``longest_wait_s``. Failures are forgotten ``forget_s`` after the last one.
    """

    free_per_account: int = 5
    free_per_address: int = 20
    first_wait_s: float = 15.0
    longest_wait_s: float = 900.0
    forget_s: float = 86400.0

    def __post_init__(self) -> None:
        waits = 0 < self.first_wait_s <= self.longest_wait_s <= self.forget_s
        if not waits or self.free_per_account < 1 or self.free_per_address < 1:
            raise BadDataError("give 1 or more free failures, and 0 < first_wait_s <= longest_wait_s <= forget_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """When a session ends: ``idle_s`` after its last request, and ``longest_s`` after the sign-in in any case."""

    idle_s: float = 3600.0
    longest_s: float = 43200.0

    def __post_init__(self) -> None:
        if not 60 <= self.idle_s <= self.longest_s:
            raise BadDataError(f"idle_s {self.idle_s} and longest_s {self.longest_s} need 60 <= idle_s <= longest_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """Where the workbench is reached and by whom; see configs/workbench.yaml for each value."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    allowed_hosts: tuple[str, ...] = LOOPBACK
    trusted_proxies: tuple[str, ...] = ()
    secure_cookies: bool = True
    hsts_s: int = 31536000
    max_body_mib: int = 64
    max_connections: int = 200
    tls_certificate: str | None = None
    tls_key: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535 or self.workers < 1 or self.max_body_mib < 1 or self.max_connections < 1:
            raise BadDataError("port has to be 1 to 65535; workers, max_body_mib and max_connections 1 or more")
        if self.hsts_s < 0 or (self.tls_certificate is None) != (self.tls_key is None):
            raise BadDataError("give hsts_s 0 or more, and tls_certificate and tls_key both or none")
        for proxy in self.trusted_proxies:
            _check_network(proxy)
        if not self.allowed_hosts or any(_no_host(host) for host in self.allowed_hosts):
            raise BadDataError("allowed_hosts are names without scheme, port or *, such as workbench.plant.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """Sign-in by OpenID Connect; off where ``issuer`` is None. The secret is read from INSPECT_OIDC_CLIENT_SECRET.

    ``role_claim`` names the claim whose values ``roles`` maps to roles, the highest counts. Who has none of them is
    refused, or let in as ``unknown_role``.
    """

    issuer: str | None = None
    client_id: str = "inspect-pipeline"
    label: str = "Single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    unknown_role: Role | None = None
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if self.unknown_role not in (None, Role.OPERATOR):
            raise BadDataError(f"unknown_role {self.unknown_role} gives too much to people nobody knows; give operator")
        if self.issuer is not None and not safe_address(self.issuer):
            raise BadDataError(f"issuer {self.issuer!r} has to begin with https:// (http only on this machine)")
        if "openid" not in self.scopes or self.timeout_s <= 0:
            raise BadDataError("scopes need openid, and timeout_s more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """How people and machines are let in."""

    hashing: HashSettings = field(default_factory=HashSettings)
    lockout: LockoutSettings = field(default_factory=LockoutSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)


def _check_network(proxy: str) -> None:
    try:
        ipaddress.ip_network(proxy)
    except ValueError:
        raise BadDataError(f"trusted proxy {proxy!r} is no address or network; give one such as 10.0.0.5") from None


def _no_host(host: str) -> bool:
    plain = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host.replace(":", "/")
    return not plain or any(sign in plain for sign in "/*@ ") or host != host.lower()


def safe_address(address: str) -> bool:
    """Whether an address of a provider is https, or http on this machine."""
    here = tuple(f"http://{name}{end}" for name in LOOPBACK for end in (":", "/"))
    return address.startswith(("https://", *here))
