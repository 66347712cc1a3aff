"""Encoded queries: read, checked, and joined so that every part keeps its meaning.

`^` is AND, `^OR` binds to the term before it, `^NQ` starts a new query that is ORed with the whole one before it. A
filter with `^NQ` in it must therefore be distributed: whatever else has to hold is repeated in each of its groups.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from connectors.kit.errors import Misconfigured

MOST_GROUPS = 50  # a longer query is refused by URL limits and hardly meant

_TERM = re.compile(
    r"([a-z0-9_]+(?:\.[a-z0-9_]+)*)"
    r"(ISNOTEMPTY|ISEMPTY|EMPTYSTRING|ANYTHING|INSTANCEOF|STARTSWITH|ENDSWITH|DOES NOT CONTAIN|CONTAINS"
    r"|NOT LIKE|NOTLIKE|LIKE|NOT IN|NOTIN|BETWEEN|NSAMEAS|SAMEAS|GT_FIELD|LT_FIELD|ON|IN|!=|>=|<=|=|>|<)(.*)",
    re.DOTALL,
)
_SAME = ("SAMEAS", "NSAMEAS", "GT_FIELD", "LT_FIELD")  # their value is a field, too


class Filter(NamedTuple):
    """A checked query: its `^NQ` groups, and every field it names."""

    groups: tuple[str, ...]
    fields: tuple[str, ...]


def parse(text: str, entity: str) -> Filter:
    """Reads one encoded query. Raises Misconfigured for what could widen it, change its order, or cannot be read."""
    groups: list[list[str]] = [[]]
    fields: list[str] = []
    for position, token in enumerate(text.strip().removesuffix("^EQ").split("^") if text.strip() else []):
        upper = token.upper()
        if "JAVASCRIPT:" in upper:
            raise _refused(entity, position, "holds a script", "Write the value itself, a fixed date for example.")
        if upper.startswith(("ORDERBY", "GROUPBY", "GOTO", "RLQUERY")) or "TEXTQUERY" in upper:
            raise _refused(entity, position, "is no condition", "Leave out orders, groups, text searches and scripts.")
        joint = ""
        if token.startswith("NQ"):
            groups.append([])
            token = token[2:]
        elif token.startswith("OR"):
            joint, token = "OR", token[2:]
            if not groups[-1]:
                raise _refused(entity, position, "begins with ^OR", "^OR needs a condition before it.")
        match = _TERM.fullmatch(token)
        if match is None:
            raise _refused(
                entity,
                position,
                "cannot be read",
                "Write FIELD OPERATOR VALUE without spaces around the operator, joined by ^; a value holds no ^.",
            )
        fields.append(match[1])
        if match[2] in _SAME:
            fields.append(match[3])
        groups[-1].append(joint + token)
    return Filter(tuple("^".join(group) for group in groups), tuple(dict.fromkeys(fields)))


def conjunction(filters: Sequence[Filter], *bounds: str, order: Sequence[str] = ("sys_id",)) -> str:
    """One query in which every filter holds and one of `bounds`: each is a group of terms that we wrote ourselves.

    The bounds stand first, so that no `^OR` of a filter can bind to them.
    """
    groups = [
        "^".join(part for part in parts if part) for parts in product(bounds or ("",), *(one.groups for one in filters))
    ]
    if len(groups) > MOST_GROUPS:
        raise Misconfigured(
            f"the filters multiply to {len(groups)} groups by ^NQ", hint="Use ^OR or IN within one condition instead."
        )
    return "^NQ".join(groups) + "".join(f"^ORDERBY{field}" for field in order)


def one_of(field: str, values: Sequence[str]) -> str:
    """`field` has one of these values. Values that would break the query are left out: they cannot exist as keys."""
    return f"{field}IN" + ",".join(value for value in values if not re.search(r"[,^]|javascript:", value))


def _refused(entity: str, position: int, what: str, hint: str) -> Misconfigured:
    return Misconfigured(f"the filter of {entity}: condition {position + 1} {what}", hint=hint)
