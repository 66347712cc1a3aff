"""What a rollback may undo of some records, as they stand at the target now. Looks only; previews ask it, too.

Never touched: what somebody else changed after our write, what does not carry our id, what the ledger does not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from connectors.kit.contract import Creates, Readback, Standing, Target, Touch, Undo
from connectors.kit.errors import Misconfigured
from engine.flow import Flow
from engine.images import Taken
from engine.ledger import Ledger
from engine.model import Bucket, Entry
from engine.undos import Done, Tied

Step = Callable[[], AbstractAsyncContextManager[None]]
"""Around each call to a system: waits while a hold stands."""


@runtime_checkable
class Undoable(Target, Readback, Protocol):
    """A target that tells what became of our writes: nothing is undone at another one."""


class Fate(StrEnum):
    """What becomes of a record; each is also its word in figures."""

    REMOVE = "removed"
    CLOSE = "closed"  # the system deletes nothing of its kind, and the playbook names a status
    RESTORE = "restored"  # it was there before us
    GONE = "gone"  # somebody removed it before
    NEVER = "never created"
    EDITED = "edited"  # by somebody else, after our write: left as it is
    FOREIGN = "foreign"  # carries our id no more, or another one
    STUCK = "cannot be deleted"
    SHREDDED = "cannot be restored"  # it was there before us, and what it was like was destroyed at sign-off
    IN_DOUBT = "in doubt"
    STAYS = "stays"  # nothing to do: closed before, or excluded and never created
    REFUSED = "refused"


CLEARED = "cleared"  # of fields of records that stay

UNDONE = (Fate.REMOVE, Fate.CLOSE, Fate.RESTORE)
_WITH_ALL_ON_THEM = (Fate.REMOVE, Fate.RESTORE)
FORGOTTEN = (Fate.REMOVE, Fate.RESTORE, Fate.GONE, Fate.NEVER)
"""Their entries go: a later run creates them again, under the same external id."""


class Seen(NamedTuple):
    """One record and what becomes of it."""

    entry: Entry
    fate: Fate
    touch: Touch | None = None


class Clear(NamedTuple):
    """A field of a record that stays, which holds the id of one that goes."""

    flow: Flow
    tie: Tied
    field: str


class Batch(NamedTuple):
    """Some records of one entity, and all that hangs on those that are undone."""

    flow: Flow
    seen: list[Seen]
    children: list[tuple[Flow, dict[str, str]]]  # {key: target id}, in the order in which they go
    links: list[str]  # target ids
    clears: list[Clear]
    loosened: list[Tied]  # these ties are no more
    refused_ties: int = 0

    def of(self, *fates: Fate) -> list[Seen]:
        return [one for one in self.seen if one.fate in fates]


def undoable(flow: Flow) -> Undoable:
    if not isinstance(flow.target, Undoable):
        raise Misconfigured(
            f"{flow.target_system} cannot tell who changed a record, so nothing can be rolled back there",
            hint="Undo it by its own means (a file: delete it), or restore its backup.",
        )
    return flow.target


class Look:
    """Looks at records. `flows` are all of the migration: others may refer to these records."""

    def __init__(self, ledger: Ledger, flows: Sequence[Flow], step: Step) -> None:
        self._ledger = ledger
        self._flows = {flow.entity: flow for flow in flows}
        self._step = step

    async def at(self, flow: Flow, entries: Sequence[Entry], intended: Mapping[str, Sequence[str]] = {}) -> Batch:
        """`intended`: {number of an entity: keys} that a rollback before this one was about to undo."""
        target, begun = undoable(flow), {key: set(keys) for key, keys in intended.items()}
        ours = begun.get(str(flow.entity), set())
        there = [entry.target for entry in entries if entry.target]
        standing: dict[str, Standing] = {}
        touches: dict[str, Touch] = {}
        if there:
            async with self._step():
                standing = await target.stand(flow.target_entity, there, ())
            present = [id for id in there if id in standing]
            if present:
                async with self._step():
                    touches = await target.others(flow.target_entity, present)
            if touches:  # somebody may have removed it between the two looks: that is gone, not edited
                async with self._step():
                    still = await target.stand(flow.target_entity, list(touches), ())
                standing = {id: one for id, one in standing.items() if id not in touches or id in still}
        images = await self._ledger.images.taken(flow.entity, [entry.key for entry in entries])
        seen = [
            _judge(flow, entry, standing.get(entry.target), touches.get(entry.target), images, entry.key in ours)
            for entry in entries
        ]
        going = {one.entry.target for one in seen if one.fate in UNDONE and one.entry.target in standing}
        parents = {one.entry.target for one in seen if one.fate in _WITH_ALL_ON_THEM} & going
        children = [(child, await self._hanging(flow, child, parents, begun)) for child in reversed(flow.children)]
        removed = [one.entry.key for one in seen if one.fate in (*UNDONE, Fate.GONE)]
        ties = await self._ledger.undo.ties(flow.entity, removed) if removed else []
        links = await self._links(flow, target, ties, going) if going else []
        return Batch(flow, seen, children, links, await self._clears(flow, ties, set(removed)), ties)

    async def standing(self, flow: Flow, child: Flow, targets: Sequence[str]) -> set[str]:
        """Which of these comments or files are there."""
        if not targets:
            return set()
        async with self._step():
            return set(await undoable(flow).stand(child.target_entity, targets, ()))

    async def _hanging(
        self, flow: Flow, child: Flow, parents: set[str], begun: Mapping[str, set[str]]
    ) -> dict[str, str]:
        """Comments or files of ours on these records: what the ledger has of them, and what is gone since intended."""
        found: list[Standing] = []
        if parents:
            async with self._step():
                found = await undoable(flow).hanging(flow.target_entity, child.target_entity, sorted(parents))
        # Of other waves, too: its record may have come from one of them, and been cut off before its comments came.
        keys = await self._ledger.undo.at_targets(child.entity, [one.target for one in found])
        ours = {
            keys[one.target]: one.target
            for one in found
            if one.target in keys and one.xid in ("", child.xid(keys[one.target]))
        }
        return ours | dict.fromkeys(
            await self._gone(flow, child, begun.get(str(child.entity), set()) - ours.keys()), ""
        )

    async def _gone(self, flow: Flow, child: Flow, intended: set[str]) -> list[str]:
        """Which of these are there no more. What is there hangs on a record that was edited since: it stays."""
        known = await self._ledger.known(child.entity, sorted(intended)) if intended else {}
        there = await self.standing(flow, child, sorted(entry.target for entry in known.values() if entry.target))
        return sorted(key for key in intended if key not in known or known[key].target not in there)

    async def _links(self, flow: Flow, target: Undoable, ties: Sequence[Tied], going: set[str]) -> list[str]:
        """Links of ours on the records that go."""
        linking: list[tuple[Flow, Tied, str]] = []
        for tie in ties:
            of = self._flows.get(tie.entity)
            known = (of.ties or {}).get(tie.name) if of is not None else None
            if of is not None and known is not None and known.link:
                linking.append((of, tie, known.link))
        if not linking or not target.traits("link").deletes:
            return []
        async with self._step():
            await target.learn("link")
            found = await target.hanging(flow.target_entity, "link", sorted(going))
        wanted = {
            _ends(target.canonical("link", {"type": kind, "from": tie.target, "to": tie.to_target})): of.xid(
                f"{tie.key}>{tie.name}>{tie.to_key}"
            )
            for of, tie, kind in linking
        }
        return [
            one.target for one in found if _ends(one.fields) in wanted and one.xid in ("", wanted[_ends(one.fields)])
        ]

    async def _clears(self, flow: Flow, ties: Sequence[Tied], removed: set[str]) -> list[Clear]:
        """Fields of records that stay, where they still hold what we wrote and nobody else changed the record."""
        asked: dict[int, list[Clear]] = {}
        for tie in ties:
            of = self._flows.get(tie.entity)
            known = (of.ties or {}).get(tie.name) if of is not None else None
            stays = tie.entity != flow.entity or tie.key not in removed
            if of is not None and known is not None and known.field and stays and isinstance(of.target, Undo):
                asked.setdefault(of.entity, []).append(Clear(of, tie, known.field))
        held: list[Clear] = []
        for clears in asked.values():
            of = clears[0].flow
            target = undoable(of)
            async with self._step():
                await target.learn(of.target_entity)
                targets = sorted({clear.tie.target for clear in clears})
                standing = await target.stand(of.target_entity, targets, sorted({clear.field for clear in clears}))
                touched = await target.others(of.target_entity, sorted(standing))
            images = await self._ledger.images.taken(of.entity, [clear.tie.key for clear in clears])
            for clear in clears:
                wanted = target.canonical(of.target_entity, {clear.field: clear.tie.to_target}).get(clear.field)
                shown = standing.get(clear.tie.target)
                touch = _since(images.get(clear.tie.key), clear.tie.target, touched.get(clear.tie.target))
                if shown and touch is None and wanted and shown.fields.get(clear.field) == wanted:
                    held.append(clear)
        return held


def _judge(
    flow: Flow,
    entry: Entry,
    standing: Standing | None,
    touch: Touch | None,
    images: Mapping[str, Taken],
    intended: bool,
) -> Seen:
    if not entry.target:
        kept = {Bucket.IN_DOUBT: Fate.IN_DOUBT, Bucket.EXCLUDED: Fate.STAYS}
        return Seen(entry, kept.get(entry.bucket, Fate.NEVER))
    taken = images.get(entry.key)
    if taken is not None and taken.target != entry.target:
        taken = None  # that one is gone, and we created another
    if standing is None:
        return Seen(entry, Fate.REMOVE if intended and taken is None else Fate.GONE)
    touch = _since(taken, entry.target, touch)
    if touch is not None:
        return Seen(entry, Fate.EDITED, touch)
    if taken is not None:
        # Without our mark it was never written over, or is put back and not known to be: once more does no harm.
        if standing.xid not in ("", flow.xid(entry.key)):
            return Seen(entry, Fate.FOREIGN)
        return Seen(entry, Fate.SHREDDED if taken.shredded else Fate.RESTORE)
    if standing.xid != flow.xid(entry.key) and (standing.xid or flow.writes.creates is not Creates.NONE):
        return Seen(entry, Fate.FOREIGN)
    if flow.writes.deletes:
        return Seen(entry, Fate.REMOVE)
    if not flow.closes:
        return Seen(entry, Fate.STUCK)
    closed = standing.status.casefold() == flow.closes.casefold() and not intended
    return Seen(entry, Fate.STAYS if closed else Fate.CLOSE)


def _since(taken: Taken | None, target: str, touch: Touch | None) -> Touch | None:
    """A change by somebody else after our write: what was done before it is in the image."""
    before = taken is not None and taken.target == target and touch is not None and touch.at <= taken.at
    return None if before else touch


def _ends(link: Mapping[str, object]) -> tuple[str, str, str]:
    return str(link.get("type")), str(link.get("from")), str(link.get("to"))


def figures(batch: Batch) -> Done:
    """What becomes of a batch; of ties under 'links' and 'fields'."""
    found: Done = {batch.flow.name: dict(Counter(one.fate.value for one in batch.seen))}
    found |= {child.name: {Fate.REMOVE.value: len(keys)} for child, keys in batch.children if keys}
    if batch.links:
        found["links"] = {Fate.REMOVE.value: len(batch.links)}
    if batch.clears:
        found["fields"] = {CLEARED: len(batch.clears)}
    if batch.refused_ties:
        found["ties"] = {Fate.REFUSED.value: batch.refused_ties}
    return found
