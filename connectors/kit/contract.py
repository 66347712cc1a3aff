"""The contract of a connector: one page, all of it.

A connector is one module (or package) under `connectors/`, or an entry point in the group `cutover.connectors`.
It defines `def connect(connection: Connection, ports: Ports) -> Connector`, and what comes back is a `Source`, a
`Target`, or both. The engine calls it from one event loop, many tasks at a time, and never looks inside a span, a
mark or a payload.

Obligations
1. Read by keyset, never by offset; a short or an empty page is not the end; only `Page.rest is None` is.
2. Versions of one record compare as strings: newer is greater.
3. Outcomes come back in the order of the writes, one for each. What happened to the whole call is raised
   (`kit.errors`); what happened to one record is an outcome.
4. Throttling, retries of what is safe to retry, and paging happen inside; an unsafe call is never sent twice.
5. No message, cause or log line carries a field value of a record.
6. Closing twice is fine; a cancelled call leaves the connector usable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from connectors.kit.errors import ConnectorError

Fields = dict[str, Any]


# ---------------------------------------------------------------- what the engine hands over


@dataclass(frozen=True, slots=True)
class Connection:
    """One system of a migration, with its secrets resolved. Never logged: `repr` hides `auth`."""

    name: str
    connector: str
    url: str
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""  # of the migration: what relative paths are relative to


class Clock(Protocol):
    """The only source of time, sleep and chance."""

    def now(self) -> datetime:
        """Now, in UTC, aware."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    async def sleep(self, seconds: float) -> None: ...

    def random(self) -> float:
        """0 <= x < 1."""


class Answer(NamedTuple):
    """What one HTTP call told about the system's limits. Durations in seconds."""

    scope: str
    latency: float
    status: int  # 0: no answer came
    retry_after: float | None = None  # the system asked to wait so long
    limit: float | None = None  # calls a window, when the system says
    remaining: float | None = None
    reset: float | None = None  # seconds until the window starts anew
    reason: str = ""  # the vendor's word for the limiter


class Pacer(Protocol):
    """Decides when a call may start; learns from every answer. Implemented by the engine."""

    async def turn(self, scope: str) -> None:
        """Wait until a call in `scope` may start. Each turn taken is given back with `done`."""

    def done(self, answer: Answer) -> None: ...


class Ports(NamedTuple):
    """The world, as a connector sees it."""

    clock: Clock
    pacer: Pacer


# ---------------------------------------------------------------- values


class Scope(NamedTuple):
    """What is asked for: an entity, filters in the connector's own language (all must hold), fields (empty: all)."""

    entity: str
    filters: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class Record(NamedTuple):
    """One record as read. `parent` is the key of the record it hangs on (comments, attachments)."""

    key: str
    version: str
    fields: Fields
    parent: str = ""


class Page(NamedTuple):
    """Records in key order. `span` re-reads exactly this slice; `rest` is what is left, None at the proven end."""

    records: list[Record]
    span: str
    rest: str | None


class Change(NamedTuple):
    """A hint that a record changed; the engine fetches it before use. `deleted` only where the feed can tell."""

    key: str
    version: str
    deleted: bool = False


class Changes(NamedTuple):
    """A piece of a change feed. `position` resumes after it; `caught_up` when the settle horizon is reached."""

    changes: list[Change]
    position: str
    caught_up: bool


Content = Callable[[], AsyncIterator[bytes]]
"""Opens a stream of bytes; may be called again to start over."""


class Write(NamedTuple):
    """One record to write. `target` is set on update, `parent` on comments and attachments: ids at the target."""

    xid: str
    fields: Fields
    target: str = ""
    parent: str = ""
    content: Content | None = None


class Written(NamedTuple):
    """It is there, under this id."""

    xid: str
    target: str
    created: bool = True


class Rejected(NamedTuple):
    """The system refuses this record. `cause` groups like cases and carries no value; `field` when the system says."""

    xid: str
    cause: str
    field: str = ""


class Failed(NamedTuple):
    """This one write hit an error of `kit.errors` while others of the call did not."""

    xid: str
    error: ConnectorError


Outcome = Written | Rejected | Failed


