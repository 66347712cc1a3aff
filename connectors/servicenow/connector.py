"""ServiceNow as a source and a target: which part answers which question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.kit.contract import (
    Census,
    Changes,
    Connection,
    Content,
    Creates,
    Doubt,
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
from connectors.kit.contract import (
    Feed as FeedKind,
)
from connectors.kit.errors import Misconfigured
from connectors.kit.options import read_options
from connectors.servicenow.checks import Checks
from connectors.servicenow.children import ATTACHMENTS, Children
from connectors.servicenow.dictionary import Dictionary
from connectors.servicenow.feed import Feed
from connectors.servicenow.instance import BULK, Instance
from connectors.servicenow.notes import NOTES, Notes
from connectors.servicenow.others import Others
from connectors.servicenow.people import People
from connectors.servicenow.readback import Readback
from connectors.servicenow.reading import Reader
from connectors.servicenow.writing import Writer


class Options(BaseModel):
    """What `options` of a ServiceNow system may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    settle: float = Field(5.0, ge=1, description="Seconds that a change may take to show in a query by time.")
    late_commit: float = Field(30.0, ge=0, description="Seconds that a call without an answer may still take effect.")
    status_field: str = Field("state", description="The field that a record's status is kept in.")
    page: int = Field(1000, ge=1, le=10_000, description="Records a read.")
    # Of the HTTP layer:
    transport: Any = "aiohttp"
    timeout: float = Field(90.0, gt=0, description="Seconds to wait for an answer; its own quota is 60 s.")
    connect_timeout: float = Field(10.0, gt=0)
    attempts: int = Field(5, ge=1)
    verify: bool = True
    ca_file: str = ""
    proxy: str = ""
    trust_env: bool = False


class ServiceNow:
    """Source, Target, Canary, Readback and Undo."""

    def __init__(self, connection: Connection, ports: Ports) -> None:
        self._options = read_options(Options, connection)
        connection = Connection(
            connection.name,
            connection.connector,
            connection.url,
            connection.auth,
            self._options.model_dump(),
            connection.limits,
        )
        clock = ports.clock
        self._instance = Instance(connection, ports)
        self._dictionary = Dictionary(self._instance)
        self._reader = Reader(self._instance, self._dictionary)
        self._feed = Feed(self._instance, self._reader, clock, self._options.settle)
        self._children = Children(self._instance, self._reader)
        self._people = People(self._reader)
        self._writer = Writer(self._instance, self._dictionary, self._reader, self._options.status_field)
        self._notes = Notes(self._instance, self._writer)
        self._readback = Readback(
            self._instance, self._dictionary, self._reader, self._writer, self._options.status_field
        )
        self._others = Others(self._instance, self._reader, self._readback)
        self._checks = Checks(
            self._instance, self._dictionary, self._reader, self._feed, self._children, self._writer, clock
        )

    def traits(self, entity: str) -> Traits:
        options = self._options
        if entity in ATTACHMENTS or entity in NOTES:
            files = entity in ATTACHMENTS
            return Traits(
                creates=Creates.STRONG,
                late_commit=options.late_commit,
                bulk=1 if files else BULK,
                updates=False,
                deletes=files,
            )
        return Traits(
            feed=FeedKind.CURSOR,
            granularity=1.0,
            settle=options.settle,
            creates=Creates.NATIVE,
            late_commit=options.late_commit,
            page=options.page,
            bulk=BULK,
            deletes=True,
        )

    async def close(self) -> None:
        await self._instance.close()

    # ------------------------------------------------------------ looking around

    async def now(self) -> datetime:
        return await self._feed.now()

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        return await self._checks.run(reads, writes)

    async def schema(self, entity: str) -> list[FieldInfo]:
        return await self._dictionary.fields("sys_attachment" if entity in ATTACHMENTS else entity)

    async def canary(self, entity: str) -> float:
        return await self._checks.canary(entity)

    # ------------------------------------------------------------ source

    async def count(self, scope: Scope) -> int:
        return await self._reader.count(scope)

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        await self._reader.filters(scope)
        return self._reader.spans(parts)

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        return await self._reader.read(scope, span, limit)

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        return await self._reader.fetch(scope, keys)

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        return await self._children.read(scope, parents)

    async def changes(self, scope: Scope, position: str) -> Changes:
        return await self._feed.changes(scope, position)

    async def position(self, scope: Scope) -> str:
        await self._reader.filters(scope)
        return await self._feed.position()

    def equals(self, field: str, value: str) -> str:
        if "^" in value:
            raise Misconfigured(f"{field} holds a ^, which no query can say", hint="Name the record by its sys_id.")
        return f"{field}={value}"

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        return await self._people.emails(ids)

    def content(self, entity: str, record: Record) -> Content:
        return self._children.content(record)

    # ------------------------------------------------------------ target

    async def mark(self, entity: str, writes: Sequence[Write]) -> str:
        return ""  # records are found by their own keys, from wherever one looks

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        if entity in ATTACHMENTS:
            return await self._notes.attach(writes)
        if entity in NOTES:
            return await self._notes.add(entity, writes)
        return await self._writer.create(entity, writes)

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        if entity in ATTACHMENTS or entity in NOTES:
            return await self._notes.update(entity, writes)
        return await self._writer.update(entity, writes)

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        if entity in ATTACHMENTS or entity in NOTES:
            return await self._notes.find(entity, doubts)
        return await self._writer.find(entity, doubts)

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        return await self._writer.move(entity, moves)

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        return await self._people.accounts(emails)

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        if entity in ATTACHMENTS or entity in NOTES:
            return await self._notes.delete(entity, targets)
        return await self._writer.delete(entity, targets)

    # ------------------------------------------------------------ reading back, and putting back

    async def learn(self, entity: str) -> None:
        await self._readback.learn(entity)

    def canonical(self, entity: str, fields: Fields) -> Fields:
        return self._readback.canonical(entity, fields)

    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        return await self._readback.stand(entity, targets, fields) if targets else {}

    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        return await self._readback.hanging(child, targets) if targets else []

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        return await self._readback.census(entity, rest, limit)

    async def tally(self, entity: str) -> int | None:
        return await self._readback.tally(entity)

    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        return await self._others.of(entity, targets) if targets else {}

    async def me(self) -> str:
        return await self._readback.me()

    async def image(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Fields]:
        return await self._readback.image(entity, targets, fields) if targets else {}

    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        return await self._readback.restore(entity, writes) if writes else []
