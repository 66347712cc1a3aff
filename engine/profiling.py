"""`cutover profile`: has the sources read, and keeps in memory what was counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from difflib import get_close_matches

from connectors.kit.contract import Record, Scope
from connectors.kit.errors import ConnectorError
from engine.assembly import Assembly
from engine.clock import Clock
from engine.conductor import Conductor
from engine.errors import EngineError, Refused
from engine.flow import Flow
from engine.ledger import Ledger
from engine.profile import EntityProfile, Tied
from engine.trouble import describe
from engine.wire import Profile, ProfiledEntity, ProfileReport, Receipt
from runbooks.playbook import EntityPair

_PAGE = 500
_SPREAD = 16  # places that a sample is taken from
_KEYS = 100  # asked for in one call

log = logging.getLogger(__name__)


class Profiles:
    """One at a time; it runs beside whatever else the engine does, and writes nothing."""

    def __init__(self, conductor: Conductor, ledger: Ledger, clock: Clock) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._command: Profile | None = None
        self._profiles: list[EntityProfile] = []
        self._ties: dict[str, dict[tuple[str, str], tuple[int, int, str]]] = {}
        self._planned = 0
        self._began = 0.0
        self._at = self._problem = ""

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def profile(self, command: Profile) -> Receipt:
        """Start it. Raises Refused for names that do not exist, or when one goes on."""
        if self.busy:
            raise Refused("A profile is being made. Wait for it: GET /profile tells how far it is.")
        assembly = await self._conductor.afresh()
        scopes = self._scopes(assembly, command)
        await self._ledger.note(command.by, "profile", command.wave, command.entity)
        self._command, self._profiles, self._ties = command, [], {}
        self._planned, self._at, self._problem = 0, "", ""
        self._began = self._clock.monotonic()
        self._task = asyncio.create_task(self._walk(assembly, scopes, command), name="profile")
        message = (
            f"Profiling {', '.join(flow.name for flow, _ in scopes)}. How far it is, and what it found: GET /profile"
        )
        return Receipt(accepted=True, durable=False, effective=True, message=message)

    def report(self, *, plainly: bool = False) -> ProfileReport:
        """How far it is, and at its end what was counted. `plainly`: values outside a map as they are."""
        done = sum(len(each.keys) for each in self._profiles if each.spread is None)
        command = self._command
        whole = command is not None and command.sample is None and not self._problem
        return ProfileReport(
            running=self.busy,
            wave=command.wave if command else "",
            done=done,
            planned=self._planned,
            seconds_left=self._seconds_left(done),
            problem=self._problem,
            at=self._at,
            entities=[] if self.busy else [self._told(each, whole, plainly) for each in self._profiles],
        )

    async def end(self) -> None:
        """The engine ends: what was begun is not finished, and nothing was changed by it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ inside

    def _scopes(self, assembly: Assembly, command: Profile) -> list[tuple[Flow, Scope]]:
        if command.entity and command.entity not in assembly.flows:
            near = get_close_matches(command.entity, assembly.flows, 1, 0.4)
            hint = f"Did you mean {near[0]}?" if near else f"Entities: {', '.join(assembly.flows)}."
            raise Refused(f"There is no entity {command.entity}. {hint}")
        if command.wave:
            scopes = [(part.flow, part.scope) for part in self._conductor.wave(command.wave).parts]
        else:
            scopes = [(flow, flow.scope()) for flow in assembly.flows.values()]
        chosen = [each for each in scopes if command.entity in ("", each[0].name)]
        if not chosen:
            raise Refused(f"Wave {command.wave} moves no {command.entity}.")
        return chosen

    async def _walk(self, assembly: Assembly, scopes: list[tuple[Flow, Scope]], command: Profile) -> None:
        try:
            for flow, scope in scopes:
                counted = await flow.source.count(scope)
                self._planned += counted if command.sample is None else min(counted, command.sample)
            for flow, scope in scopes:
                pair = _pair(assembly, flow)
                profile = EntityProfile(flow, pair, await _limits(flow))
                hanging = zip(flow.children, pair.children, strict=True) if command.children else ()
                children = [EntityProfile(child, own, await _limits(child)) for child, own in hanging]
                self._profiles += [profile, *children]
                async for records in _records(flow, scope, command.sample):
                    profile.add(records)
                    for child in children:
                        await _add_children(child, [record.key for record in records])
            for profile in self._profiles:
                self._ties[profile.flow.name] = {
                    (name, to): await self._orphans(assembly, tied, to, command)
                    for (name, to), tied in profile.ties.items()
                }
        except (ConnectorError, EngineError) as error:
            self._problem = f"The profile did not come to its end: {error}"
        except Exception as error:  # noqa: BLE001 - the engine must outlive its own bugs, and say where they are
            log.error("The profile ended by an error of the engine itself: %s", describe(error))
            self._problem = f"An error of the engine itself: {describe(error)}. See its log."
        self._at = self._clock.now().astimezone(UTC).isoformat(timespec="seconds")

    async def _orphans(self, assembly: Assembly, tied: Tied, to: str, command: Profile) -> tuple[int, int, str]:
        """(looked up, orphans, by what). Where all that moves was read, the other end must be among it."""
        ends = next((each.keys for each in self._profiles if each.flow.name == to), None)
        if ends is not None and not command.wave and command.sample is None:
            return len(tied.ends), tied.ends.not_in(ends), "scope"
        flow = assembly.flows[to]
        keys = list(tied.asked)
        found: set[str] = set()
        for at in range(0, len(keys), _KEYS):
            found.update(record.key for record in await flow.source.fetch(flow.scope(), keys[at : at + _KEYS]))
        gone = sum(n for key, n in tied.asked.items() if key not in found)
        return tied.asked.total(), gone, "source"

    def _told(self, profile: EntityProfile, whole: bool, plainly: bool) -> ProfiledEntity:
        return profile.told(whole=whole, plainly=plainly, ties=self._ties.get(profile.flow.name, {}))

    def _seconds_left(self, done: int) -> float | None:
        if not self.busy or not done:
            return None
        took = self._clock.monotonic() - self._began
        return round(max(0, self._planned - done) * took / done, 1)


