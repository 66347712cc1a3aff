"""Visits every state that a model can reach, and holds promises against each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar


class HasFaults(Protocol):
    @property
    def faults(self) -> int:
        """How much may still go wrong."""


S = TypeVar("S", bound=HasFaults)


class Promises(NamedTuple, Generic[S]):
    """What holds of a model. Sentences are of what is broken; empty: it holds."""

    never: Callable[[S], str]  # in any state
    not_now: Callable[[str, S], str]  # at the moment after a step of this name
    over: Callable[[S], bool]  # it has come to an end
    choices: frozenset[str] = frozenset()  # steps that a person takes or not: no way to an end


class Broken(NamedTuple):
    """A promise that was not kept, and the shortest way there."""

    promise: str
    way: list[str]

    def __str__(self) -> str:
        return f"{self.promise}: {' > '.join(self.way)}"


class Seen(NamedTuple):
    """All states within reach. `depth`: steps to the farthest of them."""

    states: int
    moves: int
    depth: int
    broken: Broken | None

    @property
    def told(self) -> str:
        return f"{self.states:,} states, {self.moves:,} moves, depth {self.depth}"


def search(first: S, after: Callable[[S], Iterator[tuple[str, S]]], promises: Promises[S]) -> Seen:
    """Breadth first, so that the first broken promise comes by the shortest way. `after`: (a word, the state then)."""
    came: dict[S, tuple[S, str] | None] = {first: None}
    depths = {first: 0}
    calm: dict[S, list[S]] = {}  # state -> from which it is reached without a further fault
    queue = deque([first])
    moves = 0
    while queue:
        s = queue.popleft()
        for word, t in after(s):
            moves += 1
            fresh = t not in came
            if fresh:
                came[t], depths[t] = (s, word), depths[s] + 1
                queue.append(t)
            if t.faults == s.faults and word not in promises.choices:
                calm.setdefault(t, []).append(s)
            if promise := promises.never(t) if fresh else "":
                return Seen(len(came), moves, depths[t], Broken(promise, _way(came, t)))
            if promise := promises.not_now(word, t):
                return Seen(len(came), moves, depths[s] + 1, Broken(promise, [*_way(came, s), word]))
    stuck = _stuck(came, calm, promises.over)
    broken = Broken("without further faults it never ends", _way(came, stuck)) if stuck else None
    return Seen(len(came), moves, max(depths.values()), broken)


def _stuck(came: Mapping[S, object], calm: Mapping[S, list[S]], over: Callable[[S], bool]) -> S | None:
    """The first state from which no end is within reach although nothing goes wrong any more."""
    ending = {s for s in came if over(s)}
    queue = deque(ending)
    while queue:
        for before in calm.get(queue.popleft(), ()):
            if before not in ending:
                ending.add(before)
                queue.append(before)
    return next((s for s in came if s not in ending), None)


def _way(came: Mapping[S, tuple[S, str] | None], s: S) -> list[str]:
    words: list[str] = []
    while (step := came[s]) is not None:
        s = step[0]
        words.append(step[1])
    return words[::-1]
