"""A model of one record that is at the target already, and of the changes that are made to it there.

What a wave's model leaves out: versions. People edit the record at the source, and take edits back; each change that
leaves may be lost, or be applied long after its engine has died; a rollback writes back what was there before us.

Read it from the top, as `tests/model/wave.py`. A kill loses `run`, `hand`, `at` and `sure`. Time is not counted: that
`late_commit` has passed is a guard that lets a step happen only when nothing is on its way any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from tests.model.search import Promises, Seen, search

ORIGINAL = -1  # in place of a version: as it was before us


class Late(NamedTuple):
    """A change that nobody waits for any more, and that is yet to be applied."""

    shows: int  # the version
    older: bool  # another one was applied since it left


class State(NamedTuple):
    # at the source: what it reads in each of its versions
    reads: tuple[str, ...] = ("a",)
    # at the target
    shows: int = ORIGINAL  # the version
    late: tuple[Late, ...] = ()
    # in the ledger
    known: int = ORIGINAL  # the version that was carried last, or is on its way
    print: str = ""  # what it read; "": nothing of ours is there; "?": about to be changed
    cut: bool = False  # some run did not come to its end
    wave: str = "new"  # new, moved, undoing, undone
    # in the engine; a kill takes it
    run: str = ""  # "", carry, undo
    hand: int = ORIGINAL  # the version that was read
    at: str = ""  # "", read, ready, answered, doubt, refused
    was: tuple[int, str] = (ORIGINAL, "")  # `known` and `print` before it was marked
    sure: bool = False  # nothing that left before can be applied any more
    # the world
    faults: int = 0  # that may still happen
    runs: int = 0  # that may still be begun
    harm: str = ""

    @property
    def version(self) -> int:
        return len(self.reads) - 1

    def at_target(self, version: int) -> str:
        return "original" if version == ORIGINAL else self.reads[version]

    def applied(self, version: int) -> State:
        return self._replace(shows=version, late=tuple(one._replace(older=True) for one in self.late))


Next = Iterator[tuple[str, State]]
Step = Callable[[State], Next]


# ---------------------------------------------------------------- a run


def begin(s: State) -> Next:
    """What a run before it may have sent is waited for; whatever ran in between, and did not."""
    if not s.run and s.runs and s.wave != "undoing":
        yield "run", s._replace(run="carry", wave="moved", sure=not s.cut, runs=s.runs - 1)


def read(s: State) -> Next:
    if s.run == "carry" and not s.at and (s.version > s.known or s.print in ("", "?")):
        yield "read", s._replace(hand=s.version, at="read")


def read_late(s: State) -> Next:
    """A list that lags shows an older version; one from before the change that is on its way is left alone."""
    if s.run == "carry" and not s.at and s.print:
        for version in range(s.known if s.print == "?" else s.known + 1, s.version):
            yield "read late", s._replace(hand=version, at="read")


def same(s: State) -> Next:
    """It reads as the ledger has it: there is nothing to send."""
    if s.run == "carry" and s.at == "read" and s.reads[s.hand] == s.print:
        yield "same", s._replace(known=s.hand, at="")


def outlast(s: State) -> Next:
    """`late_commit` has passed since the last change of which there is no answer, or since this engine began."""
    if s.run and not s.sure and not s.late:
        yield "outlast", s._replace(sure=True)


def mark(s: State) -> Next:
    """Durable before the change leaves: nobody knows what the target reads from here on."""
    if s.run == "carry" and s.at == "read" and s.reads[s.hand] != s.print and s.sure:
        if s.print:
            yield "changing", s._replace(known=s.hand, print="?", was=(s.known, s.print), at="ready")
        else:
            yield "new", s._replace(was=(s.known, ""), at="ready")


def send(s: State) -> Next:
    if s.run == "carry" and s.at == "ready":
        yield from _sent(s, s.hand)


def _sent(s: State, version: int) -> Next:
    if ORIGINAL < version < s.shows:
        s = s._replace(harm="an older version was written over a newer one")
    yield "change", s.applied(version)._replace(at="answered")
    if s.faults:
        less = s._replace(faults=s.faults - 1)
        yield "lost after", less.applied(version)._replace(at="doubt")
        yield "lost before", less._replace(at="doubt")
        yield "throttled", less._replace(at="refused")
        yield "ghost", less._replace(at="doubt", late=(*s.late, Late(version, older=False)))


def settle(s: State) -> Next:
    if s.run == "carry" and s.at == "answered":
        yield "settle", s._replace(known=s.hand, print=s.reads[s.hand], at="")


def stay(s: State) -> Next:
    """It was certainly not changed: the ledger says so again. Of a rollback nothing was marked."""
    if s.at == "refused":
        known, print = s.was if s.run == "carry" else (s.known, s.print)
        yield "not changed", s._replace(known=known, print=print, at="")


def doubt(s: State) -> Next:
    """From the start, once more; not before it is certain that it cannot come late."""
    if s.at == "doubt":
        yield "again", s._replace(at="", sure=False)


def end(s: State) -> Next:
    if s.run == "carry" and not s.at and s.known == s.version and s.print not in ("", "?"):
        yield "done", s._replace(run="", hand=ORIGINAL, sure=False)


def another(s: State) -> Next:
    """A run of other waves, to its end: nothing of this record is sent in it, and nothing waited for."""
    if not s.run and s.runs:
        yield "another run", s._replace(runs=s.runs - 1)


# ---------------------------------------------------------------- a rollback


def roll_back(s: State) -> Next:
    if not s.run and s.runs and s.wave in ("moved", "undoing"):
        yield "undo_begin", s._replace(run="undo", wave="undoing", sure=not s.cut, runs=s.runs - 1)


def restore(s: State) -> Next:
    """What was there before us is written back."""
    if s.run == "undo" and not s.at and s.sure:
        yield from _sent(s, ORIGINAL)


def end_undo(s: State) -> Next:
    if s.run == "undo" and s.at == "answered":
        yield "undone", s._replace(run="", at="", sure=False, wave="undone", known=ORIGINAL, print="")


# ---------------------------------------------------------------- the world, and what goes wrong in it


def land(s: State) -> Next:
    for i, one in enumerate(s.late):
        rest = s._replace(late=(*s.late[:i], *s.late[i + 1 :]))
        if one.older and s.at_target(one.shows) != s.at_target(s.shows):
            rest = rest._replace(harm="an older change was applied after a newer one")
        yield "lands", rest._replace(shows=one.shows)


def edit(s: State) -> Next:
    """A person's, at the source: to something new, or back."""
    if s.faults:
        for reads in ("a", "b"):
            if reads != s.reads[-1]:
                yield f"edit to {reads}", s._replace(reads=(*s.reads, reads), faults=s.faults - 1)


