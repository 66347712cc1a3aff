"""One Jira site: its state, and the rules that the handlers share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from connectors.rehearsal.jira.auth import Auth
from connectors.rehearsal.jira.catalogue import Catalogue, User
from connectors.rehearsal.jira.clauses import Reader
from connectors.rehearsal.jira.editor import Editor
from connectors.rehearsal.jira.limits import Limits, Refusal
from connectors.rehearsal.jira.model import Comment, Issue
from connectors.rehearsal.jira.problem import Problem, bad, missing, missing_issue
from connectors.rehearsal.jira.render import Render
from connectors.rehearsal.jira.search import Search
from connectors.rehearsal.jira.shapes import Shapes
from connectors.rehearsal.jira.store import Store
from connectors.rehearsal.jira.tasks import Tasks

BAD_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."


@dataclass(frozen=True, slots=True)
class Options:
    """How this site is set up; sizes in bytes, times in seconds."""

    page_cap: int = 100  # issues a search page gives at most when more than ids are asked for
    upload_limit: int = 1 << 30
    rewrites: bool = False  # documents come back as the editor writes them down, not as they were sent
    caps: Mapping[str, int] = field(
        default_factory=lambda: {
            "comment": 5000,
            "attachment": 2000,
            "issuelink": 2000,
            "remotelink": 2000,
            "worklog": 10_000,
        }
    )


class Site(NamedTuple):
    catalogue: Catalogue
    store: Store
    editor: Editor
    search: Search
    limits: Limits
    auth: Auth
    tasks: Tasks
    options: Options
    now: Callable[[], datetime]
    shapes: dict[str, Shapes]
    renders: dict[tuple[str, str], Render]
    secret: str = secrets.token_hex(16)  # signs the URLs of media


class Limited(Exception):
    """A write limit of one issue bites."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


Result = tuple[int, Any] | Response
Anonymous = Literal["denied", "hidden", "empty", "open"]


class Call:
    """One call that was let in."""

    __slots__ = ("base", "request", "site", "user", "version")

    def __init__(self, site: Site, request: Request, user: User, version: int, base: str) -> None:
        self.site = site
        self.request = request
        self.user = user
        self.version = version
        self.base = base

    # ------------------------------------------------------------ reading the call

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        return self.query(name, str(default)).lower() == "true"

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """A whole number of the query, silently clamped to 0..most. Raises Problem when it is none."""
        word = self.query(name)
        if not word:
            return default if most is None else min(default, most)
        try:
            value = max(0, int(word))
        except ValueError:
            raise bad(f"The value of the query parameter '{name}' must be a whole number.") from None
        return value if most is None else min(value, most)

    def listed(self, name: str) -> tuple[str, ...]:
        """A repeated or comma-separated query parameter."""
        return tuple(part for item in self.request.query_params.getlist(name) for part in item.split(",") if part)

    async def body(self) -> Any:
        try:
            return orjson.loads(await self.request.body())
        except ValueError:
            raise bad(BAD_PAYLOAD) from None

    async def doc(self) -> dict[str, Any]:
        body = await self.body()
        if type(body) is not dict:
            raise bad(BAD_PAYLOAD)
        return body

    # ------------------------------------------------------------ what it works on

    @property
    def shapes(self) -> Shapes:
        held = self.site.shapes.get(self.base)
        if held is None:
            held = self.site.shapes[self.base] = Shapes(self.base, self.site.catalogue)
        return held

    @property
    def render(self) -> Render:
        key = (self.base, self.user.account_id)
        held = self.site.renders.get(key)
        if held is None:
            held = self.site.renders[key] = Render(
                self.shapes, self.site.store, self.user, self.version, rewrites=self.site.options.rewrites
            )
        return held

    @property
    def reader(self) -> Reader:
        return Reader(self.user, self.site.now())

    def issue(self) -> Issue:
        """The issue in the path, when its reader may see it. Raises Problem (404)."""
        return self.seen(self.path("issue"))

    def seen(self, id_or_key: str) -> Issue:
        issue = self.site.store.find(id_or_key)
        if issue is None or issue.secured:
            raise missing_issue()
        return issue

    def writing(self) -> Issue:
        """The issue in the path, to be written to now: counts against its write limit. Raises Problem or Limited."""
        issue = self.issue()
        self.count_write(issue)
        return issue

    def count_write(self, issue: Issue) -> None:
        refusal = self.site.limits.write(issue.id)
        if refusal:
            raise Limited(refusal)
        if issue.archived:
            raise Problem(403, ["The issue is archived: it cannot be changed."])

    def require(self, permission: str, why: str) -> None:
        if not self.site.catalogue.may(permission):
            raise Problem(403, [why])

    def room(self, what: str, held: int) -> None:
        """There may be so many of a kind on one issue. Raises Problem (413)."""
        most = self.site.options.caps[what]
        if held >= most:
            raise Problem(413, [f"The issue has reached its limit of {most} entries of the type {what}."])

    def comment_at(self, name: str) -> Comment:
        word = self.path(name)
        comment = self.site.store.comments.get(int(word)) if word.isdigit() else None
        if comment is None or self.site.store.issues[comment.issue].secured:
            raise missing(f"Can not find a comment for the id: {word}.")
        return comment


def sliced(items: list[Any], start: int, size: int) -> list[Any]:
    return items[start : start + size]
