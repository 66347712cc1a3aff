"""The search index: it sees each write `lag` seconds after it was committed. Reads by id never come here."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from connectors.rehearsal.jira.model import Issue


class _Pending(NamedTuple):
    due: float
    id: int
    version: Issue | None  # None: the issue is gone


class _Numbers:
    """The issues of one project in key order. May hold what left the project; readers check."""

    def __init__(self) -> None:
        self.numbers = array("q")
        self.ids = array("q")

    def add(self, number: int, id_: int) -> None:
        if not self.numbers or number > self.numbers[-1]:
            self.numbers.append(number)
            self.ids.append(id_)
            return
        place = bisect_left(self.numbers, number)
        if self.numbers[place] == number:
            self.ids[place] = id_
        else:
            self.numbers.insert(place, number)
            self.ids.insert(place, id_)

    def between(self, low: int, high: int | None) -> tuple[int, int]:
        """Places of the numbers low <= n <= high."""
        end = len(self.numbers) if high is None else bisect_right(self.numbers, high)
        return bisect_left(self.numbers, low), end


class Index:
    def __init__(self, lag: float = 0.0) -> None:
        """`lag` in seconds; may be changed live, for writes from then on."""
        self.lag = lag
        self.versions: dict[int, Issue] = {}
        self._order = array("q")  # ids, ascending; may hold what is gone
        self._projects: dict[int, _Numbers] = {}
        self._labels: dict[str, list[int]] = {}  # may hold what lost the label
        self._pending: deque[_Pending] = deque()

    def note(self, now: float, id_: int, version: Issue | None) -> None:
        """A write was committed at `now` (seconds of the double's clock)."""
        self._pending.append(_Pending(now + self.lag, id_, version))

    def settle(self, now: float) -> None:
        """Take in what is due. Writes come in in their order, so one that is not due holds up those behind it."""
        pending = self._pending
        while pending and pending[0].due <= now:
            entry = pending.popleft()
            self._take(entry.id, entry.version)

    @property
    def waiting(self) -> int:
        return len(self._pending)

    def _take(self, id_: int, version: Issue | None) -> None:
        before = self.versions.get(id_)
        if version is None:
            self.versions.pop(id_, None)
            return
        self.versions[id_] = version
        if before is None:
            if not self._order or id_ > self._order[-1]:
                self._order.append(id_)
            else:
                place = bisect_left(self._order, id_)
                if place == len(self._order) or self._order[place] != id_:
                    self._order.insert(place, id_)
        if before is None or (before.project, before.number) != (version.project, version.number):
            self._projects.setdefault(version.project.id, _Numbers()).add(version.number, id_)
        old = before.fields.get("labels", ()) if before else ()
        for label in version.fields.get("labels", ()):
            if label not in old:
                self._labels.setdefault(label.casefold(), []).append(id_)

    # ------------------------------------------------------------ candidates, for the search to check

    def by_id(self, low: int = 0, high: int | None = None, descending: bool = False) -> Iterator[Issue]:
        """Versions with low <= id <= high, in id order."""
        start = bisect_left(self._order, low)
        end = len(self._order) if high is None else bisect_right(self._order, high)
        for place in range(end - 1, start - 1, -1) if descending else range(start, end):
            version = self.versions.get(self._order[place])
            if version is not None:
                yield version

    def by_key(self, project: int, low: int = 0, high: int | None = None, descending: bool = False) -> Iterator[Issue]:
        """Versions of one project with low <= number <= high, in key order."""
        held = self._projects.get(project)
        if held is None:
            return
        start, end = held.between(low, high)
        for place in range(end - 1, start - 1, -1) if descending else range(start, end):
            version = self.versions.get(held.ids[place])
            if version is not None and version.project.id == project and version.number == held.numbers[place]:
                yield version

    def by_label(self, label: str) -> set[int]:
        """Ids of issues that have or had the label."""
        return set(self._labels.get(label.casefold(), ()))
