"""What a reader sees of rich text: its words, in their order, and where its links lead."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

_SAID = {
    "mention": ("id",),
    "emoji": ("shortName",),
    "date": ("timestamp",),
    "status": ("text",),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "media": ("alt",),
}
"""Nodes without text: the attributes that stand for what is seen."""

_INLINE = frozenset({"text", "mention", "emoji", "date", "status", "inlineCard"})


def is_document(value: Any) -> bool:
    """A rich text document (ADF)."""
    return isinstance(value, Mapping) and value.get("type") == "doc" and "content" in value


def words(value: Any) -> str:
    """Of a document, or of text as it is. White space is one blank: where lines break is the target's own."""
    text = "".join(_seen(value)) if isinstance(value, Mapping) else str(value)
    return _spaced(text)


def readings(value: Any) -> set[str]:
    """How rich text may be read: a document's words; text as it is, or the words of its markup."""
    if isinstance(value, Mapping):
        return {words(value)}
    text = str(value)
    return {_spaced(text), _spaced(html.unescape(re.sub(r"<[^>]*>", " ", text)))}


def _spaced(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _seen(node: Mapping[str, Any]) -> Iterator[str]:
    kind, attrs = str(node.get("type", "")), node.get("attrs") or {}
    if kind not in _INLINE:
        yield "\n"  # a block, or a break: what stands before and after are two words
    if kind == "text":
        yield str(node.get("text", ""))
    for name in _SAID.get(kind, ()):
        yield f" {attrs.get(name) or ''} "
    content = node.get("content") or ()
    for at, inner in enumerate(content):
        yield from _seen(inner)
        address = _address(inner)
        if address and (at + 1 == len(content) or _address(content[at + 1]) != address):
            yield f" <{address}> "  # once, into however many pieces its text is cut
    if kind not in _INLINE:
        yield "\n"


def _address(node: Mapping[str, Any]) -> str:
    links = [mark for mark in node.get("marks") or () if mark.get("type") == "link"]
    return str((links[0].get("attrs") or {}).get("href", "")) if links else ""
