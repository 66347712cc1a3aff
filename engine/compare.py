"""Differences between the sides: their classes, and what one record's are. Pure; no value leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import exp, lgamma, log
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What a difference is; the words that people type."""

    MISSING = "missing"  # the ledger says it is at the target, and it is not
    EXTRA = "extra"  # the target has it with an id of ours, and nothing at the source wants it
    CHANGED = "changed"  # a field is not what it should be
    DUPLICATE = "duplicate"  # the target has it more than once
    EDITED = "edited_at_target"  # somebody else changed it there
    MAPPING = "mapping_changed"  # the playbook says something else now than when it was written


OURS = (Kind.MISSING, Kind.EXTRA, Kind.CHANGED, Kind.DUPLICATE, Kind.MAPPING)
"""Differences that nobody wanted: a wave with one of these needs a person. An edit is somebody's will."""

EXTERNAL_ID, STATUS, PARENT = "external id", "status", "parent"
"""Fields, as a difference names them, that are no fields of the record itself."""


class Difference(NamedTuple):
    """One record (or what hangs on it) that is not what it should be. Keys and names, never a value."""

    flow: str
    key: str  # at the source; of an extra record, its id at the target
    kind: Kind
    field: str = ""
    target: str = ""
    root: str = ""  # key of the record it hangs on; itself where it hangs on none
    by: str = ""  # who edited it
    at: str = ""  # when


def unlike(asked: Iterable[str], wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Which of these fields differ. Both sides are in canonical form, where empty and absent are one."""
    return [name for name in asked if wanted.get(name) != there.get(name)]


def at_most(differing: int, sampled: int, confidence: float = 0.95) -> float | None:
    """The one-sided upper bound of a share, by Clopper and Pearson: exact, so never too low. None without a sample."""
    if sampled == 0:
        return None
    if differing >= sampled:
        return 1.0
    rest = 1.0 - confidence
    if differing == 0:
        return 1.0 - float(rest ** (1.0 / sampled))
    low, high = differing / sampled, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most_so_many(differing, sampled, middle) > rest else (low, middle)
    return high


def _at_most_so_many(differing: int, sampled: int, share: float) -> float:
    """The chance of at most so many in a sample, where the share of all is this."""
    yes, no, whole = log(share), log(1.0 - share) if share < 1.0 else float("-inf"), lgamma(sampled + 1)
    return sum(
        exp(whole - lgamma(k + 1) - lgamma(sampled - k + 1) + k * yes + (sampled - k) * no)
        for k in range(differing + 1)
    )
