"""Passwords by argon2id (RFC 9106), a bounded number at a time."""

import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inspect_pipeline.domain.passwords import normal_form
from inspect_pipeline.services.security_settings import HashSettings


class Argon2Passwords:
    """Hashes and checks passwords; salts come from the operating system."""

    def __init__(self, settings: HashSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.passes, memory_cost=settings.memory_kib, parallelism=settings.lanes
        )
        self._turns = BoundedSemaphore(settings.at_once)
        self._nobodys = self.hashed(secrets.token_urlsafe())

    def hashed(self, password: str) -> str:
        """Return the hash with its salt and parameters, as text."""
        with self._turns:
            return self._hasher.hash(normal_form(password))

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether it is the hash of the password; None never matches and takes as long."""
        with self._turns:
            try:
                found = self._hasher.verify(self._nobodys if hashed is None else hashed, normal_form(password))
            except (VerificationError, InvalidHashError):
                return False
        return found and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)
