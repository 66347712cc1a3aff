"""Measures how long the search lags behind a create, on this site, now."""

from __future__ import annotations

from connectors.jira.client import Client
from connectors.jira.issues import Issues, label_of
from connectors.jira.jql import among
from connectors.jira.meta import Meta
from connectors.jira.shape import field_id
from connectors.kit.contract import Rejected, Write, Written
from connectors.kit.errors import Misconfigured, Unavailable

PATIENCE = 300.0  # seconds
POLL = 0.25
GIVEN = {"project", "issuetype", "summary"}


class Measure:
    def __init__(self, client: Client, meta: Meta, issues: Issues) -> None:
        self._client = client
        self._meta = meta
        self._issues = issues

    async def search_lag(self) -> float:
        """Seconds from a create until a search by label found it. The issue is deleted again in any case."""
        if not self._client.options.external_id.label:
            raise Misconfigured("without labels no search finds our issues", hint="Set external_id.label to true.")
        clock = self._client.ports.clock
        project, kind = await self._place()
        xid = f"canary{int(clock.random() * 2**40):010x}"
        fields = {
            "project": project,
            "issuetype": kind,
            "summary": "cutover measures the search; it deletes this again",
        }
        outcome, _ = (await self._issues.create([Write(xid, fields)]))[0]
        if not isinstance(outcome, Written):
            cause = outcome.cause if isinstance(outcome, Rejected) else str(outcome.error)
            raise Misconfigured(f"the canary was refused in {project}: {cause}", hint="Run `cutover check`.")
        start = clock.monotonic()
        try:
            while clock.monotonic() - start < PATIENCE:
                body = {"jql": among("labels", [label_of(xid)]), "maxResults": 1, "fields": ["id"]}
                if (await self._client.ask("/search/jql", body, scope="search")).get("issues"):
                    return clock.monotonic() - start
                await clock.sleep(POLL)
        finally:
            await self._issues.delete([outcome.target])
        raise Unavailable(f"a search did not find a new issue within {PATIENCE:.0f} s: the index is far behind")

    async def _place(self) -> tuple[str, str]:
        """A project and issue type that want no more than a summary."""
        for project in await self._meta.projects():
            for kind in await self._meta.issue_types(project) or ():
                if kind.get("subtask"):
                    continue
                fields = await self._meta.create_fields(project, str(kind["id"]))
                wanted = {field_id(f) for f in fields if f.get("required") and not f.get("hasDefaultValue")}
                if wanted <= GIVEN and any(field_id(field) == "labels" for field in fields):
                    return project, str(kind["name"])
        raise Misconfigured(
            "no project takes an issue with a summary and a label alone",
            hint="Set search_settle in the system's options to what this site's index needs, and skip the canary.",
        )
