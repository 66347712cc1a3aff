"""Everything of ours on a site.

JQL finds no property, and no labels by how they begin. So the census reads what our account created (or what has our
field filled, where there is one), by keyset, and keeps what carries our property.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.jira.client import Client
from connectors.jira.jql import accept, among, conjunction
from connectors.jira.meta import Meta
from connectors.jira.readback import signed, standing_of
from connectors.jira.reading import Found, Reading
from connectors.jira.spans import Range
from connectors.kit.contract import Census, Scope, Standing

_MARK = "cutover:signed"  # among a record's fields: our id
FIELDS = ("status", "parent", "updated")


class Roll:
    def __init__(self, client: Client, meta: Meta) -> None:
        self._client = client
        self._meta = meta
        own = client.options.external_id
        self._filter = f"{clause_of(own.field)} is not EMPTY" if own.field else "creator = currentUser()"
        self._reading = _Signed(client, meta, own.property)

    async def page(self, rest: str, limit: int) -> Census:
        """Pages may be short: issues of our account that are none of the migration's are left out."""
        scope = Scope("issue", (self._filter,), FIELDS)
        span = rest or (await self._reading.spans(scope, 1) or [""])[0]
        if not span:
            return Census([], None)
        page = await self._reading.read(scope, span, limit)
        found: list[Standing] = []
        for record in page.records:
            xid = record.fields.pop(_MARK)
            if xid:
                found.append(standing_of({"id": record.key, "fields": record.fields}, xid, {}))
        return Census(found, page.rest)

    async def tally(self) -> int | None:
        """Only the field of our own is filled for nothing but our records."""
        if not self._client.options.external_id.field:
            return None
        projects = await self._meta.projects()
        if not projects:
            return 0
        query = conjunction([among("project", projects), *accept([self._filter])])
        answer = await self._client.ask("/search/approximate-count", {"jql": query}, scope="count")
        return int(answer["count"])


class _Signed(Reading):
    """Reads issues with our id among their fields."""

    def __init__(self, client: Client, meta: Meta, property: str) -> None:
        super().__init__(client, meta)
        self._property = property
        self.extra = {"properties": [property]}

    async def _range(self, filters: Sequence[str], fields: Sequence[str], wanted: Range, limit: int) -> Found:
        found = await super()._range(filters, fields, wanted, limit)
        for _, issue in found.issues:
            issue["fields"][_MARK] = signed(issue, self._property)
        return found


def clause_of(field: str) -> str:
    """A field, as JQL calls it."""
    return f"cf[{field.removeprefix('customfield_')}]" if field.startswith("customfield_") else field
