"""The value of an issue's field as a query sees it: to compare, to sort by, to look for words in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from connectors.rehearsal.jira import adf
from connectors.rehearsal.jira.model import Issue


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return adf.to_text(orjson.loads(value))
    return value or ""


_WORD = re.compile(r"\w+")
_WILD = re.compile(r"\w+\*?")


def tokens(text: str, wildcards: bool = False) -> list[str]:
    """The words that the index knows a text by: punctuation divides, case is folded."""
    return (_WILD if wildcards else _WORD).findall(text.casefold())


def holds(held: list[str], wanted: list[str], phrase: bool) -> bool:
    if phrase:
        size = len(wanted)
        return any(held[at : at + size] == wanted for at in range(len(held) - size + 1))
    words = set(held)
    return all(
        any(one.startswith(word[:-1]) for one in words) if word.endswith("*") else word in words for word in wanted
    )


# ---------------------------------------------------------------- values, for sorting and for emptiness


def value_of(field: str) -> Callable[[Issue], Any]:
    match field:
        case "id" | "key":
            return lambda issue: issue.id
        case "project":
            return lambda issue: issue.project.key
        case "issuetype":
            return lambda issue: issue.type.name
        case "status":
            return lambda issue: issue.status.name
        case "statusCategory":
            return lambda issue: issue.status.category.key
        case "created":
            return lambda issue: issue.created
        case "updated":
            return lambda issue: issue.updated
        case "creator":
            return lambda issue: issue.creator
        case "parent":
            return lambda issue: issue.parent or None
        case "text":
            return lambda issue: issue.fields.get("summary")
    return lambda issue: issue.fields.get(field)


def sort_value(field: str) -> Callable[[Issue], list[Any]]:
    """A value to sort by, as a list that survives JSON; the empty come last. Keys sort by project, then number."""
    if field == "key":
        return lambda issue: [issue.project.key, issue.number]
    get = value_of(field)

    def value(issue: Issue) -> list[Any]:
        held = get(issue)
        if held is None or held == ():
            return [1, 0]
        if isinstance(held, bytes):
            return [0, text_of(held)]
        return [0, list(held) if isinstance(held, tuple) else held]

    return value