async def _records(flow: Flow, scope: Scope, sample: int | None) -> AsyncIterator[list[Record]]:
    """All in scope, page by page; or about `sample` of them, from several places."""
    spans = list(await flow.source.spans(scope, 1 if sample is None else _SPREAD))
    limit, left = min(_PAGE, flow.reads.page), sample
    while spans:
        rests: list[str] = []
        for at, span in enumerate(spans):
            share = limit if left is None else max(1, min(limit, -(-left // (len(spans) - at))))
            page = await flow.source.read(scope, span, share)
            records = page.records if left is None else page.records[:left]
            if records:
                yield records
            if page.rest is not None:
                rests.append(page.rest)
            if left is not None:
                left -= len(records)
                if left <= 0:
                    return
        spans = rests


async def _add_children(child: EntityProfile, parents: Sequence[str]) -> None:
    assert child.spread is not None
    flow = child.flow
    for at in range(0, len(parents), _KEYS):
        some = parents[at : at + _KEYS]
        records = await flow.source.children(flow.scope(), some)
        child.spread.add(some, records)
        child.add(records)


async def _limits(flow: Flow) -> dict[str, int]:
    """Characters that the target's fields take, where it says so."""
    infos = await flow.target.schema(flow.target_entity)
    return {info.name: info.max_length for info in infos if info.max_length}


def _pair(assembly: Assembly, flow: Flow) -> EntityPair:
    pairs = (pair for book in assembly.migration.playbooks for pair in book.entities)
    return next(pair for pair in pairs if pair.entity == flow.name)
