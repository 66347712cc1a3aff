"""Documents as the editor writes them down: the same to a reader, and not the same JSON as was sent."""

from __future__ import annotations

from typing import Any

_NAMED = frozenset({"table", "taskList", "taskItem", "decisionList", "decisionItem", "panel", "expand", "mention"})
_GIVEN: dict[str, dict[str, Any]] = {
    "table": {"isNumberColumnEnabled": False, "layout": "default"},
    "orderedList": {"order": 1},
    "hardBreak": {"text": "\n"},
    "tableCell": {},
    "tableHeader": {},
    "mention": {"accessLevel": "CONTAINER"},
}


def rewritten(node: Any) -> Any:
    """Attributes in another order and with their defaults, local ids, marks in the editor's order, text nodes cut or
    joined, no empty `content`."""
    kind = node["type"]
    after: dict[str, Any] = {"type": kind}
    attrs = {**_GIVEN.get(kind, {}), **(node.get("attrs") or {})}
    if kind in _NAMED:
        attrs["localId"] = f"{len(str(node)):08x}-0000-4000-8000-000000000000"
    if attrs or kind in _GIVEN:
        after["attrs"] = dict(sorted(attrs.items()))
    content = [rewritten(child) for child in _texts(node.get("content") or ())]
    if content or kind == "doc":
        after["content"] = content
    for name in ("text", "version"):
        if name in node:
            after[name] = node[name]
    if node.get("marks"):
        after["marks"] = sorted(node["marks"], key=lambda mark: str(mark["type"]))
    return dict(reversed(after.items()))


def _texts(nodes: Any) -> list[Any]:
    """Neighbours with the same marks become one; a long plain one becomes two."""
    joined: list[Any] = []
    for node in nodes:
        before = joined[-1] if joined else None
        if before and before["type"] == node["type"] == "text" and before.get("marks") == node.get("marks"):
            joined[-1] = {**before, "text": before["text"] + node["text"]}
        else:
            joined.append(node)
    return [part for node in joined for part in _cut(node)]


def _cut(node: Any) -> list[Any]:
    text = node.get("text", "") if node["type"] == "text" else ""
    if len(text) < 40:
        return [node]
    return [{**node, "text": text[:20]}, {**node, "text": text[20:]}]
