"""Who calls: Basic, OAuth bearer, API key or session cookie."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from zoneinfo import ZoneInfo

CLIENT_ID, CLIENT_SECRET = "cutover-client", "rehearsal"
"""The OAuth client of the double."""


@dataclass(frozen=True)
class User:
    """An account that may call the API. `zone` is the time zone of its dates."""

    password: str
    roles: tuple[str, ...] = ("itil",)
    zone: str = "UTC"
    api_key: str = ""

    @property
    def admin(self) -> bool:
        return "admin" in self.roles


USERS: dict[str, User] = {
    "cutover": User("rehearsal", ("itil", "rest_api_explorer", "import_transformer"), api_key="rehearsal-key"),
    "admin": User("rehearsal", ("admin", "itil")),
}
"""The accounts of a double that is given none."""


@dataclass(frozen=True)
class Caller:
    name: str
    user: User
    sys_id: str
    cookie: str = ""  # a session to be set

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.user.zone)


def user_id(name: str) -> str:
    """The sys_id of an account's row in sys_user."""
    return hashlib.md5(f"account:{name}".encode(), usedforsecurity=False).hexdigest()


class Door:
    """Checks credentials. Tokens are signed, so that they outlive a restart of the double."""

    def __init__(self, users: Mapping[str, User], seed: int) -> None:
        self.users = dict(users)
        self._key = hashlib.sha256(f"rehearsal:{seed}".encode()).digest()
        self._sessions: dict[str, str] = {}  # cookie: user name

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def caller(self, headers: Mapping[str, str], method: str, now: float) -> Caller | None:
        """The caller of a request, or None when nothing valid is shown. `now` in unix seconds."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        session = self._session(headers.get("cookie", ""))
        if scheme.lower() == "basic":
            name = self._basic(given)
            if name is None:
                return None
            cookie = "" if session == name else self._new_session(name)
            return self._as(name, cookie)
        if scheme.lower() == "bearer":
            return self._as(self._token(given, "access", now))
        if key := headers.get("x-sn-apikey"):
            return self._as(next((name for name, user in self.users.items() if user.api_key == key), None))
        if session and method == "GET":  # writes by a session alone would need its X-UserToken
            return self._as(session)
        return None

    def _as(self, name: str | None, cookie: str = "") -> Caller | None:
        return Caller(name, self.users[name], user_id(name), cookie) if name in self.users and name else None

    def _basic(self, given: str) -> str | None:
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if self.password_fits(name, password) else None

    def password_fits(self, name: str, password: str) -> bool:
        user = self.users.get(name)
        return user is not None and hmac.compare_digest(user.password.encode(), password.encode())

    def _new_session(self, name: str) -> str:
        cookie = hashlib.md5(self._key + f"session:{len(self._sessions)}".encode(), usedforsecurity=False).hexdigest()
        self._sessions[cookie.upper()] = name
        return cookie.upper()

    def _session(self, header: str) -> str | None:
        try:
            morsel = SimpleCookie(header).get("JSESSIONID")
        except CookieError:
            return None
        return self._sessions.get(morsel.value) if morsel else None

    # ------------------------------------------------------------ tokens: kind.user.expiry.signature

    def token(self, kind: str, name: str, expiry: float) -> str:
        content = f"{kind}.{name.encode().hex()}.{expiry:.3f}"
        return base64.urlsafe_b64encode(f"{content}.{self._sign(content)}".encode()).decode().rstrip("=")

    def _sign(self, content: str) -> str:
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()[:24]

    def _token(self, token: str, kind: str, now: float) -> str | None:
        try:
            text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
            content, _, signature = text.rpartition(".")
            made_for, name, seconds, part = content.split(".")
            expiry = float(f"{seconds}.{part}")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        good = hmac.compare_digest(signature.encode(), self._sign(content).encode())
        return bytes.fromhex(name).decode() if good and made_for == kind and now < expiry else None

    def grant(self, form: Mapping[str, str], now: float) -> str | None:
        """The user to whom a token is granted, or None. `form` is the body of a token request."""
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return None
        match form.get("grant_type"):
            case "password":
                name = form.get("username", "")
                return name if self.password_fits(name, form.get("password", "")) else None
            case "refresh_token":
                return self._token(form.get("refresh_token", ""), "refresh", now)
            case "client_credentials":
                return "cutover" if "cutover" in self.users else next(iter(self.users), None)
        return None
