"""Documents (ADF) in a normal form: the same for what was sent and for what Jira made of it.

Jira orders attributes and marks its own way, fills in defaults, adds local ids, joins and cuts text, and adds or drops
empty paragraphs. None of that is a difference.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

Node = dict[str, Any]

# Of these nodes only these attributes are the author's; of all others every attribute that is not a default.
_ONLY: dict[str, tuple[str, ...]] = {
    "mention": ("id",),
    "emoji": ("shortName",),
    "date": ("timestamp",),
    "status": ("text", "color"),
    "hardBreak": (),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "table": (),
    "tableRow": (),
    "mediaSingle": (),
    "paragraph": (),
    "link": ("href",),
}
_NEVER = frozenset({"localId", "uniqueId", "__confluenceMetadata", "occurrenceKey"})
_DEFAULTS: dict[str, Any] = {"order": 1, "colspan": 1, "rowspan": 1}


def normal(document: Mapping[str, Any]) -> Node | None:
    """The normal form of a document; None when nothing is in it."""
    content = _blocks(document.get("content") or ())
    return {"type": "doc", "content": content} if content else None


def _blocks(nodes: Iterable[Any]) -> list[Node]:
    return _joined([form for form in map(_node, nodes) if form is not None])


def _node(node: Any) -> Node | None:
    kind = str(node.get("type", ""))
    if kind == "text":
        return _text(node)
    form: Node = {"type": kind}
    if (given := node.get("attrs")) and (attrs := _attrs(kind, given)):
        form["attrs"] = attrs
    if (inside := node.get("content")) and (content := _blocks(inside)):
        form["content"] = content
    elif kind == "paragraph":
        return None
    if (marked := node.get("marks")) and (marks := _marks(marked)):
        form["marks"] = marks
    return form


def _text(node: Any) -> Node | None:
    text = str(node.get("text", ""))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        return None
    form: Node = {"type": "text", "text": text}
    if (marked := node.get("marks")) and (marks := _marks(marked)):
        form["marks"] = marks
    return form


def _marks(marks: Iterable[Any]) -> list[Node]:
    forms = []
    for mark in marks:
        kind = str(mark.get("type", ""))
        attrs = _attrs(kind, mark.get("attrs") or {})
        forms.append({"type": kind, "attrs": attrs} if attrs else {"type": kind})
    return sorted(forms, key=orjson.dumps)


def _attrs(kind: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    known = _ONLY.get(kind)
    return {
        name: attrs[name]
        for name in sorted(attrs if known is None else known)
        if name not in _NEVER and attrs.get(name) not in (None, "", False) and attrs[name] != _DEFAULTS.get(name)
    }


def _joined(nodes: list[Node]) -> list[Node]:
    """Neighbouring texts with the same marks, as one; a composed character may span two of them."""
    if len(nodes) < 2:
        return nodes
    joined: list[Node] = []
    for node in nodes:
        before = joined[-1] if joined else None
        if before and before["type"] == node["type"] == "text" and before.get("marks") == node.get("marks"):
            joined[-1] = before | {"text": unicodedata.normalize("NFC", before["text"] + node["text"])}
        else:
            joined.append(node)
    return joined
