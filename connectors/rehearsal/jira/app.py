"""The double itself: puts the rooms together and answers the control endpoints."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from connectors.rehearsal.base import Answer, Double, Time
from connectors.rehearsal.jira import (
    api_children,
    api_files,
    api_issues,
    api_links,
    api_people,
    api_search,
    api_site,
)
from connectors.rehearsal.jira.auth import Auth
from connectors.rehearsal.jira.catalogue import Catalogue, User, account_of
from connectors.rehearsal.jira.control import dump, perform
from connectors.rehearsal.jira.editor import Editor
from connectors.rehearsal.jira.index import Index
from connectors.rehearsal.jira.limits import Limits, Settings
from connectors.rehearsal.jira.routing import DENIED, routes, throttled
from connectors.rehearsal.jira.search import Search
from connectors.rehearsal.jira.site import Options, Site
from connectors.rehearsal.jira.stamps import millis
from connectors.rehearsal.jira.store import Store
from connectors.rehearsal.jira.tasks import Tasks
from connectors.rehearsal.people import Person

USER = "cutover@example.com"
TOKEN = "rehearsal"
CLIENT = "cutover"
SECRET = "rehearsal"
PROJECTS = {"DESK": "Service desk", "INFRA": "Infrastructure"}
WEEK = 7 * 86_400.0


class JiraDouble(Double):
    """A Jira Cloud site.

    Log in as `cutover@example.com` with the API token `rehearsal`, or with an OAuth bearer: POST /oauth/token with the
    client `cutover` and the secret `rehearsal`. Two projects, DESK and INFRA, no issues.
    """

    name = "jira"
    hint = f"user {USER}, token {TOKEN}; try: curl -u {USER}:{TOKEN} {{url}}/rest/api/3/myself"

    def __init__(
        self,
        *,
        people: Iterable[Person] = (),
        projects: Mapping[str, str] | None = None,
        lag: float = 0.0,
        zone: str = "Etc/UTC",
        limits: Mapping[str, Any] | None = None,
        hidden_emails: Iterable[str] = (),
        secured_share: float = 0.0,
        denied: Iterable[str] = (),
        tokens: Mapping[str, str] | None = None,
        options: Options | None = None,
        task_seconds: float = 0.1,
        token_life: float = WEEK,
        seed: int = 1,
        time: Time | None = None,
        journal: Path | None = None,
        latency: float = 0.0,
    ) -> None:
        """`people`: those with an account become users. `projects`: key to name. Seconds everywhere.

        `lag`: how late the search index is. `zone`: of the user who logs in. `limits`: as POST /_rehearsal/limits takes
        them. `hidden_emails`: of people who do not show theirs. `secured_share`: of new issues that a security level
        hides from the API's user. `denied`: permission keys that nobody has. `tokens`: more e-mail to API token.
        """
        super().__init__(seed=seed, time=time, journal=journal, latency=latency)
        hidden = {email.lower() for email in hidden_emails}
        owner = User(USER, "Cutover", account_of(USER), zone)
        catalogue = Catalogue(projects or PROJECTS, [owner, *_users(people, hidden)], denied)
        index = Index(lag)
        store = Store(catalogue, index, self.record, journaled=journal is not None)
        settings = Limits(self.time.monotonic, self.time.now, Settings())
        settings.change(limits or {})
        now = self.time.now
        self.site = Site(
            catalogue,
            store,
            Editor(store, self._millis, secured_share),
            Search(store, token_life),
            settings,
            Auth(catalogue, now, {USER: TOKEN, **(tokens or {})}, {CLIENT: SECRET}, owner),
            Tasks(self.time.sleep, self._millis, task_seconds),
            options or Options(),
            now,
            {},
            {},
        )
        self.recover()

    def _millis(self) -> int:
        return millis(self.time.now())

    def issues(self) -> list[dict[str, Any]]:
        """Every issue with all that hangs on it, as plain dicts, in the order of ids. For proofs."""
        return [dump(self.site, issue) for issue in self.site.store.issues.values()]

    def token(self) -> str:
        """A new OAuth bearer, good for an hour of the double's clock."""
        granted = self.site.auth.grant(
            {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        )
        assert granted
        return str(granted["access_token"])

    # ------------------------------------------------------------ hooks of the base

    def routes(self) -> Sequence[BaseRoute]:
        endpoints = [
            *api_issues.ENDPOINTS[:3],
            *api_search.ENDPOINTS,
            *api_people.ENDPOINTS,
            *api_site.ENDPOINTS,  # before the issues, whose path takes any word
            *api_issues.ENDPOINTS[3:],
            *api_children.ENDPOINTS,
            *api_links.ENDPOINTS,
            *api_files.ENDPOINTS,
        ]
        return [
            *routes(self.site, endpoints),
            *api_files.media_routes(self.site),
            Route("/oauth/token", self._grant, methods=["POST"]),
            Route("/_rehearsal/issues", self._issues, methods=["GET"]),
        ]

    def identity(self) -> dict[str, Any]:
        catalogue = self.site.catalogue
        return {
            **super().identity(),
            "projects": [project.key for project in catalogue.projects],
            "users": zlib.crc32("\n".join(catalogue.users).encode()),
        }

    def replay(self, kind: str, doc: dict[str, Any]) -> None:
        self.site.store.replay(kind, doc)

    def counts(self) -> dict[str, int]:
        store = self.site.store
        store.index.settle(self.time.now().timestamp())
        return {
            "issues": len(store.issues),
            "comments": len(store.comments),
            "attachments": len(store.attachments),
            "links": len(store.links),
            "remote links": len(store.remote_links),
            "worklogs": len(store.worklogs),
            "users": len(self.site.catalogue.users),
            "not yet indexed": store.index.waiting,
            **{f"refused {reason}": count for reason, count in self.site.limits.refused.items()},
        }

    def limits(self, settings: dict[str, Any]) -> dict[str, Any]:
        """`quota`, `burst`, `bucket`, `issue_writes`, and `lag` of the search index."""
        settings = dict(settings)
        if "lag" in settings:
            self.site.store.index.lag = float(settings.pop("lag"))
        return {**self.site.limits.change(settings), "lag": self.site.store.index.lag}

    async def scripted(self, doc: dict[str, Any]) -> Any:
        return perform(self.site, doc)

    def failure(self, status: int) -> Response:
        if status == 503:
            return Answer({"errorMessages": ["Service unavailable."], "errors": {}}, 503, {"Retry-After": "2"})
        return Answer({"errorMessages": ["Internal server error"], "errors": {}}, status)

    def throttled(self, seconds: float) -> Response:
        return throttled(self.site, seconds)

    def unauthorized(self) -> Response:
        return PlainTextResponse(DENIED, 401)

    def close(self) -> None:
        self.site.tasks.close()
        super().close()

    # ------------------------------------------------------------ beside the API

    async def _grant(self, request: Request) -> Response:
        """The vendor's token endpoint: a form or JSON."""
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                form = orjson.loads(await request.body())
            except ValueError:
                form = None
        else:
            async with request.form() as parts:
                form = {name: str(value) for name, value in parts.items()}
        granted = self.site.auth.grant(form) if isinstance(form, dict) else None
        if granted is None:
            return Answer({"error": "access_denied", "error_description": "Unauthorized"}, 401)
        return Answer(granted)

    async def _issues(self, request: Request) -> Response:
        """JSON lines, one issue each. `fields`: which to show, all when it is absent."""
        fields = [name for name in request.query_params.get("fields", "").split(",") if name]

        async def lines() -> AsyncIterator[bytes]:
            chunk: list[bytes] = []
            for issue in list(self.site.store.issues.values()):
                chunk.append(orjson.dumps(dump(self.site, issue, fields or None), option=orjson.OPT_APPEND_NEWLINE))
                if len(chunk) == 500:
                    yield b"".join(chunk)
                    chunk.clear()
            yield b"".join(chunk)

        return StreamingResponse(lines(), media_type="application/x-ndjson")


def _users(people: Iterable[Person], hidden: set[str]) -> list[User]:
    return [
        User(
            person.email,
            person.name,
            person.account,
            person.zone,
            person.language,
            person.email.lower() in hidden,
            person.active,
        )
        for person in people
        if person.account
    ]
