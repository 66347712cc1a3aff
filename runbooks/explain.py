"""What a model says about a file, in sentences that say what was expected and what stands there instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runbooks.document import Document, Loc
from runbooks.errors import Problem, did_you_mean

_MAPPING = "expected a mapping (key: value)"
_LIST = "expected a list (lines that begin with '-')"
_TEXT = "expected text"
_EXPECTED = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "string_type": _TEXT,
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
}


def explain(error: ValidationError, document: Document) -> Iterator[Problem]:
    """Every problem of a file that does not fit its model."""
    lines = error.errors(include_url=False)
    deeper = {line["loc"][:cut] for line in lines for cut in range(len(line["loc"]))}
    for line in lines:
        if line["type"] == "too_short" and line["loc"] in deeper:
            continue  # the list is not empty: what is in it was refused above
        loc: Loc = tuple(step for step in line["loc"] if step != "[key]")
        yield document.problem(loc, _sentence(line), key=_key(line))


def _key(line: ErrorDetails) -> str:
    if line["loc"] and line["loc"][-1] == "[key]":
        return str(line["loc"][-2])
    return str(line.get("ctx", {}).get("at", ""))


def _sentence(line: ErrorDetails) -> str:
    kind, found, ctx = line["type"], line["input"], line.get("ctx", {})
    if kind == "wrong":
        return str(ctx["sentence"])
    if kind == "unknown_key":
        expected: list[str] = ctx["expected"]
        return f"{ctx['sentence']}; expected one of {', '.join(expected)}{did_you_mean(ctx['at'], expected)}"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, found {_kind_of(found)}{_remedy(kind, found)}"
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", ctx["expected"]) or [str(ctx["expected"]).lower()]
        seen = f"'{found}'{did_you_mean(found, words)}" if isinstance(found, str) else _kind_of(found)
        return f"expected {' or '.join([', '.join(words[:-1]), words[-1]] if words[1:] else words)}, found {seen}"
    if kind in ("too_short", "string_too_short"):
        return "expected at least one entry, found none" if kind == "too_short" else "expected text, found none"
    if kind == "string_pattern_mismatch":
        return (
            "expected a name of up to 64 characters, without spaces, slashes, colons, commas, quotes or a leading '-'"
        )
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return f"expected a number {line['msg'].removeprefix('Input should be ')}"
    return line["msg"].removeprefix("Value error, ")


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def _remedy(kind: str, found: Any) -> str:
    if kind == "string_type" and isinstance(found, bool | int | float):
        return "; put it in quotes"
    if kind in ("int_type", "float_type") and isinstance(found, str):
        return "; take quotes and units away"
    return ""
