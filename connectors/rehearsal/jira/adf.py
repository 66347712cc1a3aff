"""Atlassian Document Format: what the editor accepts, and plain text in and out of it."""

from __future__ import annotations

from typing import Any

LIMIT = 32_767  # characters of text in one field or comment

INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status", "mediaInline"})
_LISTS = frozenset({"bulletList", "orderedList"})
_MEDIA = frozenset({"mediaSingle", "mediaGroup"})
_FLOW = frozenset({"paragraph", "heading", "codeBlock", "rule", "blockCard"}) | _LISTS | _MEDIA
_CELL = _FLOW | {"blockquote", "panel", "taskList", "decisionList", "nestedExpand"}

# node -> what may stand in it; a node without an entry is no node of the format
CHILDREN: dict[str, frozenset[str]] = {
    "doc": _FLOW | {"blockquote", "panel", "taskList", "decisionList", "table", "expand", "embedCard"},
    "paragraph": INLINE,
    "heading": INLINE,
    "codeBlock": frozenset({"text"}),
    "blockquote": _LISTS | _MEDIA | {"paragraph", "codeBlock"},
    "panel": _FLOW | {"taskList", "decisionList"},
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": _LISTS | {"paragraph", "codeBlock", "mediaSingle"},
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableCell", "tableHeader"}),
    "tableCell": _CELL,
    "tableHeader": _CELL,
    "expand": _CELL,
    "nestedExpand": _FLOW | {"blockquote", "panel", "taskList", "decisionList"},
    "taskList": frozenset({"taskItem", "taskList"}),
    "taskItem": INLINE,
    "decisionList": frozenset({"decisionItem"}),
    "decisionItem": INLINE,
    "mediaSingle": frozenset({"media", "caption"}),
    "mediaGroup": frozenset({"media"}),
    "caption": INLINE,
    **{leaf: frozenset() for leaf in ("rule", "hardBreak", "mention", "emoji", "inlineCard", "date", "status")},
    **{leaf: frozenset() for leaf in ("media", "mediaInline", "blockCard", "embedCard")},
}
_NEVER_EMPTY = frozenset(
    [
        "bulletList",
        "orderedList",
        "listItem",
        "table",
        "tableRow",
        "tableCell",
        "tableHeader",
        "blockquote",
        "panel",
        "expand",
        "nestedExpand",
        "taskList",
        "decisionList",
        "mediaSingle",
        "mediaGroup",
    ]
)
MARKS = frozenset(
    [
        "strong",
        "em",
        "code",
        "strike",
        "underline",
        "link",
        "subsup",
        "textColor",
        "backgroundColor",
        "annotation",
        "border",
        "alignment",
        "indentation",
        "breakout",
        "fragment",
        "dataConsumer",
    ]
)
_WITH_CODE = frozenset({"code", "link", "annotation"})  # the code mark tolerates no other
_NEEDS = {"mention": "id", "date": "timestamp", "status": "text", "emoji": "shortName"}


class BadDocument(ValueError):
    """The document is not what the format allows; the API answers INVALID_INPUT and says no more."""


def measure(doc: Any) -> int:
    """Check a document in one pass without recursion; the characters of text in it. Raises BadDocument."""
    try:
        if doc["type"] != "doc" or doc["version"] != 1:
            raise BadDocument
        length = 0
        stack = [doc]
        while stack:
            node = stack.pop()
            kind = node["type"]
            allowed = CHILDREN[kind]
            content = node.get("content")
            if not content:
                if kind in _NEVER_EMPTY or (kind == "doc" and content is None):
                    raise BadDocument
                continue
            if type(content) is not list:
                raise BadDocument
            if kind == "listItem" and content[0]["type"] in _LISTS:
                raise BadDocument
            for child in content:
                name = child["type"]
                if name not in allowed:
                    raise BadDocument
                if name == "text":
                    text = child["text"]
                    if type(text) is not str or not text:
                        raise BadDocument
                    length += len(text)
                    if "marks" in child:
                        _check_marks(child["marks"], kind)
                elif CHILDREN[name]:
                    if name == "heading" and child["attrs"]["level"] not in (1, 2, 3, 4, 5, 6):
                        raise BadDocument
                    stack.append(child)
                else:
                    _check_leaf(name, child)
    except (KeyError, TypeError, AttributeError):
        raise BadDocument from None
    return length


def _check_marks(marks: Any, parent: str) -> None:
    names = {mark["type"] for mark in marks}
    if not names <= MARKS or len(names) != len(marks) or (parent == "codeBlock" and names):
        raise BadDocument
    if "code" in names and not names <= _WITH_CODE:
        raise BadDocument
    for mark in marks:
        if mark["type"] == "link" and not isinstance(mark["attrs"]["href"], str):
            raise BadDocument


def _check_leaf(name: str, node: Any) -> None:
    if node.get("content"):
        raise BadDocument
    if name in _NEEDS and not node["attrs"][_NEEDS[name]]:
        raise BadDocument
    if name == "media":
        attrs = node["attrs"]
        if attrs["type"] == "external":
            if not attrs["url"]:
                raise BadDocument
        elif attrs["type"] not in ("file", "link") or not attrs["id"] or "collection" not in attrs:
            raise BadDocument


def from_text(text: str) -> dict[str, Any]:
    """Plain text as a document: a paragraph for each block between blank lines, a hard break for each line end."""
    paragraphs = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        inline: list[dict[str, Any]] = []
        for line in block.split("\n"):
            if inline:
                inline.append({"type": "hardBreak"})
            if line:
                inline.append({"type": "text", "text": line})
        paragraphs.append({"type": "paragraph", "content": inline} if inline else {"type": "paragraph"})
    return {"type": "doc", "version": 1, "content": paragraphs}


def to_text(node: Any) -> str:
    """The words of a document, blocks divided by blank lines."""
    return "\n\n".join(part for part in (_block(child) for child in node.get("content", ())) if part)


def _block(node: Any) -> str:
    content = node.get("content", ())
    if content and content[0]["type"] in INLINE:
        return "".join(_inline(child) for child in content)
    return "\n".join(part for part in (_block(child) for child in content) if part)


def _inline(node: Any) -> str:
    if node["type"] == "text":
        return str(node["text"])
    if node["type"] == "hardBreak":
        return "\n"
    attrs = node.get("attrs", {})
    return str(attrs.get("text") or attrs.get("url") or attrs.get("shortName") or "")
