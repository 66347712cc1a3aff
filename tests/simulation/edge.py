"""A connector whose calls travel: out to a memory system and back, with all that can happen on both ways.

The system's side of a call is a task of the world. It goes on when the engine that asked is dead.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from random import Random
from typing import TYPE_CHECKING, Any

from connectors.kit.contract import (
    Answer,
    Change,
    Changes,
    Connection,
    Failed,
    Outcome,
    Page,
    Ports,
    Record,
    Rejected,
    Traits,
    Write,
    Written,
)
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Throttled, Unavailable
from connectors.memory.connector import Memory
from connectors.memory.options import Options
from connectors.memory.store import ME
from tests.simulation.loop import Loop
from tests.simulation.plan import WRITES
from tests.simulation.world import Dead, Flight, Overwrite, World

if TYPE_CHECKING:
    from tests.simulation.engine import Life

_TIMEOUT = 30.0  # seconds that a caller waits for an answer
_LISTS = ("read", "children")


class _NoPacer:
    async def turn(self, scope: str) -> None:
        return None

    def done(self, answer: Answer) -> None:
        return None


class System:
    """One system of the night: a memory store, and everybody who looks at what is written there."""

    def __init__(self, world: World, name: str, options: dict[str, Any]) -> None:
        self.world = world
        self.name = name
        self.store = world.stores[name]
        self.server = Memory(self.store, Options.model_validate(options), Ports(world.clock, _NoPacer()))
        self.before: dict[tuple[str, str], list[tuple[float, Record | None]]] = {}  # until when it was so
        self.witness: Callable[[str, str, Sequence[Any], bool], None] = lambda _call, _entity, _writes, _late: None
        self.chance = Random(f"system {world.plan.seed} {name}")
        # The key is there already: some systems take that for an update, others leave the record as it is.
        self._keeps = options.get("creates") == "native" and world.plan.leaves

    def remember(self, entity: str, key: str) -> None:
        """Call before a person changes this record: lists may go on to show it as it is."""
        there = self.store.tables[entity].get(key)
        self.before.setdefault((entity, key), []).append((self.world.loop.time(), there))

    def as_it_was(self, entity: str, key: str, seconds: float) -> Record | None:
        """The record as it stood so many seconds ago; None when it was not there."""
        since = self.world.loop.time() - seconds
        for until, record in self.before.get((entity, key), ()):
            if until > since:
                return record
        return self.store.tables[entity].get(key)

    async def serve(self, call: str, args: Sequence[Any], *, late: bool = False) -> Any:
        if call in WRITES:
            self.witness(call, args[0], args[1], late)
        if call == "create":
            return await self._create(*args)
        if call == "delete" and args[0] == "issue":
            for target in args[1]:
                self._clear(target)
        return await getattr(self.server, call)(*args)

    def _clear(self, issue: str) -> None:
        """As vendors do: what hangs on a record goes with it."""
        hanging = [(entity, key) for entity in ("comment", "attachment") for key in self._on(entity, issue)]
        links = [one.key for one in self.store.records("link") if issue in (one.fields["from"], one.fields["to"])]
        for entity, key in (*hanging, *(("link", key) for key in links)):
            self.store.remove(entity, key, by=ME)

    def _on(self, entity: str, issue: str) -> list[str]:
        return list(self.store.tables[entity].hanging.get(issue, ()))

    async def _create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """As vendors do: nothing can be hung on a record that is gone."""
        issues = self.store.tables["issue"].rows
        orphans = {write.xid for write in writes if write.parent and write.parent not in issues}
        if entity == "link":
            orphans |= {w.xid for w in writes if w.fields["from"] not in issues or w.fields["to"] not in issues}
        hung = [write for write in writes if write.xid not in orphans]
        done = iter(await self._created(entity, hung) if hung else ())
        return [Rejected(w.xid, "what it hangs on is gone") if w.xid in orphans else next(done) for w in writes]

    async def _created(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        owner = self.store.tables[entity].owner
        there = {write.xid: owner[write.xid] for write in writes if write.xid in owner} if self._keeps else {}
        fresh = [write for write in writes if write.xid not in there]
        done = iter(await self.server.create(entity, fresh) if fresh else ())
        return [Written(w.xid, there[w.xid], created=False) if w.xid in there else next(done) for w in writes]


class _Way:
    """The way of one call to its system. What its sender does not wait for any more arrives as soon as was declared."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._at_its_end = loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._most = math.inf

    async def walk(self, seconds: float) -> None:
        self._timer = self._loop.call_later(min(seconds, self._most), self._arrive)
        await self._at_its_end

    def _arrive(self) -> None:
        if not self._at_its_end.done():  # the night may be over
            self._at_its_end.set_result(None)

    def hurry(self, seconds: float) -> None:
        """At most so many seconds from now."""
        self._most = seconds
        if self._timer is None or self._at_its_end.done():
            return
        if self._timer.when() > self._loop.time() + seconds:
            self._timer.cancel()
            self._timer = self._loop.call_later(seconds, self._arrive)