class Move(NamedTuple):
    """Bring the record `target` to `status` (the name people see), by whatever steps its workflow wants."""

    xid: str
    target: str
    status: str
    fields: Fields = {}  # noqa: RUF012  what a step may require (a resolution, say); never mutated


class Doubt(NamedTuple):
    """A create without an answer. `mark` is what `Target.mark` said before it; `sent` when it left (UTC)."""

    xid: str
    mark: str
    sent: datetime
    parent: str = ""
    fields: Fields | None = None  # the payload, when it could be made again


class Standing(NamedTuple):
    """A record as it stands at the target. `version` equal: unchanged since; greater: newer."""

    target: str
    xid: str  # ours; "" when it carries none: it is not ours, or things of its kind cannot carry one (files, links)
    version: str
    fields: Fields  # in canonical form, under the names asked; what is empty is left out
    status: str = ""
    parent: str = ""
    by: str = ""  # who changed it last, where the system tells


class Touch(NamedTuple):
    """A change by an account that is not ours."""

    by: str
    at: datetime  # aware


class Census(NamedTuple):
    """Some of what carries an external id of ours, `fields` empty; `rest` is where to go on, None at the proven end."""

    standings: list[Standing]
    rest: str | None


# ---------------------------------------------------------------- what a connector declares


class Feed(Enum):
    LOG = "log"  # every change is in it
    CURSOR = "cursor"  # a cursor on an update stamp: the latest state only
    NONE = "none"  # a sweep is all there is


class Creates(Enum):
    """How a create without an answer is resolved, best first (design: errors, in doubt)."""

    NATIVE = "native"  # upsert on our id, or a client-chosen key: resending is safe
    STRONG = "strong"  # a consistent look-up: look, then resend
    LAGGING = "lagging"  # a search that lags: absence counts only after `search_settle`
    NONE = "none"  # nobody can know: a person decides


@dataclass(frozen=True, slots=True)
class Traits:
    """What an entity of this system can do, and how late it may tell the truth. Seconds."""

    feed: Feed = Feed.NONE
    granularity: float = 1.0  # the grain of the change stamp
    settle: float = 0.0  # how long the feed may lag behind a write
    creates: Creates = Creates.NONE
    search_settle: float = 0.0  # how long a search may lag behind a create
    late_commit: float = 0.0  # how long after a lost answer the call may still be applied
    page: int = 500  # records a read, at best
    bulk: int = 1  # records a create call, at most
    updates: bool = True
    deletes: bool = False
    documents: bool = False  # rich text comes as a `kit.document.Document`; else as a map


# ---------------------------------------------------------------- checks and schema


class FieldInfo(NamedTuple):
    name: str
    label: str
    type: str  # string, text, rich_text, number, boolean, date, datetime, duration, choice, person, reference, list
    required: bool = False
    writable: bool = True
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    reference: str = ""  # the entity it points to


class Finding(NamedTuple):
    """One line of a check. `hint` says what to type or change when it is not ok."""

    subject: str  # reach, credentials, permission: create issue, ...
    ok: bool
    detail: str
    hint: str = ""


# ---------------------------------------------------------------- the ports of a connector


