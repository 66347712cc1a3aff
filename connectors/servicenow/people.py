"""People: ids to e-mail addresses and back."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.servicenow.reading import Reader

_MOST_KEPT = 100_000


class People:
    """Looked up once, kept."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._emails: dict[str, str] = {}  # by sys_id; empty when unknown

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        missing = [key for key in dict.fromkeys(ids) if key and key not in self._emails]
        if missing:
            if len(self._emails) > _MOST_KEPT:
                self._emails.clear()
                missing = [key for key in dict.fromkeys(ids) if key]
            rows = await self._reader.rows("sys_user", "sys_id", missing, ("sys_id", "email"))
            self._emails |= dict.fromkeys(missing, "") | {row["sys_id"]: row.get("email") or "" for row in rows}
        return {key: self._emails[key] for key in ids if self._emails.get(key)}

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        """By address, in lower case. An address that two active people share names nobody."""
        wanted = sorted({email.strip().lower() for email in emails if email.strip()})
        rows = await self._reader.rows("sys_user", "email", wanted, ("sys_id", "email", "active"))
        found: dict[str, list[tuple[bool, str]]] = {}
        for row in rows:
            found.setdefault(row["email"].lower(), []).append((row.get("active") != "false", row["sys_id"]))
        accounts = {}
        for email, candidates in found.items():
            active = [key for works, key in candidates if works] or [key for _, key in candidates]
            if len(active) == 1:
                accounts[email] = active[0]
        return accounts
