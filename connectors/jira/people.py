"""People: accounts by e-mail address and back, and who we are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.jira.client import CREDENTIALS, Client, together
from connectors.kit.contract import Fields
from connectors.kit.errors import Misconfigured

BULK = 200
UNKNOWN_FOR = 600.0  # seconds before an unknown address is looked up again
AT_ONCE = 4
KEPT = 100_000


class People:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client.ports.clock
        self._me: Fields | None = None
        self._quiet: bool | None = None
        self._accounts: dict[str, tuple[float, str]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def me(self) -> Fields:
        """Our own account, read once. Misconfigured when Jira does not know us."""
        if self._me is None:
            reply = await self._client.send("GET", "/myself", scope="myself")
            if reply.status != 200:
                raise Misconfigured(f"Jira does not know the account ({reply.status})", hint=CREDENTIALS)
            self._me = reply.body
        return self._me or {}

    async def zone(self) -> ZoneInfo:
        """The zone in which Jira reads the stamps of our JQL."""
        name = str((await self.me()).get("timeZone") or "UTC")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise Misconfigured(
                f"the account's time zone {name} is unknown here",
                hint="Set the time zone of the service account to UTC in Jira.",
            ) from None

    async def may_be_quiet(self) -> bool:
        """Whether an update of ours may go without mails: Jira grants that to administrators only."""
        if self._quiet is None:
            params = {"permissions": "ADMINISTER"}
            answer = await self._client.get("/mypermissions", scope="mypermissions", params=params)
            granted = (answer.get("permissions") or {}).get("ADMINISTER") or {}
            self._quiet = bool(granted.get("havePermission"))
        return self._quiet

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        """accountIds by e-mail in lower case. Only an exact, visible address counts: a near one is another person."""
        wanted = {email.strip().lower() for email in emails} - {""}
        given = self._client.options.people
        now = self._clock.monotonic()
        missing = [email for email in sorted(wanted - given.keys()) if self._stale(email, now)]
        await together(self._look_up(email) for email in missing)
        known = {email: given.get(email) or self._accounts[email][1] for email in wanted}
        while len(self._accounts) > KEPT:
            self._accounts.pop(next(iter(self._accounts)))
        return {email: account for email, account in known.items() if account}

    def _stale(self, email: str, now: float) -> bool:
        known = self._accounts.get(email)
        return known is None or (not known[1] and now - known[0] > UNKNOWN_FOR)

    async def _look_up(self, email: str) -> None:
        async with self._slots:
            params = {"query": email, "maxResults": "50"}
            users = await self._client.get("/user/search", scope="user.search", params=params)
        exact = [
            user for user in users if str(user.get("emailAddress", "")).lower() == email and user.get("active", True)
        ]
        people = [user for user in exact if user.get("accountType", "atlassian") == "atlassian"] or exact
        # Two people with one address: nobody can say which of them is meant.
        account = str(people[0]["accountId"]) if len(people) == 1 else ""
        self._accounts[email] = (self._clock.monotonic(), account)

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        """E-mail addresses by accountId, as far as people let theirs be seen."""
        found = {account: email for email, account in self._client.options.people.items() if account in set(ids)}
        asked = sorted(set(ids) - found.keys() - {""})
        for start in range(0, len(asked), BULK):
            for user in await self._users(asked[start : start + BULK]):
                if user.get("emailAddress"):
                    found[str(user["accountId"])] = str(user["emailAddress"])
        return found

    async def _users(self, ids: Sequence[str]) -> list[Any]:
        query = "&".join(f"accountId={quote(account, safe='')}" for account in ids)
        path = f"/user/bulk?maxResults={BULK}&{query}"
        reply = await self._client.send("GET", path, scope="user.bulk")
        return list(self._client.expect(reply, "/user/bulk").get("values") or ())