class Connector(Protocol):
    """What every connector has."""

    def traits(self, entity: str) -> Traits: ...

    async def now(self) -> datetime:
        """The system's own clock, UTC."""

    async def check(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        """Reach, credentials and permission for each of these; a missing right is a Finding, not an error."""

    async def schema(self, entity: str) -> list[FieldInfo]: ...

    async def close(self) -> None: ...


@runtime_checkable
class Source(Connector, Protocol):
    async def count(self, scope: Scope) -> int:
        """Records in scope, as the system counts them: an estimate where the vendor only estimates."""

    async def spans(self, scope: Scope, parts: int) -> list[str]:
        """At most `parts` disjoint spans that together cover the scope, now and for records that appear later."""

    async def read(self, scope: Scope, span: str, limit: int) -> Page:
        """The first `limit` records of `span`, in key order."""

    async def fetch(self, scope: Scope, keys: Sequence[str]) -> list[Record]:
        """These records by key, strongly consistent, any order; filters are ignored; what is gone is left out."""

    async def children(self, scope: Scope, parents: Sequence[str]) -> list[Record]:
        """The records of `scope.entity` that hang on these parents (comments, attachments), oldest first."""

    async def changes(self, scope: Scope, position: str) -> Changes:
        """What changed in scope since `position`; never past the system's clock minus the settle horizon."""

    async def position(self, scope: Scope) -> str:
        """Where a feed must start so that no change after this call is missed."""

    def equals(self, field: str, value: str) -> str:
        """A filter, in this connector's language: `field` is exactly `value`. Misconfigured when it cannot be said."""

    async def emails(self, ids: Sequence[str]) -> dict[str, str]:
        """E-mail addresses of these people, by their ids; who is unknown or has none is left out."""

    def content(self, entity: str, record: Record) -> Content:
        """The bytes of an attachment; a truncated stream raises Unavailable before its end."""


@runtime_checkable
class Target(Connector, Protocol):
    async def mark(self, entity: str, writes: Sequence[Write]) -> str:
        """A position before a create, to look from when its answer is lost. Empty where none is needed."""

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Create these records with their external ids, at most `traits.bulk` of them."""

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]: ...

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """Which of these creates were applied: {xid: Written}. Looks in the strongest way the vendor has."""

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        """Bring records to a status. Idempotent: a record that is there already is left alone."""

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        """Ids of people by e-mail address (lower case); who is unknown is left out."""

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        """Remove records by id; one that is gone already counts as removed. `xid` of each outcome is the id."""


@runtime_checkable
class Canary(Protocol):
    """Optional: measures a settle horizon instead of trusting a constant."""

    async def canary(self, entity: str) -> float:
        """Create a record, wait until a search finds it, delete it; the seconds it took."""


@runtime_checkable
class Readback(Protocol):
    """Optional, of a target: tells what became of our writes.

    The promise: for what we wrote and nobody touched, `canonical(entity, write.fields)` equals the `fields` that
    `stand` gives for the names in it. Empty, null and absent are one: left out of both.
    """

    async def learn(self, entity: str) -> None:
        """Read what `canonical` has to know of this entity (its fields' types). Await it once before; later ones are
        free."""

    def canonical(self, entity: str, fields: Fields) -> Fields:
        """What `Write.fields` look like when read back; a field that cannot be compared is left out of both."""

    async def stand(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Standing]:
        """These records by id, strongly consistent; what is gone is left out."""

    async def hanging(self, entity: str, child: str, targets: Sequence[str]) -> list[Standing]:
        """What hangs on these records, all of it, with the fields that its kind always has. Of links each comes once,
        `parent` is the end it starts at."""

    async def census(self, entity: str, rest: str, limit: int) -> Census:
        """Everything that carries an external id of ours, by keyset, from `rest` on ("": the start). May lag behind
        writes by `traits.search_settle`. Two records with one id are two standings."""

    async def tally(self, entity: str) -> int | None:
        """How many those are, by one cheap count; None where the system has none."""

    async def others(self, entity: str, targets: Sequence[str]) -> dict[str, Touch]:
        """The newest change to each of these records (fields, status, comments, attachments, links) by any account but
        `me`, automation included; records without one are left out."""

    async def me(self) -> str:
        """Our own account, as `Standing.by` and `Touch.by` would name it."""


@runtime_checkable
class Undo(Protocol):
    """Optional, of a target: puts a record back as it was before we updated it.

    What we created is removed by `Target.delete`: records, comments and attachments by the ids that `create` gave,
    links by entity `link`. A status goes back by `Target.move`.
    """

    async def image(self, entity: str, targets: Sequence[str], fields: Sequence[str]) -> dict[str, Fields]:
        """These fields as `restore` takes them, by record; None for an empty one; what is gone is left out."""

    async def restore(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Set the fields of `write.target` to exactly this (None empties one), and its external id to `write.xid` (""
        takes ours off). Twice ends as once."""


@runtime_checkable
class Lookup(Protocol):
    """Optional, of a target that has `Readback` and `Undo`: finds records that were there before us, so that they are
    updated instead of created. There `Target.update` gives the record our external id as well."""

    async def lookup(self, entity: str, field: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        """Records whose `field` is exactly one of these texts, by text: none for what nobody has, two where several
        have it, `fields` empty. May lag behind creates by `traits.search_settle`. Misconfigured when the field cannot
        be looked up."""