def kill(s: State) -> Next:
    if s.faults and s.run:
        yield "kill", _cut_off(s)


def give_up(s: State) -> Next:
    """An account is locked, a person stops it: the engine lives on, the run does not."""
    if s.faults and s.run and s.at != "answered":
        yield "stopped", _cut_off(s)


def _cut_off(s: State) -> State:
    return s._replace(run="", hand=ORIGINAL, at="", was=(ORIGINAL, ""), sure=False, cut=True, faults=s.faults - 1)


STEPS: Mapping[str, Step] = {
    step.__name__: step
    for step in (
        *(begin, read, read_late, same, outlast, mark, send, settle, stay, doubt, end, another),
        *(roll_back, restore, end_undo),
        *(land, edit, kill, give_up),
    )
}


# ---------------------------------------------------------------- what holds


def never(s: State) -> str:
    if s.harm:
        return s.harm
    if s.wave == "undone" and s.shows != ORIGINAL:
        return "a rollback has ended, and it is not as it was"
    return ""


def not_now(word: str, s: State) -> str:
    if word == "done" and s.at_target(s.shows) != s.reads[s.known]:
        return "a run is done, and the target does not read as the ledger says"
    return ""


def over(s: State) -> bool:
    """Nothing goes on; or it would go on, and nobody may begin it in a search that has to end."""
    return not s.run and (not s.runs or s.wave != "undoing")


def explore(*, faults: int, runs: int, steps: Mapping[str, Step] = STEPS) -> Seen:
    """All that may become of the record. `faults`: that may happen, edits among them; `runs`: that may be begun."""

    def after(s: State) -> Next:
        for step in steps.values():
            yield from step(s)

    return search(State(faults=faults, runs=runs), after, Promises(never, not_now, over))
