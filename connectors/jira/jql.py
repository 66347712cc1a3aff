"""JQL: quoting, and filters that can be joined with AND without changing what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.kit.errors import Misconfigured

# One token: a quoted string, a bracket, or a run of anything else that is neither.
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()]|[^\s()\"']+|[\"']", re.DOTALL)


def quote(value: str) -> str:
    """`value` as a JQL string: nothing in it can end the string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def among(field: str, values: Iterable[str]) -> str:
    return f"{field} in ({', '.join(quote(value) for value in values)})"


def conjunction(clauses: Sequence[str], order: str = "") -> str:
    """All of these clauses; empty ones are left out. Filters must have passed `accept`."""
    joined = " AND ".join(clause for clause in clauses if clause)
    return f"{joined} ORDER BY {order}" if order else joined


def accept(filters: Sequence[str]) -> list[str]:
    """Filters, each in brackets, ready for `conjunction`. Misconfigured when one could reach beyond its brackets."""
    texts = [text.strip() for text in filters if text.strip()]
    for text in texts:
        _check(text)
    return [f"({text})" for text in texts]


def _check(text: str) -> None:
    depth = 0
    before = ""
    for token in _TOKEN.findall(text):
        word = token.lower()
        if token in ('"', "'"):
            raise Misconfigured(
                f"the filter has an open quote: {text}", hint="Close the quote in the playbook's filter."
            )
        if before == "order" and word == "by":
            raise Misconfigured(
                f"the filter has an ORDER BY: {text}",
                hint="Take it out of the playbook's filter; records are read in the order of their keys.",
            )
        depth += (token == "(") - (token == ")")
        if depth < 0:
            break
        before = word
    if depth:
        raise Misconfigured(
            f"the filter's brackets do not match: {text}", hint="Correct them in the playbook's filter."
        )
