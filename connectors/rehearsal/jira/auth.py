"""Who calls: Basic with an API token, or a bearer that runs out."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from connectors.rehearsal.jira.catalogue import Catalogue, User

LIFE = 3600.0


class Auth:
    """`tokens`: e-mail to API token. `clients`: OAuth client id to its secret; a client acts as `owner`."""

    def __init__(
        self,
        catalogue: Catalogue,
        now: Callable[[], datetime],
        tokens: Mapping[str, str],
        clients: Mapping[str, str],
        owner: User,
    ) -> None:
        self._catalogue = catalogue
        self._now = now
        self._tokens = {email.lower(): token for email, token in tokens.items()}
        self._clients = dict(clients)
        self.owner = owner
        self._bearers: dict[str, datetime] = {}
        self._refreshes: set[str] = set()
        self._known: dict[str, User] = {}  # Basic headers seen before

    def who(self, header: str | None) -> User | None:
        """The user of an Authorization header; None for nobody, whatever the reason."""
        if not header:
            return None
        known = self._known.get(header)
        if known:
            return known
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            expires = self._bearers.get(value)
            return self.owner if expires and expires > self._now() else None
        if scheme.lower() != "basic":
            return None
        try:
            email, _, token = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        held = self._tokens.get(email.lower())
        user = self._catalogue.by_email.get(email.lower())
        if user is None or held is None or not secrets.compare_digest(held.encode(), token.encode()):
            return None
        self._known[header] = user
        return user

    def grant(self, form: Mapping[str, str]) -> dict[str, object] | None:
        """An OAuth token by client credentials or by a refresh token (each good for once); None when refused."""
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if not client or self._clients.get(client) != secret:
            return None
        match form.get("grant_type"):
            case "client_credentials":
                pass
            case "refresh_token":
                refresh = form.get("refresh_token", "")
                if refresh not in self._refreshes:
                    return None
                self._refreshes.remove(refresh)
            case _:
                return None
        bearer, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._bearers = {token: until for token, until in self._bearers.items() if until > self._now()}
        self._bearers[bearer] = self._now() + timedelta(seconds=LIFE)
        self._refreshes.add(refresh)
        return {
            "access_token": bearer,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": int(LIFE),
            "scope": "read:jira-work write:jira-work offline_access",
        }

    def expire(self) -> int:
        """Let every bearer run out now; how many did."""
        count = len(self._bearers)
        self._bearers.clear()
        return count
