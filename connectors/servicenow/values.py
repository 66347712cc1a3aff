"""Values on their way in: as the instance wants them, and whether it kept them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from connectors.servicenow.dictionary import JOURNALS, Column
from connectors.servicenow.instance import error_detail, error_text

_NOTES = frozenset({"comments", "work_notes"})
_UNREAD = frozenset({"password", "password2", "journal_list"})
_KNOWN_CAUSES = (
    ("mandatory", "mandatory fields are missing"),
    ("data policy", "mandatory fields are missing"),
    ("acl exception", "not permitted by access rules"),
    ("insufficient rights", "not permitted by access rules"),
    ("security constraints", "not permitted by access rules"),
    ("unique key", "duplicate key"),
    ("duplicate", "duplicate key"),
)


def chosen_id(entity: str, xid: str) -> str:
    """The sys_id of the record that carries this external id: always the same, so creating it twice makes one."""
    return hashlib.md5(f"cutover:{entity}:{xid}".encode(), usedforsecurity=False).hexdigest()


def to_text(value: Any) -> str | None:
    """A value as the Table API takes it: text. None: it has no such form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str | int) for part in value):
        return ",".join(str(part) for part in value)
    return None


def is_journal(name: str, columns: Mapping[str, Column]) -> bool:
    column = columns.get(name)
    return name in _NOTES if column is None else column.type in JOURNALS


def lost(sent: Mapping[str, str], kept: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[str, str] | None:
    """The first field that the instance did not keep, as (field, cause); None when it kept all.

    It answers 200 and leaves out what may not be written, cuts what is too long, and lets rules overwrite values.
    """
    for name, wanted in sent.items():
        column = columns.get(name)
        if is_journal(name, columns) or (column is not None and column.type in _UNREAD):
            continue
        got = str(kept.get(name, ""))
        if _same(wanted, got) or (got and column is not None and _rewritten(wanted, got, column.type)):
            continue
        if got and len(got) < len(wanted) and _plain(wanted).startswith(_plain(got)):
            return name, "value longer than the field"
        return name, "field not writable"
    return None


def _same(wanted: str, got: str) -> bool:
    if wanted == got or _plain(wanted) == _plain(got):
        return True
    if wanted.lower() in ("true", "false", "1", "0") and got in ("true", "false"):
        return (wanted.lower() in ("true", "1")) == (got == "true")
    try:
        return float(wanted) == float(got)
    except ValueError:
        return False


def _rewritten(wanted: str, got: str, kind: str) -> bool:
    """What the instance rewrites by its nature: markup is cleaned, a date without a time gets one, an empty boolean is
    false."""
    if kind == "boolean" and not wanted:
        return got == "false"
    return "html" in kind or (kind == "glide_date_time" and got.startswith(wanted))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def cause(status: int, body: Any, sent: Mapping[str, str]) -> str:
    """Why the instance refuses a record, without any value of it: the same words for the same kind of refusal."""
    if status == 404:
        return "gone at target"
    text = f"{error_text(body)} {error_detail(body)}".lower()
    for sign, known in _KNOWN_CAUSES:
        if sign in text:
            return known
    message = error_text(body)
    for value in sorted({value for value in sent.values() if value}, key=len, reverse=True):
        message = message.replace(value, "…")
    message = re.sub(r"\b[0-9a-f]{32}\b|\"[^\"]*\"", "…", message).strip()
    return f"refused ({status}): {message[:200]}" if message else f"refused ({status})"
