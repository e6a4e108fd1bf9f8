"""Sign-in by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce; claims of the ID token only."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from inspect_pipeline.domain.records import Clock
from inspect_pipeline.errors import InspectError, RefusedError
from inspect_pipeline.services.security_settings import OidcSettings, safe_address

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_S = 60


class ProviderError(InspectError):
    """The provider does not answer, or not as OpenID Connect says it has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What a browser carries to the provider and back, in a cookie of its own; all but ``next_page`` is random."""

    state: str
    nonce: str
    verifier: str
    next_page: str

    def packed(self) -> str:
        """Return it as text for a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @staticmethod
    def unpacked(text: str | None) -> "Journey":
        """Return the journey of a cookie. Raises RefusedError for none or a damaged one."""
        try:
            found = json.loads(base64.urlsafe_b64decode(text or ""))
            return Journey(**{key: str(found[key]) for key in ("state", "nonce", "verifier", "next_page")})
        except (binascii.Error, ValueError, KeyError, TypeError):
            raise RefusedError("this sign-in began elsewhere or took too long; begin again") from None


class OpenIdProvider:
    """A provider by its settings; what it says of itself is fetched when first needed."""

    def __init__(self, settings: OidcSettings, *, secret: str, clock: Clock) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._lock = Lock()
        self._metadata: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None

    @property
    def label(self) -> str:
        """The text on the button."""
        return self._settings.label

    def begin(self, redirect: str, *, next_page: str) -> tuple[str, Journey]:
        """Return the provider's address to send the browser to, and what the browser brings back."""
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        with self._client(redirect) as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, code_verifier=verifier, nonce=nonce
            )
        return str(url), Journey(state=state, nonce=nonce, verifier=verifier, next_page=next_page)

    def claims(self, answer: str, journey: Journey, *, redirect: str) -> Mapping[str, object]:
        """Return the verified claims behind the address that the provider sent the browser back to.

        Raises RefusedError for an answer that does not belong to the journey or says no, ProviderError for a token that
        is not as it must be.
        """
        self._check_answer(answer, journey)
        with self._client(redirect) as client:
            try:
                token = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    authorization_response=answer,
                    state=journey.state,
                    code_verifier=journey.verifier,
                )
            except AuthlibBaseError as error:
                raise RefusedError(f"the provider did not confirm the sign-in ({error.error}); begin again") from error
            except httpx2.HTTPError as error:
                raise self._silent(error) from error
        return self._verified(token, journey)

    def _check_answer(self, answer: str, journey: Journey) -> None:
        given = parse_qs(urlsplit(answer).query)
        if given.get("state") != [journey.state] or given.get("iss", [self._settings.issuer]) != [
            self._settings.issuer
        ]:
            raise RefusedError("this sign-in began elsewhere or took too long; begin again")
        if len(given.get("code", [])) != 1:
            raise RefusedError("the provider did not let you in; begin again or ask an admin")

    def _verified(self, token: Mapping[str, Any], journey: Journey) -> Mapping[str, object]:
        try:
            text = str(token["id_token"])
            decoded = jwt.decode(text, self._key_set(text), algorithms=list(_ALGORITHMS))
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                params={
                    "nonce": journey.nonce,
                    "client_id": self._settings.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock().timestamp()), leeway=_LEEWAY_S)
        except (JoseError, AuthlibBaseError, KeyError, ValueError, TypeError) as error:
            kind = type(error).__name__
            raise RefusedError(f"the provider's ID token is not valid ({kind}); tell an admin") from error
        return dict(claims)

    def _key_set(self, token: str) -> KeySet:
        """Return the provider's keys, fetched anew when the token names one that is not there: providers roll them."""
        header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
        wanted = header["kid"] if isinstance(header, dict) and "kid" in header else None
        with self._lock:
            keys = self._keys
        if keys is None or (wanted is not None and wanted not in {key.kid for key in keys.keys}):
            keys = KeySet.import_key_set(cast(KeySetSerialization, self._fetched(self._endpoint("jwks_uri"))))
            with self._lock:
                self._keys = keys
        return keys

    def _endpoint(self, name: str) -> str:
        """Return an address of the provider. Raises ProviderError for one that is not https."""
        with self._lock:
            metadata = self._metadata
        if metadata is None:
            metadata = self._fetched(f"{str(self._settings.issuer).rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != self._settings.issuer:
                raise ProviderError("the provider calls itself otherwise than oidc.issuer; write it exactly as it does")
            with self._lock:
                self._metadata = metadata
        address = str(metadata.get(name, ""))
        if not safe_address(address):
            raise ProviderError(f"the provider gives no safe {name}; ask who runs it")
        return address

    def _fetched(self, url: str) -> dict[str, Any]:
        try:
            answer = httpx2.get(url, timeout=self._settings.timeout_s, follow_redirects=False)
            answer.raise_for_status()
            document = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._silent(error) from error
        if not isinstance(document, dict):
            raise ProviderError(f"{url} is no JSON object; check oidc.issuer")
        return document

    def _silent(self, error: Exception) -> ProviderError:
        return ProviderError(
            f"the provider {self._settings.issuer} does not answer as it should ({type(error).__name__}); "
            "try again, or sign in with a local account"
        )

    def _client(self, redirect: str) -> OAuth2Client:
        return OAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._secret,
            scope=" ".join(self._settings.scopes),
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=self._settings.timeout_s,
        )
