"""ADF as it comes from elsewhere: read with distrust, measured, cut."""

from __future__ import annotations

import json
from typing import Any

from engine.richtext.builder import BOLD, PLAIN, Builder, Mark, Marks, Node, marks_of
from engine.richtext.plain import inline_text
from engine.richtext.text import TextError, clean, safe_link

_MAX_DEPTH = 100
_SAME = ("paragraph", "heading", "codeBlock", "blockquote", "bulletList", "orderedList", "listItem")
_TABLE = ("table", "tableRow", "tableHeader", "tableCell")
_PANELS = ("info", "note", "tip", "warning", "error", "success")
_HOLDERS = ("doc", "rule", "panel", "expand", "nestedExpand", "taskList", "taskItem", "decisionList", "decisionItem")
_CARDS = ("inlineCard", "blockCard", "embedCard")
_INLINE = ("text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "media", "mediaInline")


def load(value: Any) -> Node:
    """A document from a value of a record: a mapping, or the JSON of one. Raises TextError when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise TextError("not an ADF document") from None
    if not isinstance(value, dict) or value.get("type") != "doc" or not isinstance(value.get("content", []), list):
        raise TextError("not an ADF document")
    return value


def read(value: Any) -> Node:
    """The same document in legal, normal form: what it holds beyond text becomes text."""
    builder = Builder()
    try:
        _walk(builder, load(value), PLAIN, 0)
    except TextError:
        raise
    except (AttributeError, TypeError, KeyError, ValueError):
        raise TextError("not an ADF document") from None
    return builder.done()


def _walk(builder: Builder, node: Node, marks: Marks, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise TextError("document nested too deeply")
    kind, attrs = node["type"], node.get("attrs") or {}
    if kind in _CARDS and kind != "inlineCard":
        builder.open("paragraph")
        _inline(builder, node, marks)
        builder.close("paragraph")
        return
    if kind in _INLINE or (not node.get("content") and kind not in _SAME + _TABLE + _HOLDERS):
        _inline(builder, node, marks)
        return
    if kind == "rule":
        builder.rule()
        return
    if kind in ("expand", "nestedExpand") and attrs.get("title"):
        builder.open("paragraph")
        builder.text(clean(str(attrs["title"])), marks | {BOLD})
        builder.close("paragraph")
    opened = _open(builder, kind, attrs)
    if kind in ("taskItem", "decisionItem"):
        builder.text("[x] " if attrs.get("state") == "DONE" else "[ ] " if kind == "taskItem" else "", marks)
    for child in node.get("content") or ():
        _walk(builder, child, marks, depth + 1)
    if opened:
        builder.close(opened)


def _open(builder: Builder, kind: str, attrs: Node) -> str:
    if kind in _SAME:
        builder.open(kind, **{name: attrs[name] for name in ("level", "order", "language") if attrs.get(name)})
    elif kind in _TABLE:
        spans = {name: attrs[name] for name in ("colspan", "rowspan") if isinstance(attrs.get(name), int)}
        builder.open(kind, **spans)
    elif kind == "panel":
        builder.open(kind, panel=attrs.get("panelType") if attrs.get("panelType") in _PANELS else "info")
    elif kind in ("taskList", "decisionList"):
        kind = "bulletList"
        builder.open(kind)
    elif kind in ("taskItem", "decisionItem"):
        kind = "listItem"
        builder.open(kind)
    else:
        return ""
    return kind


def _inline(builder: Builder, node: Node, marks: Marks) -> None:
    kind = node["type"]
    if kind == "hardBreak":
        builder.line_break()
    elif kind == "text":
        write(builder, clean(node["text"]), marks | _safe(marks_of(node)))
    elif kind in _CARDS:
        href = safe_link(str((node.get("attrs") or {}).get("url", "")))
        builder.text(href, marks | {("link", href)} if href else marks)
    else:
        write(builder, clean(inline_text(node)), marks)


def _safe(marks: Marks) -> Marks:
    out: set[Mark] = set()
    for name, value in marks:
        if name == "link":
            value = safe_link(value)
            if not value:
                continue
        if name == "subsup" and value not in ("sub", "sup"):
            continue
        out.add((name, value))
    return frozenset(out)


def write(builder: Builder, text: str, marks: Marks) -> None:
    """Text that may hold newlines: outside of code each is a line break."""
    if builder.in_code or "\n" not in text:
        builder.text(text, marks)
        return
    for number, line in enumerate(text.split("\n")):
        if number:
            builder.line_break()
        builder.text(line, marks)


def length(doc: Node) -> int:
    """Characters of text in a document; a hard break counts as one."""
    total = 0
    pending: list[Node] = [doc]
    while pending:
        node = pending.pop()
        text = node.get("text")
        if text is not None:
            total += len(text)
        elif node.get("type") == "hardBreak":
            total += 1
        pending.extend(node.get("content") or ())
    return total


def shorten(doc: Node, limit: int) -> Node:
    """The document with at most `limit` characters of text; an ellipsis stands where it was cut."""
    if length(doc) <= limit:
        return doc
    out, _ = _cut(doc, limit - 1)
    return out


def _cut(node: Node, left: int) -> tuple[Node, int]:
    """The node with at most `left` characters and, where more was there, an ellipsis; -1 left: it was cut."""
    if node.get("type") == "text":
        text = node["text"]
        if len(text) <= left:
            return node, left - len(text)
        return {**node, "text": text[:left] + "…"}, -1
    if node.get("type") == "hardBreak":
        return (node, left - 1) if left else ({"type": "text", "text": "…"}, -1)
    if "content" not in node:
        return node, left
    kept: list[Node] = []
    for child in node["content"]:
        done, left = _cut(child, left)
        kept.append(done)
        if left < 0:
            break
    return {**node, "content": kept}, left