class Edge:
    """What an engine's life sees of one system. Implements Source, Target, Readback and Undo."""

    def __init__(self, connection: Connection, ports: Ports, system: System, life: Life) -> None:
        self.name = connection.name
        self._clock, self._pacer = ports
        self._system = system
        self._life = life
        self._world = system.world

    # ------------------------------------------------------------ what needs no call

    def traits(self, entity: str) -> Traits:
        return self._system.server.traits(entity)

    def equals(self, field: str, value: str) -> str:
        return self._system.server.equals(field, value)

    def canonical(self, entity: str, fields: dict[str, Any]) -> dict[str, Any]:
        return self._system.server.canonical(entity, fields)

    def content(self, entity: str, record: Record) -> Any:
        return self._system.server.content(entity, record)

    async def learn(self, entity: str) -> None:
        return None

    async def me(self) -> str:
        return await self._system.server.me()

    async def close(self) -> None:
        return None

    async def now(self) -> Any:
        return await self._wire("now", ())

    # ------------------------------------------------------------ the way there and back

    async def _wire(self, call: str, args: tuple[Any, ...]) -> Any:
        self._life.living()
        await self._pacer.turn(call)
        started, status, wait = self._clock.monotonic(), 0, None
        try:
            self._life.called(self.name, call, args)
            result = await self._travel(call, args)
            if call == "create" and args[0] != "link":
                self._told_of(*args, result)
            status = 200
            return result
        except Throttled as error:
            status, wait = 429, error.retry_after
            raise
        finally:
            self._pacer.done(Answer(call, self._clock.monotonic() - started, status, retry_after=wait))

    def _told_of(self, entity: str, writes: Sequence[Write], outcomes: Sequence[Outcome]) -> None:
        parents = {write.xid: write.parent for write in writes}
        for outcome in outcomes:
            if isinstance(outcome, Written):
                self._world.made[entity, outcome.target] = parents[outcome.xid] or outcome.target

    async def _travel(self, call: str, args: tuple[Any, ...]) -> Any:
        strikes, name = self._world.strikes, self.name
        told = f"{call} {args[0] if args and isinstance(args[0], str) else ''}".strip()
        if strikes("locked out", name):
            raise Misconfigured(f"{name}: {told}: this account is locked", hint="Unlock it")
        if (away := strikes("away", name)) is not None:
            if away.late:
                await self._rest(_TIMEOUT)
            raise Unavailable(f"{name}: {told}: it does not answer; nothing was applied")
        if strikes("refused", name, call):
            raise Unavailable(f"{name}: {told}: refused; nothing was applied")
        if (told_to := strikes("throttled", name, call)) is not None:
            raise Throttled(f"{name}: {told}: told to wait", retry_after=told_to.size, scope=call)
        if strikes("request lost", name, call):
            await self._rest(_TIMEOUT)
            raise self._unanswered(call, told)
        if call in WRITES:
            return await self._write(call, args, told)
        answer = await self._there_and_back(call, args)
        return self._seen(call, args, answer)

    async def _write(self, call: str, args: tuple[Any, ...], told: str) -> list[Outcome]:
        strikes, name = self._world.strikes, self.name
        entity, writes = args
        self._life.foreseen(call, entity, writes)
        for change in _changes(call, entity, writes):
            if any(lost[:3] == change[:3] and lost.values != change.values for lost in self._world.lost):
                self._world.violated(f"I3: {call} {entity} {change.target} leaves, and an older one may come after it")
        if strikes("answer lost", name, call):
            await self._there_and_back(call, args)
            await self._rest(_TIMEOUT)
            raise self._unanswered(call, told)
        if (ghost := strikes("ghost", name, call)) is not None:
            after = self.traits(entity).late_commit * self._system.chance.random()
            gone = asyncio.Event()  # nobody waits for the answer any more
            self._of_the_world(self._haunt(call, args, after, gone if ghost.late else None))
            try:
                await self._rest(_TIMEOUT)
            finally:
                gone.set()
            raise self._unanswered(call, told)
        if strikes("prefix", name, call):
            some = self._system.chance.randrange(len(writes) + 1)
            if some:
                await self._there_and_back(call, (entity, writes[:some]))
            raise self._unanswered(call, told)
        if (refuse := strikes("some rejected", name, call)) is not None:
            return await self._in_part(call, entity, writes, told, 0.5 if refuse.late else 0.1, "refused by a rule")
        if strikes("some unanswered", name, call):
            return await self._in_part(call, entity, writes, told, 0.4, "")
        outcomes: list[Outcome] = await self._there_and_back(call, args)
        return outcomes

    async def _in_part(
        self, call: str, entity: str, writes: Sequence[Any], told: str, share: float, cause: str
    ) -> list[Outcome]:
        """Some are refused (`cause`), or have no answer and may be applied all the same."""
        chance = self._system.chance
        struck = [chance.random() < share for _ in writes]
        applied = [not hit or (not cause and chance.random() < 0.5) for hit in struck]
        sent = [write for write, go in zip(writes, applied, strict=True) if go]
        done = iter(await self._there_and_back(call, (entity, sent)) if sent else ())
        outcomes: list[Outcome] = []
        for write, hit, go in zip(writes, struck, applied, strict=True):
            outcome = next(done) if go else None
            xid = write if isinstance(write, str) else write.xid
            if not hit:
                assert outcome is not None
                outcomes.append(outcome)
            elif cause:
                outcomes.append(Rejected(xid, cause))
            else:
                outcomes.append(Failed(xid, InDoubt(f"{told}: one record has no answer")))
        return outcomes

    async def _there_and_back(self, call: str, args: tuple[Any, ...]) -> Any:
        """The system's part is a task of the world; the engine may die meanwhile."""
        latency = self._world.plan.latency * (100 if self._world.strikes("slow", self.name, call) else 1)
        way = _Way(self._world.loop)
        flight = self._departed(call, args)

        async def there() -> Any:
            await way.walk(self._world.seconds(latency))
            answer = await self._arrived(call, args, flight)
            await self._world.delay(latency)
            return answer

        answering = self._of_the_world(there())
        try:
            answer = await asyncio.shield(answering)
        finally:
            flight.lost = True
            way.hurry(self._system.server.options.late_commit)  # nobody waits any more: it arrives in time, if at all
        self._life.living()
        return answer

    def _departed(self, call: str, args: tuple[Any, ...], *, lost: bool = False) -> Flight:
        flight = Flight(tuple(write.xid for write in args[1]) if call == "create" else (), lost, ghost=lost)
        if flight.xids:
            self._world.flights.append(flight)
        return flight

    async def _arrived(self, call: str, args: tuple[Any, ...], flight: Flight, *, late: bool = False) -> Any:
        try:
            return await self._system.serve(call, args, late=late)
        finally:
            if flight in self._world.flights:
                self._world.flights.remove(flight)

    async def _haunt(self, call: str, args: tuple[Any, ...], after: float, gone: asyncio.Event | None) -> None:
        """Applied so many seconds after it left; with `gone`: after nobody waits any more, be it by time, by
        death, or by the end of its run."""
        flight, changes = self._departed(call, args, lost=True), _changes(call, *args)
        self._world.lost += changes
        if gone is not None:
            waiting = [asyncio.ensure_future(end.wait()) for end in (self._life.ended, gone)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
        await asyncio.sleep(after)
        self._world.say(self.name, f"a ghost of {call} {args[0]} is applied")
        if call == "create" and self.traits(args[0]).creates.value == "native":
            owner = self._system.store.tables[args[0]].owner  # an upsert: what is there by then is left alone
            args = (args[0], [write for write in args[1] if write.xid not in owner])
        await self._arrived(call, args, flight, late=True)
        self._world.lost = [lost for lost in self._world.lost if lost not in changes]

    def _of_the_world(self, work: Any) -> asyncio.Task[Any]:
        return Context().run(self._world.loop.create_task, work)

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._life.living()

    def _unanswered(self, call: str, told: str) -> ConnectorError:
        if call in WRITES:
            return InDoubt(f"{self.name}: {told}: the call went out and no answer came")
        return Unavailable(f"{self.name}: {told}: no answer")

    # ------------------------------------------------------------ what a reader may be shown

    def _seen(self, call: str, args: tuple[Any, ...], answer: Any) -> Any:
        strikes, name, chance = self._world.strikes, self.name, self._system.chance
        if call == "read" and isinstance(answer, Page):
            answer = self._page(answer, args)
        if call in _LISTS and strikes("stale list", name, call):
            answer = self._stale(call, args, answer)
        if call == "changes" and strikes("repeated feed", name):
            again = [chance.choice(answer.changes) for _ in range(chance.randrange(4))] if answer.changes else []
            changes: list[Change] = [*answer.changes, *again]
            chance.shuffle(changes)
            answer = Changes(changes, answer.position, answer.caught_up)
        if call == "count" and strikes("miscount", name):
            answer = max(0, answer + chance.choice((-1, 1)))
        return answer

    def _page(self, page: Page, args: tuple[Any, ...]) -> Page:
        """A short page: what it leaves out is in the rest."""
        if len(page.records) < 2 or not self._world.strikes("short page", self.name):
            return page
        kept = page.records[: self._system.chance.randrange(1, len(page.records))]
        import orjson

        after, upto = orjson.loads(page.span)
        at_end = orjson.loads(page.rest)[1] if page.rest is not None else upto
        last = kept[-1].key
        rest = orjson.dumps((last, orjson.loads(args[1])[1] or at_end if page.rest is None else at_end)).decode()
        return Page(kept, orjson.dumps((after, last)).decode(), rest)

    def _stale(self, call: str, args: tuple[Any, ...], answer: Any) -> Any:
        """Each record as it was a moment ago, if it was there."""
        seconds = self._system.server.options.settle * self._system.chance.random()
        scope = args[0]
        records = answer.records if call == "read" else answer
        shown = []
        for record in records:
            was = self._system.as_it_was(scope.entity, record.key, seconds)
            if was is not None:
                fields = {name: value for name, value in was.fields.items() if not scope.fields or name in scope.fields}
                shown.append(was._replace(fields=fields))
        return answer._replace(records=shown) if call == "read" else shown


def _changes(call: str, entity: str, writes: Sequence[Any]) -> list[Overwrite]:
    if call == "move":
        return [Overwrite(call, entity, move.target, move.status) for move in writes]
    return (
        [Overwrite(call, entity, write.target, write.fields) for write in writes]
        if call in ("update", "restore")
        else []
    )


def _method(call: str) -> Callable[..., Awaitable[Any]]:
    async def method(self: Edge, *args: Any) -> Any:
        return await self._wire(call, args)

    method.__name__ = call
    return method


for _call in (
    *("check", "schema", "count", "spans", "read", "fetch", "children", "changes", "position", "emails"),
    *("mark", "create", "update", "find", "move", "accounts", "delete"),
    *("stand", "hanging", "census", "tally", "others", "image", "restore", "lookup"),
):
    setattr(Edge, _call, _method(_call))

__all__ = ["Dead", "Edge", "System", "Write", "Written"]
