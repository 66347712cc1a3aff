"""A workflow as far as it is known: statuses, and the transitions that lead out of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One transition, seen from one status. `wants` maps the fields of its screen to their description."""

    id: str
    to: str  # status id
    name: str  # name of the status it leads to, as people see it, casefolded
    done: bool  # leads into a status that counts as done
    wants: Mapping[str, Mapping[str, Any]]


def steps_of(answer: Mapping[str, Any]) -> list[Step]:
    """The steps in an answer, those that do not end an issue first: a closed one may have no way out."""
    steps = [_step(transition) for transition in answer.get("transitions") or () if transition.get("isAvailable", True)]
    return sorted(steps, key=lambda step: step.done)


def _step(transition: Mapping[str, Any]) -> Step:
    to = transition.get("to") or {}
    return Step(
        id=str(transition["id"]),
        to=str(to.get("id", "")),
        name=str(to.get("name", "")).casefold(),
        done=(to.get("statusCategory") or {}).get("key") == "done",
        wants=transition.get("fields") or {},
    )


class Graph:
    """What is known of the workflow of one (project, issue type). A status is explored when its steps are known."""

    def __init__(self) -> None:
        self.steps: dict[str, list[Step]] = {}

    def learn(self, status: str, steps: Sequence[Step]) -> None:
        self.steps[status] = list(steps)

    def path(self, start: str, goal: str, avoid: frozenset[tuple[str, str]] = frozenset()) -> list[Step] | None:
        """The shortest known way to the status named `goal`. None: no way is known."""
        return next(self._ways(start, avoid, lambda step: step.name == goal), None)

    def frontier(self, start: str, avoid: frozenset[tuple[str, str]] = frozenset()) -> list[list[Step]]:
        """Ways to the statuses that can be reached but are not explored yet, the shortest first."""
        return list(self._ways(start, avoid, lambda step: step.to not in self.steps))

    def _ways(
        self, start: str, avoid: frozenset[tuple[str, str]], wanted: Callable[[Step], bool]
    ) -> Iterator[list[Step]]:
        seen = {start}
        ways: deque[tuple[str, list[Step]]] = deque([(start, [])])
        while ways:
            status, way = ways.popleft()
            for step in self.steps.get(status, ()):
                if step.to in seen or (status, step.id) in avoid:
                    continue
                seen.add(step.to)
                if wanted(step):
                    yield [*way, step]
                ways.append((step.to, [*way, step]))
