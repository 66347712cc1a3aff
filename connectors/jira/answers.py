"""What Jira's answers mean for one record: a cause without values, and the field where Jira names one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.kit.contract import Failed, Outcome, Rejected, Write, Written
from connectors.kit.document import decoded
from connectors.kit.errors import InDoubt, Throttled

GONE = "gone at target"
NOT_ON_SCREEN = "not on the appropriate screen"

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|‘[^’]*’|«[^»]*»|\[[^\]]*\]")
_LOOSE = re.compile(r"\S+@\S+|\b\d[\d.,:-]*\b")
_LENGTH = 160


def errors_of(body: Any) -> tuple[list[str], dict[str, str]]:
    """Messages of the whole, and messages by field, of any error body; a body of another shape gives none."""
    if not isinstance(body, Mapping):
        return [], {}
    messages = body.get("errorMessages") or []
    fields = body.get("errors") or {}
    return (
        [str(message) for message in messages] if isinstance(messages, list) else [],
        {str(field): str(message) for field, message in fields.items()} if isinstance(fields, Mapping) else {},
    )


def rejected(xid: str, status: int, body: Any, fields: Mapping[str, Any]) -> Rejected:
    """One record that Jira refuses. `fields` is what was sent: none of it may show in the cause."""
    messages, by_field = errors_of(body)
    if by_field:
        field = min(by_field)
        return Rejected(xid, scrub(by_field[field], fields) or f"refused ({status})", field)
    if messages:
        return Rejected(xid, scrub(messages[0], fields) or f"refused ({status})")
    return Rejected(xid, _by_status(status))


def _by_status(status: int) -> str:
    if status == 403:
        return "no permission for this record"
    if status == 404:
        return GONE
    if status == 413:
        return "too large, or the issue is at its limit"
    return f"refused ({status})"


def scrub(message: str, fields: Mapping[str, Any]) -> str:
    """The message without anything that was sent: like cases read alike, and nothing of a record leaks."""
    text = _QUOTED.sub("'…'", message)
    # Longest first: a short value may be part of a longer one.
    for value in sorted({leaf for leaf in _leaves(decoded(fields)) if len(leaf) > 1}, key=len, reverse=True):
        if value in text:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text)
    return " ".join(_LOOSE.sub("…", text).split())[:_LENGTH]


def _leaves(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            yield from item.splitlines()
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, int | float):
            yield str(item)


def created(body: Any, writes: Sequence[Write]) -> list[tuple[Outcome, str]] | None:
    """The outcomes of a bulk create, in the order of the writes, each with the new issue's key (or "").

    None when the answer names no record.

    `issues` holds the successes only, in order: what is left after taking out every `failedElementNumber`.
    Raises InDoubt when the answer does not add up: then nobody knows which record got which issue.
    """
    if not isinstance(body, Mapping):
        return None
    issues = body.get("issues") or []
    failures = {
        error.get("failedElementNumber"): error for error in body.get("errors") or [] if isinstance(error, Mapping)
    }
    if not issues and not any(isinstance(number, int) for number in failures):
        return None
    if len(issues) + len(failures) != len(writes) or not all(number in range(len(writes)) for number in failures):
        raise InDoubt(f"the answer to {len(writes)} creates tells of {len(issues)} issues and {len(failures)} errors")
    remaining = iter(issues)
    return [
        (_failure(write, failures[number]), "") if number in failures else _created(write, next(remaining))
        for number, write in enumerate(writes)
    ]


def _created(write: Write, issue: Mapping[str, Any]) -> tuple[Outcome, str]:
    return Written(write.xid, str(issue["id"])), str(issue.get("key", ""))


def _failure(write: Write, error: Mapping[str, Any]) -> Outcome:
    status = int(error.get("status") or 400)
    if status == 429:
        return Failed(write.xid, Throttled("the system asks to wait", retry_after=1.0, scope="issue.create"))
    if status >= 500:
        return Failed(write.xid, InDoubt(f"the system failed on this record ({status})"))
    return rejected(write.xid, status, error.get("elementErrors"), write.fields)


def off_screen(body: Any) -> bool:
    """Whether this answer says that a screen has changed since we read it."""
    if not isinstance(body, Mapping):
        return False
    parts = [body, *(error.get("elementErrors") for error in body.get("errors") or () if isinstance(error, Mapping))]
    return any(NOT_ON_SCREEN in message for part in parts for message in errors_of(part)[1].values())
