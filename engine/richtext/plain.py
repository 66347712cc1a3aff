"""Plain text to ADF and back. A blank line parts paragraphs, a newline is a hard break; the way back is exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from engine.richtext.builder import Node
from engine.richtext.text import clean

# Two non-characters, which `clean` leaves in no text.
_PARAGRAPH, _LINE = "\ufffe", "\uffff"
_PARAGRAPH_JSON, _LINE_JSON = _PARAGRAPH.encode(), _LINE.encode()
_BEGIN = b'{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"'
_NEXT_PARAGRAPH = b'"}]},{"type":"paragraph","content":[{"type":"text","text":"'
_NEXT_LINE = b'"},{"type":"hardBreak"},{"type":"text","text":"'
_END = b'"}]}]}'
_EMPTY = b'{"type":"text","text":""}'


def read(text: str) -> Node:
    """ADF of plain text. Nothing in it is markup."""
    doc: Node = orjson.loads(encode(text))
    return doc


def encode(text: str) -> bytes:
    """The JSON of `read`. Written as text, since building its nodes first would cost more than all the rest."""
    text = clean(text)
    if not text:
        return b'{"type":"doc","version":1,"content":[]}'
    marked = text.replace("\n\n", _PARAGRAPH).replace("\n", _LINE)
    words = orjson.dumps(marked)[1:-1]
    words = words.replace(_PARAGRAPH_JSON, _NEXT_PARAGRAPH).replace(_LINE_JSON, _NEXT_LINE)
    doc = b"".join((_BEGIN, words, _END))
    if _EMPTY in doc:  # no text node may be empty; a quote in the text itself has a backslash before it
        doc = doc.replace(_EMPTY + b",", b"").replace(b"," + _EMPTY, b"").replace(_EMPTY, b"")
    return doc


def write(doc: Node) -> str:
    """The text of a document: items with their marks, cells with bars, links with their address."""
    return "\n\n".join(_block(node, 0) for node in doc.get("content") or ())


def _block(node: Node, depth: int) -> str:
    kind = node.get("type")
    content = node.get("content") or []
    if kind in ("bulletList", "orderedList"):
        return "\n".join(_items(node, depth))
    if kind == "table":
        return "\n".join(_row(row, depth) for row in content)
    if kind == "rule":
        return "---"
    if kind in ("paragraph", "heading", "codeBlock"):
        return "".join(inline_text(child) for child in content)
    if content:
        return "\n\n".join(_block(child, depth) for child in content)
    return inline_text(node)


def _items(node: Node, depth: int) -> Iterator[str]:
    number = (node.get("attrs") or {}).get("order", 1) if node["type"] == "orderedList" else None
    for item in node.get("content") or ():
        sign = "- " if number is None else f"{number}. "
        lines = "\n".join(_block(child, depth + 1) for child in item.get("content") or ()).split("\n")
        yield ("\n" + " " * len(sign)).join([sign + lines[0], *lines[1:]])
        if number is not None:
            number += 1


def _row(row: Node, depth: int) -> str:
    cells = (
        " ".join(_block(child, depth + 1).replace("\n", " ") for child in cell.get("content") or ())
        for cell in row.get("content") or ()
    )
    return " | ".join(cells)


def inline_text(node: Node) -> str:
    """What a reader sees of an inline node, of any kind that ADF knows."""
    kind, attrs = node.get("type"), node.get("attrs") or {}
    if kind == "text":
        return str(node.get("text", "")) + _address(node)
    if kind == "hardBreak":
        return "\n"
    if kind == "mention":
        name = str(attrs.get("text") or attrs.get("id") or "")
        return name if name.startswith("@") else f"@{name}"
    if kind == "emoji":
        return str(attrs.get("text") or attrs.get("shortName") or "")
    if kind == "date":
        return _day(attrs.get("timestamp"))
    if kind == "media":
        return f"[{attrs.get('alt') or 'attachment'}]"
    return str(attrs.get("text") or attrs.get("url") or "")


def _address(node: Node) -> str:
    for mark in node.get("marks") or ():
        if mark.get("type") == "link":
            href = str((mark.get("attrs") or {}).get("href", ""))
            return f" ({href})" if href and href not in (node.get("text"), f"mailto:{node.get('text')}") else ""
    return ""


def _day(timestamp: Any) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(int(timestamp) / 1000, UTC).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
