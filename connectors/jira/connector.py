"""One Jira Cloud site as a source and as a target: what the engine holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.jira import stamps
from connectors.jira.attachments import Attachments
from connectors.jira.canary import Measure
from connectors.jira.canonical import Forms
from connectors.jira.census import Roll
from connectors.jira.changes import ChangeFeed
from connectors.jira.check import Check
from connectors.jira.children import Children
from connectors.jira.client import API, Client, together
from connectors.jira.comments import Comments
from connectors.jira.issues import BULK, Issues
from connectors.jira.jql import quote
from connectors.jira.links import Links
from connectors.jira.lookup import LookingUp
from connectors.jira.meta import Meta
from connectors.jira.moves import Moves
from connectors.jira.options import options_of
from connectors.jira.others import Others
from connectors.jira.people import People
from connectors.jira.readback import Readback
from connectors.jira.reading import Reading
from connectors.jira.restoring import Restoring
from connectors.jira.schema import Schema
from connectors.jira.walk import Walk
from connectors.kit.contract import (
    Census,
    Changes,
    Connection,
    Content,
    Creates,
    Doubt,
    Feed,
    FieldInfo,
    Fields,
    Finding,
    Move,
    Outcome,
    Page,
    Ports,
    Record,
    Scope,
    Standing,
    Touch,
    Traits,
    Write,
    Written,
)
from connectors.kit.errors import Misconfigured

ENTITIES = ("issue", "comment", "attachment", "link")
CHILDREN = ("comment", "attachment")
PAGE = 100  # issues a read: as many as Jira returns at once with all their fields
CHILD_BULK = 50


class Jira:
    """Source, Target, Canary, Readback, Undo and Lookup. Each entity's work has a file of its own: this leads there."""

    def __init__(self, connection: Connection, ports: Ports) -> None:
        self._options = options_of(connection)
        self._client = client = Client(connection, ports, self._options)
        self._people = people = People(client)
        self._meta = meta = Meta(client)
        self._issues = Issues(client, meta, people)
        self._walk = Walk(client, meta)
        self._moves = Moves(client)
        self._comments = Comments(client, people)
        self._attachments = Attachments(client, people)
        self._links = Links(client)
        self._reading = Reading(client, meta)
        self._children = Children(client, self._comments)
        self._feed = ChangeFeed(client, meta, people, self.now)
        self._forms = Forms(client)
        self._readback = Readback(client, self._forms, self._comments, self._links)
        self._roll = Roll(client, meta)
        self._others = Others(client, people, self._comments)
        self._restoring = Restoring(client, meta, people, self._forms, self._issues)
        self._looking_up = LookingUp(client, meta, self._forms)
        self._traits = self._declare()

    def _declare(self) -> dict[str, Traits]:
        options = self._options
        late = options.late_commit
        issue = Traits(
            feed=Feed.CURSOR,
            granularity=0.001,  # JQL knows minutes only, but what it finds is filtered by the real stamp
            settle=options.search_settle,
            creates=Creates.STRONG if options.strong_reads else Creates.LAGGING,
            search_settle=options.search_settle,
            late_commit=late,
            page=PAGE,
            bulk=BULK,
            deletes=True,
            documents=True,
        )
        comment = Traits(
            creates=Creates.STRONG, late_commit=late, page=PAGE, bulk=CHILD_BULK, deletes=True, documents=True
        )
        return {
            "issue": issue,
            "comment": comment,
            "attachment": Traits(
                creates=Creates.STRONG, late_commit=late, page=PAGE, bulk=CHILD_BULK, updates=False, deletes=True
            ),
            "link": Traits(creates=Creates.NATIVE, bulk=CHILD_BULK, updates=False, deletes=True),
        }

    # ------------------------------------------------------------ both

    def traits(self, entity: str) -> Traits:
        if entity not in self._traits:
            raise Misconfigured(f"Jira has no entity '{entity}' here", hint=f"Use one of: {', '.join(ENTITIES)}.")
        return self._traits[entity]

    async def now(self) -> datetime:
        """To the millisecond, as the stamps of issues are; a Date header knows whole seconds only."""
        reply = await self._client.http.json("GET", f"{API}/serverInfo", scope="serverInfo")
        try:
            return stamps.parse(reply.body["serverTime"])
        except (KeyError, TypeError, ValueError):
            return self._client.http.server_time(reply.headers)

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        for entity in (*(scope.entity for scope in reads), *writes):
            self.traits(entity)
        return await Check(self._client, self._meta, self._people, self._links).run(reads, writes)

    async def schema(self, entity: str) -> list[FieldInfo]:
        self.traits(entity)
        return await Schema(self._client, self._meta, self._links).of(entity)

    async def canary(self, entity: str) -> float:
        self._only(entity, "issue")
        return await Measure(self._client, self._meta, self._issues).search_lag()

    async def close(self) -> None:
        await self._client.close()
        await self._children.close()

    def _only(self, entity: str, *entities: str) -> None:
        if entity not in entities:
            hint = f"It does this for: {', '.join(entities)}."
            raise Misconfigured(f"Jira does not do this for '{entity}'", hint=hint)

    # ------------------------------------------------------------ source

    async def count(self, scope: Scope) -> int:
        self._only(scope.entity, "issue")
        return await self._reading.count(scope)

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        self._only(scope.entity, "issue")
        return await self._reading.spans(scope, parts)

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        self._only(scope.entity, "issue")
        return await self._reading.read(scope, span, limit)

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        self._only(scope.entity, "issue", *CHILDREN)
        if scope.entity == "issue":
            return await self._reading.fetch(scope, keys)
        return await self._children.fetch(scope, keys)

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        self._only(scope.entity, *CHILDREN)
        return await self._children.of(scope, parents)

    async def changes(self, scope: Scope, position: str) -> Changes:
        self._only(scope.entity, "issue")
        return await self._feed.changes(scope, position)

    async def position(self, scope: Scope) -> str:
        self._only(scope.entity, "issue")
        return await self._feed.position()

    def equals(self, field: str, value: str) -> str:
        return f"{field} = {quote(value)}"

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        return await self._people.emails(ids)

    def content(self, entity: str, record: Record) -> Content:
        self._only(entity, "attachment")
        return self._children.content(record)

    # ------------------------------------------------------------ target

    async def mark(self, entity: str, writes: Sequence[Write]) -> str:
        if entity == "issue":
            mark, _ = await together((self._walk.mark(writes), self._issues.look_ahead(writes)))
            return mark or ""
        return await self._attachments.mark(writes) if entity == "attachment" else ""

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        self._only(entity, *ENTITIES)
        if not writes:
            return []
        if entity != "issue":
            return await self._hanging(entity).create(writes)
        outcomes = await self._issues.create(writes)
        for key in {key.partition("-")[0]: key for _, key in outcomes}.values():  # the last of each project
            self._walk.seen(key)
        return [outcome for outcome, _ in outcomes]

    def _hanging(self, entity: str) -> Comments | Attachments | Links:
        if entity == "comment":
            return self._comments
        return self._attachments if entity == "attachment" else self._links

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        self._only(entity, "issue", "comment")
        if not writes:
            return []
        return await (self._issues if entity == "issue" else self._comments).update(writes)

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        self._only(entity, *ENTITIES)
        if not doubts:
            return {}
        return await (self._walk if entity == "issue" else self._hanging(entity)).find(doubts)

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        self._only(entity, "issue")
        return await self._moves.move(moves) if moves else []

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        return await self._people.accounts(emails)

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        self._only(entity, *ENTITIES)
        if not targets:
            return []
        return await (self._issues if entity == "issue" else self._hanging(entity)).delete(targets)

    # ------------------------------------------------------------ reading back, and putting back

    async def learn(self, entity: str) -> None:
        self._only(entity, *ENTITIES)
        if entity == "issue":
            await self._forms.learn()
        if entity == "link":
            await self._links.learn()

    def canonical(self, entity: str, fields: Fields) -> Fields:
        self._only(entity, *ENTITIES)
        return self._readback.canonical(entity, fields)

    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        self._only(entity, *ENTITIES)
        if not targets:
            return {}
        read = {
            "issue": self._readback.issues,
            "comment": self._readback.comments,
            "attachment": self._readback.attachments,
            "link": self._readback.links,
        }
        return await read[entity](targets, fields)

    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        self._only(entity, "issue")
        self._only(child, *CHILDREN, "link")
        if not targets:
            return []
        if child == "comment":
            return await self._readback.comments_on(targets)
        return await (self._readback.links_on if child == "link" else self._readback.attachments_on)(targets)

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        self._only(entity, "issue")
        return await self._roll.page(rest, limit)

    async def tally(self, entity: str) -> int | None:
        self._only(entity, "issue")
        return await self._roll.tally()

    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        self._only(entity, "issue")
        return await self._others.of(targets) if targets else {}

    async def me(self) -> str:
        return str((await self._people.me())["accountId"])

    async def image(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Fields]:
        self._only(entity, "issue")
        return await self._restoring.image(targets, fields) if targets else {}

    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        self._only(entity, "issue")
        return await self._restoring.restore(writes) if writes else []

    async def lookup(self, entity: str, field: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        self._only(entity, "issue")
        return await self._looking_up.of(field, values) if values else {}
