"""A strict check of ADF documents, written from the published schema and independent of the product."""

from __future__ import annotations

from typing import Any

FLOW = {"paragraph", "bulletList", "orderedList", "codeBlock"}
INSIDE = {
    "doc": FLOW | {"heading", "blockquote", "panel", "rule", "table"},
    "blockquote": FLOW,
    "panel": FLOW | {"heading", "rule"},
    "listItem": FLOW,
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "table": {"tableRow"},
    "tableRow": {"tableCell", "tableHeader"},
    "tableCell": FLOW | {"heading", "blockquote", "panel", "rule"},
    "tableHeader": FLOW | {"heading", "blockquote", "panel", "rule"},
    "paragraph": {"text", "hardBreak"},
    "heading": {"text", "hardBreak"},
    "codeBlock": {"text"},
}
NEEDS_CONTENT = set(INSIDE) - {"doc", "paragraph", "heading", "codeBlock"}
KEYS = {"type", "content", "attrs"}
MARKS = {"strong", "em", "underline", "strike", "code", "link", "subsup"}


def check_adf(doc: Any) -> None:
    """Raise AssertionError unless Jira would take this document."""
    assert set(doc) == {"type", "version", "content"}, "a document has type, version and content"
    assert doc["type"] == "doc" and doc["version"] == 1
    _check_content(doc)


def _check_content(node: dict[str, Any]) -> None:
    kind, content = node["type"], node["content"]
    assert isinstance(content, list)
    assert content or kind not in NEEDS_CONTENT, f"{kind} is empty"
    for child in content:
        assert child["type"] in INSIDE[kind], f"{child['type']} in {kind}"
        _check_node(child, kind)
    if kind == "listItem":
        assert content[0]["type"] in {"paragraph", "codeBlock"}, "an item begins with text"


def _check_node(node: dict[str, Any], parent: str) -> None:
    kind = node["type"]
    if kind == "text":
        _check_text(node, parent)
    elif kind in ("hardBreak", "rule"):
        assert set(node) == {"type"}
    else:
        assert set(node) <= KEYS, f"{kind} has {set(node) - KEYS}"
        _check_attrs(kind, node.get("attrs"))
        _check_content(node)


def _check_attrs(kind: str, attrs: Any) -> None:
    if kind == "heading":
        assert set(attrs) == {"level"} and attrs["level"] in range(1, 7)
    elif kind == "orderedList":
        assert set(attrs) == {"order"} and type(attrs["order"]) is int and attrs["order"] >= 0
    elif kind == "panel":
        assert set(attrs) == {"panelType"}
        assert attrs["panelType"] in {"info", "note", "tip", "warning", "error", "success"}
    elif attrs is not None:
        allowed = {
            "codeBlock": {"language"},
            "tableCell": {"colspan", "rowspan"},
            "tableHeader": {"colspan", "rowspan"},
        }
        assert attrs and set(attrs) <= allowed.get(kind, set()), f"attrs of {kind}"


def _check_text(node: dict[str, Any], parent: str) -> None:
    assert set(node) <= {"type", "text", "marks"}
    text = node["text"]
    assert isinstance(text, str) and text, "empty text"
    assert not any(ord(c) < 32 and c not in "\n\t" for c in text), "control character"
    text.encode()  # no lone surrogates
    if parent != "codeBlock":
        assert "\n" not in text, "a newline is a hardBreak"
    marks = node.get("marks")
    if marks is None:
        return
    assert marks and parent != "codeBlock", "marks"
    names = [mark["type"] for mark in marks]
    assert len(set(names)) == len(names) and set(names) <= MARKS
    if "code" in names:
        assert set(names) <= {"code", "link"}, "code stands beside a link only"
    for mark in marks:
        if mark["type"] == "link":
            assert (
                mark["attrs"]["href"]
                .lower()
                .startswith(("http://", "https://", "ftp://", "ftps://", "mailto:", "tel:"))
            )
        elif mark["type"] == "subsup":
            assert mark["attrs"]["type"] in {"sub", "sup"}
        else:
            assert set(mark) == {"type"}
