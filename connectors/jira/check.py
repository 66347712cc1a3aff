"""Would it work tonight: reach, credentials, and each right that the planned operations need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC

from connectors.jira import jql
from connectors.jira.client import CREDENTIALS, Client
from connectors.jira.links import Links
from connectors.jira.meta import Meta
from connectors.jira.people import People
from connectors.kit.contract import Finding, Scope
from connectors.kit.errors import ConnectorError, Misconfigured, Throttled

READS = ("BROWSE_PROJECTS",)
WRITES = {
    "issue": (
        "BROWSE_PROJECTS",
        "CREATE_ISSUES",
        "EDIT_ISSUES",
        "TRANSITION_ISSUES",
        "DELETE_ISSUES",
        "MODIFY_REPORTER",
    ),
    "comment": ("ADD_COMMENTS",),
    "attachment": ("CREATE_ATTACHMENTS",),
    "link": ("LINK_ISSUES",),
}
WHY = {
    "DELETE_ISSUES": "without it a rollback cannot remove what was created",
    "MODIFY_REPORTER": "needed where a playbook sets the reporter",
    "TRANSITION_ISSUES": "needed where a playbook sets a status",
}
SHOWN = 5


class Check:
    def __init__(self, client: Client, meta: Meta, people: People, links: Links) -> None:
        self._client = client
        self._meta = meta
        self._people = people
        self._links = links

    async def run(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        """Findings in the order in which they stop things: what comes after a failed sign-in is not asked."""
        findings: list[Finding] = []
        try:
            async for finding in self._findings(reads, writes):
                findings.append(finding)  # noqa: PERF401 - those before an error count
        except Misconfigured as error:
            findings.append(Finding("credentials" if len(findings) < 2 else "set-up", False, str(error), error.hint))
        except Throttled as error:
            findings.append(Finding("limits", False, str(error), f"Try again in {error.retry_after:.0f} s."))
        except ConnectorError as error:
            findings.append(Finding("reach", False, str(error), "Check the system's url, and the network to it."))
        return findings

    async def _findings(self, reads: Sequence[Scope], writes: Sequence[str]) -> AsyncIterator[Finding]:
        info = await self._client.get("/serverInfo", scope="serverInfo")
        kind = str(info.get("deploymentType", "unknown"))
        hint = "This connector speaks to Jira Cloud." if kind != "Cloud" else ""
        yield Finding("reach", kind == "Cloud", f"Jira {kind} {info.get('version', '')}".strip(), hint)
        # Before anything else that needs an account: other calls answer a stranger with less, not with an error.
        await self._people.me()
        yield Finding("credentials", True, "Jira knows the account")
        yield await self._zone()
        projects = await self._meta.projects()
        if not projects:
            yield Finding("projects", False, "no project can be seen", f"Set the option `projects`. {CREDENTIALS}")
            return
        wanted = [*(READS if reads else ()), *(right for entity in writes for right in WRITES.get(entity, ()))]
        for finding in await self._rights(list(dict.fromkeys(wanted)), projects):
            yield finding
        for scope in reads:
            yield await self._filter(scope)
        if "issue" in writes:
            async for finding in self._screens(projects):
                yield finding
            yield Finding(
                "notifications",
                True,
                "Jira mails people about every issue and comment that is created",
                "Ask an administrator to switch the projects' notification scheme off for the night.",
            )
        if "attachment" in writes:
            yield await self._attachments()
        if "link" in writes:
            names = [str(one["name"]) for one in await self._links.types()]
            yield Finding(
                "link types", bool(names), ", ".join(names) or "none", "" if names else "Switch issue linking on."
            )

    async def _zone(self) -> Finding:
        zone = await self._people.zone()
        now = self._client.ports.clock.now()
        if now.astimezone(zone).utcoffset() == now.astimezone(UTC).utcoffset() and zone.key in (
            "UTC",
            "Etc/UTC",
            "GMT",
        ):
            return Finding("time zone", True, zone.key)
        detail = f"{zone.key}; Jira reads the stamps of our queries in it, and one hour a year means two"
        return Finding("time zone", True, detail, "Set the service account's time zone to UTC.")

    async def _rights(self, rights: Sequence[str], projects: Sequence[str]) -> list[Finding]:
        """One finding a right: the projects that lack it, if any."""
        if not rights:
            return []
        lacking: dict[str, list[str]] = {right: [] for right in rights}
        unseen: list[str] = []
        for project in projects:
            params = {"permissions": ",".join(rights), "projectKey": project}
            reply = await self._client.send("GET", "/mypermissions", scope="mypermissions", params=params)
            if reply.status == 404:
                unseen.append(project)
                continue
            granted = self._client.expect(reply, "/mypermissions").get("permissions") or {}
            for right in rights:
                if not (granted.get(right) or {}).get("havePermission"):
                    lacking[right].append(project)
        findings = [_right(right, lacking[right], len(projects) - len(unseen)) for right in rights]
        if unseen:
            hint = "Correct the option `projects`, or let the account browse them."
            findings.insert(0, Finding("projects", False, f"not there, or not to be seen: {_some(unseen)}", hint))
        return findings

    async def _filter(self, scope: Scope) -> Finding:
        subject = f"filter of {scope.entity}"
        query = jql.conjunction(jql.accept(scope.filters))
        if not query:
            return Finding(subject, True, "everything")
        body = {"queries": [query]}
        path = "/jql/parse?validation=strict"
        reply = await self._client.send("POST", path, scope="jql.parse", body=body, safe=True)
        parsed = (self._client.expect(reply, "/jql/parse").get("queries") or [{}])[0]
        errors = parsed.get("errors") or ()
        return Finding(subject, not errors, "; ".join(errors) or query, "Correct the filter." if errors else "")

    async def _screens(self, projects: Sequence[str]) -> AsyncIterator[Finding]:
        """Whether our ids can be written where a search finds them."""
        options = self._client.options.external_id
        wanted = [name for name in ("labels" if options.label else "", options.field) if name]
        lacking: dict[str, list[str]] = {name: [] for name in wanted}
        for project in projects:
            for kind in await self._meta.issue_types(project) or ():
                fields = {str(meta.get("fieldId")) for meta in await self._meta.create_fields(project, str(kind["id"]))}
                for name in set(wanted) - fields:
                    lacking[name].append(f"{project} {kind.get('name', '')}")
        for name, where in lacking.items():
            detail = f"not on the create screen of {_some(where)}" if where else "on every create screen"
            hint = f"Put {name} on these screens, or change `external_id` in the system's options." if where else ""
            yield Finding(f"external id in {name}", not where, detail, hint)

    async def _attachments(self) -> Finding:
        meta = await self._client.get("/attachment/meta", scope="attachment.meta")
        if not meta.get("enabled"):
            return Finding("attachments", False, "switched off", "Ask an administrator to switch attachments on.")
        return Finding("attachments", True, f"up to {int(meta.get('uploadLimit') or 0):,} bytes each")


def _right(right: str, lacking: Sequence[str], projects: int) -> Finding:
    words = right.lower().replace("_", " ")
    if not lacking:
        return Finding(f"permission: {words}", True, f"granted in {projects} projects" if projects > 1 else "granted")
    why = f" ({WHY[right]})" if right in WHY else ""
    hint = f"Grant '{words}' to the account in the permission scheme of these projects."
    return Finding(f"permission: {words}", False, f"missing in {_some(lacking)}{why}", hint)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
