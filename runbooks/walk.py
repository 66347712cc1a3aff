"""Walking files that may be wrong: what is not of the right type is passed over, models tell that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runbooks.document import Document, Loc
from runbooks.errors import Problem, did_you_mean


class Named(NamedTuple):
    """A name, and where it stands."""

    name: str
    document: Document
    loc: Loc


def steps(value: Any) -> Iterable[tuple[str | int, Any]]:
    """One step down: keys and what they hold, or positions; nothing below a scalar."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def at(value: Any, way: Loc) -> Iterator[tuple[Loc, Any]]:
    """What stands along `way`, in which "*" is every step; nothing where the way ends early."""
    if not way:
        yield (), value
        return
    for step, each in steps(value):
        if way[0] in ("*", step):
            for rest, there in at(each, way[1:]):
                yield (step, *rest), there


def found(documents: Sequence[Document], *way: str) -> Iterator[Named]:
    """The texts that stand along `way` in these files."""
    for document in documents:
        for loc, name in at(document.root.value, way):
            if isinstance(name, str):
                yield Named(name, document, loc)


def twice(kind: str, all_of_them: Iterable[Named]) -> Iterator[Problem]:
    """A problem for each name that another one has already."""
    first: dict[str, Named] = {}
    for each in all_of_them:
        before = first.setdefault(each.name, each)
        if before is not each:
            where = before.document.where(before.loc)
            yield each.document.problem(
                each.loc, f"the {kind} '{each.name}' is named already at {where}; name it apart"
            )


def unknown(kind: str, named: Named, known: Sequence[str]) -> Problem:
    return named.document.problem(named.loc, sentence(kind, named.name, known))


def sentence(kind: str, name: str, known: Sequence[str]) -> str:
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    expected = f"expected one of {shown}" if known else "there is none yet"
    return f"unknown {kind} '{name}'; {expected}{did_you_mean(name, known)}"


def circle(start: str, after: Mapping[str, Sequence[str]]) -> list[str]:
    """The names from `start` back to `start`, each waiting for the next; empty when there is no such way."""
    came_from: dict[str, str] = {}
    ahead = [start]
    while ahead:
        waiting = ahead.pop()
        for name in after.get(waiting, ()):
            if name == start:
                ring = [waiting]
                while ring[-1] != start:
                    ring.append(came_from[ring[-1]])
                return ring[::-1]
            if name not in came_from:
                came_from[name] = waiting
                ahead.append(name)
    return []
