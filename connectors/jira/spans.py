"""Spans: ranges of issue numbers, project by project. `[["DESK", 0, 500], ["INFRA", 0, null]]` as JSON.

A range holds the numbers above the first and up to the second; null: without end, so that what appears later is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from connectors.kit.errors import Misconfigured


class Range(NamedTuple):
    project: str
    after: int
    until: int | None


def encode(ranges: Sequence[Range]) -> str:
    return orjson.dumps([list(one) for one in ranges]).decode()


def decode(span: str) -> list[Range]:
    try:
        found = orjson.loads(span)
        if not isinstance(found, list):
            raise TypeError
        ranges = [Range(str(project), int(after), until) for project, after, until in found]
    except (ValueError, TypeError):
        raise Misconfigured("this is no span of a Jira system", hint="Plan the wave again: cutover plan.") from None
    return ranges


def split(tops: Mapping[str, int], parts: int) -> list[list[Range]]:
    """At most `parts` groups of ranges of about equal length that together cover every project. `tops`: the highest
    number of each project; the last range of each has no end."""
    if not tops:
        return []
    size = max(1, -(-sum(tops.values()) // max(1, parts)))
    groups: list[list[Range]] = [[]]
    room = size
    for project, top in sorted(tops.items()):
        after = 0
        while top - after > room and len(groups) < parts:
            if room:
                groups[-1].append(Range(project, after, after + room))
                after += room
            groups.append([])
            room = size
        groups[-1].append(Range(project, after, None))
        room = max(0, room - (top - after))
    return [group for group in groups if group]
