"""A model of a wave and its rollback: what the ledger holds, what the target holds, what an engine has in hand.

Read it from the top: a state; steps of the engine, each with its guard; what the world does; what goes wrong. One step
is what cannot be cut in two by a kill: one durable write of the ledger, or one call to a system. A kill loses `at`
(what the engine has in hand) and nothing else. Time is not counted: a wait for the settle horizon is a guard that
lets a step happen only when nothing is late and nothing is hidden any more.

Left out: versions (an update is a copy of itself; `change.py` has them), ties, waves that share records, pages of a
chunk, and children added later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

NATIVE, STRONG, LAGGING = "native", "strong", "lagging"


class Item(NamedTuple):
    """A record, or what hangs on one (a child)."""

    source: bool = True  # the source shows it
    # at the target
    copies: int = 0  # that carry our id of it
    hidden: bool = False  # a search does not show it yet
    late: int = 0  # creates without an answer that are applied later
    edited: bool = False  # a person changed it after our write
    # in the ledger
    entry: str = ""  # "", in_flight, synced, aside, left
    target: bool = False  # the entry knows its id at the target
    intent: bool = False  # about to create
    undo: bool = False  # about to undo
    passed: bool = False  # the rollback is beyond it
    # in the engine's hands; a kill takes it
    at: str = (
        ""  # "", ready, answered, rejected, throttled, doubt, found, kept, renewed; of a rollback: judged, undo, undone
    )


class State(NamedTuple):
    items: tuple[Item, ...]
    wave: str = (
        "new"  # new, working, differs (all is there, and a person has to look), loaded, rolling_back, rolled_back
    )
    chunk: str = ""  # "", open, done
    stage: int = 0  # of the rollback. 0: creates without an answer are looked up; 1: records are undone
    hold: bool = False  # a row of the ledger
    told: bool = False  # a person was told that it is held
    faults: int = 0  # that may still happen
    runs: int = 0  # waves that may still be begun
    harm: str = ""  # what was done that never may be

    def put(self, i: int, **item: object) -> State:
        return self._replace(items=(*self.items[:i], self.items[i]._replace(**item), *self.items[i + 1 :]))  # type: ignore[arg-type]

    def all(self, **item: object) -> State:
        return self._replace(items=tuple(one._replace(**item) for one in self.items))  # type: ignore[arg-type]


class Shape(NamedTuple):
    """`parents[i]`: what item i hangs on, or None. `creates`: what the target promises, as in the contract."""

    parents: tuple[int | None, ...]
    creates: str = STRONG

    def children(self, i: int) -> list[int]:
        return [c for c, parent in enumerate(self.parents) if parent == i]

    def records(self) -> list[int]:
        return [i for i, parent in enumerate(self.parents) if parent is None]


Next = Iterator[tuple[str, State]]
Step = Callable[[Shape, State, int], Next]
"""What may happen next at item i: (a word for it, the state after). Those of a whole wave are asked with i = 0 only."""

DONE = ("synced", "aside")


def may(s: State) -> bool:
    """A call may begin."""
    return not s.hold


def certain(one: Item) -> bool:
    """The settle horizon has passed: what the target shows is all there will be."""
    return not one.late and not one.hidden


def shown(one: Item) -> bool:
    return one.copies > 0 and not one.hidden


def idle(s: State) -> bool:
    return all(not one.at for one in s.items)


# ---------------------------------------------------------------- a wave


def run(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave in ("new", "rolled_back", "differs", "loaded") and s.runs:
        yield "run", s._replace(wave="working", runs=s.runs - 1)


def read(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "working" and not s.chunk and may(s):
        yield "open_chunk", s._replace(chunk="open")


def wanted(shape: Shape, s: State, i: int) -> bool:
    """It is to be created, as far as the ledger knows."""
    one, parent = s.items[i], shape.parents[i]
    anew = one.entry == "aside" and not one.target  # it changed since, and may be taken now
    begun = s.chunk == "open" or (s.chunk and (anew or parent is not None))
    if s.wave != "working" or not begun or one.at or (one.entry and not anew) or not one.source:
        return False
    ready = ("in_flight", "synced") if anew else ("in_flight",)  # what hangs on records is listed at the end, too
    return parent is None or (s.items[parent].entry in ready and s.items[parent].target)


def intend(shape: Shape, s: State, i: int) -> Next:
    """Durable before the call goes out."""
    if wanted(shape, s, i) and not s.items[i].intent:
        yield "intend", s.put(i, at="ready", intent=True)


def refuse(shape: Shape, s: State, i: int) -> Next:
    if wanted(shape, s, i) and s.faults:
        yield "refuse", s.put(i, entry="aside")._replace(faults=s.faults - 1)


def send(shape: Shape, s: State, i: int) -> Next:
    one = s.items[i]
    if one.at not in ("ready", "ready again") or not may(s):
        return
    again = " again" if one.at == "ready again" else ""
    if s.told:
        s = s._replace(harm="a call began under a hold")
    copies = max(1, one.copies) if shape.creates == NATIVE else one.copies + 1
    hidden = shape.creates == LAGGING
    yield "create", s.put(i, at=f"answered{again}", copies=copies, hidden=hidden)
    if s.faults:
        less = s._replace(faults=s.faults - 1)
        yield "lost after", less.put(i, at="doubt", copies=copies, hidden=hidden)
        yield "lost before", less.put(i, at="doubt")
        yield "throttled", less.put(i, at=f"throttled{again}")
        yield "rejected", less.put(i, at=f"rejected{again}")
        yield "ghost", less.put(i, at="doubt", late=one.late + 1)


def resolve(shape: Shape, s: State, i: int) -> Next:
    """Of a create without an answer: look; absence counts only when it is certain."""
    one = s.items[i]
    unread = wanted(shape, s, i) and one.intent
    if not (one.at == "doubt" or unread) or not may(s):
        return
    if shape.creates == NATIVE:
        yield "again", s.put(i, at="ready again")
    elif shown(one):
        yield "found", s.put(i, at="found")
    elif certain(one):
        yield "absent", s.put(i, at="", intent=False)


def settle(shape: Shape, s: State, i: int) -> Next:
    """One write: what became of it, and the intent that this answers. Of what was looked for, the entry first."""
    at, entry = s.items[i].at, "in_flight" if shape.parents[i] is None else "synced"
    if at in ("answered", "answered again"):
        yield "settle", s.put(i, at="", entry=entry, target=True, intent=False)
        if at == "answered again":  # the intent is of an attempt before this one, and is cleared up later
            yield "settle", s.put(i, at="", entry=entry, target=True)
            yield "settle", s.put(i, at="kept", entry=entry, target=True)  # it was there already
    elif at == "found":
        yield "settle", s.put(i, at="kept", entry=entry, target=True)
    elif at == "kept":
        yield "drop_intent", s.put(i, at="", intent=False)
    elif at in ("rejected", "rejected again"):  # what was sent before may be there all the same
        yield "set aside", s.put(i, at="", entry="aside", intent=at == "rejected again")
    elif at in ("throttled", "throttled again"):  # certainly not applied: from the start, later
        yield "not now", s.put(i, at="", intent=at == "throttled again")


def renew(shape: Shape, s: State, i: int) -> Next:
    """It changed at the source since: it is written again, over what a person made of it in between."""
    one = s.items[i]
    if s.wave == "working" and one.entry == "synced" and one.target and one.source and not one.at and may(s):
        yield "update", s.put(i, edited=False, at="renewed")
    elif one.at == "renewed":
        yield "written", s.put(i, at="", entry="in_flight" if shape.parents[i] is None else "synced")


def finish(shape: Shape, s: State, i: int) -> Next:
    """Nothing is left to do for it: what hangs on it has gone the same way."""
    one = s.items[i]
    if s.wave == "working" and one.entry == "in_flight" and not one.at:
        hanging = [s.items[c] for c in shape.children(i)]
        if all(child.entry in DONE or (not child.source and not child.at) for child in hanging):
            yield "finish", s.put(i, entry="synced")


def close(shape: Shape, s: State, i: int) -> Next:
    if i or s.wave != "working" or s.chunk != "open" or not idle(s):
        return
    if all(s.items[r].entry in DONE or not s.items[r].source for r in shape.records()):
        yield "close_chunk", s._replace(chunk="done")


def clear_up(shape: Shape, s: State, i: int) -> Next:
    """Intents of what the source shows no more, at the end of a wave; all that are open, before a rollback."""
    one = s.items[i]
    ends = (s.wave == "working" and s.chunk == "done") or (s.wave == "rolling_back" and s.stage == 0)
    if not (ends and one.intent and not one.at and may(s)):
        return
    parent = shape.parents[i]
    gone = parent is not None and not s.items[parent].source  # and what hangs on it is not seen any more
    if wanted(shape, s, i) and not one.entry and not gone:
        return  # it is carried first
    if one.target:
        yield "clear_up", s.put(i, intent=False, entry=one.entry or "left")
    elif certain(one) and one.copies:
        yield "found, and gone", s.put(i, entry=one.entry or "left", target=True)
    elif certain(one):
        yield "clear_up", s.put(i, intent=False)


def sweep(shape: Shape, s: State, i: int) -> Next:
    """What the source shows no more has left the scope."""
    one = s.items[i]
    if s.wave != "working" or s.chunk != "done" or shape.parents[i] is not None or one.source:
        return
    if one.entry in (*DONE, "in_flight"):
        yield "left", s.put(i, entry="left")


def prove(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "working" and s.chunk == "done" and idle(s) and may(s):
        counted = sum(s.items[r].source for r in shape.records())
        accounted = sum(s.items[r].entry in DONE for r in shape.records())
        if counted == accounted and not any(one.intent or one.entry == "in_flight" for one in s.items):
            yield "loaded", s._replace(wave="loaded")
            if s.faults:  # a comparison, or a rule of the playbook, finds what is not as it should be
                yield "differs", s._replace(wave="differs", faults=s.faults - 1)


def sign(_: Shape, s: State, i: int) -> Next:
    """All the same, for a reason; whatever the source shows by now."""
    if i == 0 and s.wave == "differs":
        yield "sign", s._replace(wave="loaded")


# ---------------------------------------------------------------- its rollback


def roll_back(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave in ("working", "differs", "loaded") and idle(s):
        looked = s.wave == "loaded" and not any(one.intent for one in s.items)
        yield "undo_begin", s._replace(wave="rolling_back", stage=int(looked))


def survey(shape: Shape, s: State, i: int) -> Next:
    """Only when all that was created is known is anything removed."""
    if i or s.wave != "rolling_back" or s.stage or not may(s) or any(one.intent for one in s.items):
        return
    if shape.creates != NATIVE or not any(one.late for one in s.items):
        yield "undo_at", s._replace(stage=1)


def family(shape: Shape, s: State, i: int) -> list[Item]:
    return [s.items[i], *(s.items[c] for c in shape.children(i))]


def forgotten(shape: Shape, s: State, i: int) -> State:
    for at in (i, *shape.children(i)):
        s = s.put(at, entry="", target=False, undo=False)
    return s.put(i, passed=True, at="")


def judge(shape: Shape, s: State, i: int) -> Next:
    """Look at it as it stands now, whatever was intended before."""
    one = s.items[i]
    if s.wave != "rolling_back" or not s.stage or shape.parents[i] is not None or one.passed or one.at or not may(s):
        return
    if shape.creates == NATIVE and any(each.late for each in s.items):
        return  # sent twice, and the first of them may still be applied
    if not one.target or not one.copies:
        yield "forget", forgotten(shape, s, i)
    elif any(each.edited for each in family(shape, s, i)):
        yield "edited", s.put(i, entry="aside", passed=True)
    else:
        yield "judge", s.put(i, at="judged")


def intend_undo(shape: Shape, s: State, i: int) -> Next:
    if s.items[i].at == "judged":
        for at in (i, *shape.children(i)):
            s = s.put(at, undo=s.items[at].undo or (s.items[at].target and s.items[at].copies > 0))
        yield "undo_intend", s.put(i, at="undo")


def remove(shape: Shape, s: State, i: int) -> Next:
    """What hangs on it first. Without an answer: from the look on, once more."""
    if s.items[i].at != "undo" or not may(s):
        return
    there = [c for c in shape.children(i) if s.items[c].copies and s.items[c].target]
    at = there[0] if there else i
    if any(one.edited for one in family(shape, s, i)):
        s = s._replace(harm="what a person edited was removed")
    if s.told:
        s = s._replace(harm="a call began under a hold")
    after = s.put(at, copies=0, hidden=False, edited=False)
    yield "delete", after if there else after.put(i, at="undone")
    if s.faults:
        yield "delete lost after", after.put(i, at="")._replace(faults=s.faults - 1)
        yield "delete lost before", s.put(i, at="")._replace(faults=s.faults - 1)


def outcome(shape: Shape, s: State, i: int) -> Next:
    if s.items[i].at == "undone":
        yield "undo_outcome", forgotten(shape, s, i)


def end(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "rolling_back" and s.stage and all(s.items[r].passed for r in shape.records()):
        yield "undo_end", s.all(passed=False, undo=False, intent=False)._replace(wave="rolled_back", chunk="", stage=0)


# ---------------------------------------------------------------- the world, and what goes wrong in it


def land(shape: Shape, s: State, i: int) -> Next:
    """A create that nobody heard of any more is applied."""
    one = s.items[i]
    if one.late:
        copies = max(1, one.copies) if shape.creates == NATIVE else one.copies + 1
        yield "lands", s.put(i, late=one.late - 1, copies=copies, hidden=shape.creates == LAGGING)


def show(_: Shape, s: State, i: int) -> Next:
    if s.items[i].hidden:
        yield "shows", s.put(i, hidden=False)


def kill(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.faults and not idle(s):
        yield "kill", s.all(at="")._replace(faults=s.faults - 1)


def stumble(_: Shape, s: State, i: int) -> Next:
    """A call fails, and nothing was done: what was in hand is begun again."""
    if s.faults and s.items[i].at in ("doubt", "judged", "undo"):
        yield "stumble", s.put(i, at="")._replace(faults=s.faults - 1)


def edit(shape: Shape, s: State, i: int) -> Next:
    """A person's. The moment between a look and the delete after it is one that no vendor lets us close."""
    one, parent = s.items[i], shape.parents[i]
    looked = s.items[i if parent is None else parent].at in ("judged", "undo")
    if s.faults and one.copies and not one.edited and not looked:
        yield "edit", s.put(i, edited=True)._replace(faults=s.faults - 1)


def vanish(_: Shape, s: State, i: int) -> Next:
    if s.faults and s.items[i].source:
        yield "vanish", s.put(i, source=False)._replace(faults=s.faults - 1)


def pause(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.faults and not s.hold and s.wave in ("working", "rolling_back"):
        yield "hold", s._replace(hold=True, told=True, faults=s.faults - 1)


def resume(_: Shape, s: State, i: int) -> Next:
    if i == 0 and s.hold:
        yield "lift", s._replace(hold=False, told=False)


STEPS: Mapping[str, Step] = {
    step.__name__: step
    for step in (
        *(run, read, intend, refuse, send, resolve, settle, renew, finish, close, clear_up, sweep, prove, sign),
        *(roll_back, survey, judge, intend_undo, remove, outcome, end),
        *(land, show, kill, stumble, edit, vanish, pause, resume),
    )
}


def after(shape: Shape, s: State, steps: Mapping[str, Step] = STEPS) -> Next:
    """Everything that may happen next."""
    for step in steps.values():
        for i in range(len(s.items)):
            yield from step(shape, s, i)
