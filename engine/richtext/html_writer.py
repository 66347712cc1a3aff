"""ADF to HTML: plain elements, no styles but what carries meaning."""

from __future__ import annotations

import re
from html import escape

from engine.richtext.builder import Node, marks_of

_TAGS = {"strong": "strong", "em": "em", "underline": "u", "strike": "s", "code": "code"}
_BLOCKS = {"paragraph": "p", "blockquote": "blockquote", "bulletList": "ul", "listItem": "li", "tableRow": "tr"}
_RUNS = re.compile(r" (?= )|^ | $|\t")
_NBSP = "\N{NO-BREAK SPACE}"


def write(doc: Node) -> str:
    """HTML of a document in normal form (`adf.read`)."""
    return "".join(_block(node) for node in doc["content"])


def _block(node: Node) -> str:
    kind, attrs = node["type"], node.get("attrs") or {}
    if kind == "rule":
        return "<hr>"
    if kind == "codeBlock":
        return _code(node, attrs)
    inside = "".join(
        _inline(child) if "text" in child or child["type"] == "hardBreak" else _block(child)
        for child in node["content"]
    )
    if kind == "heading":
        return f"<h{attrs['level']}>{inside}</h{attrs['level']}>"
    if kind == "orderedList":
        start = f' start="{attrs["order"]}"' if attrs.get("order", 1) != 1 else ""
        return f"<ol{start}>{inside}</ol>"
    if kind == "panel":
        return f'<div data-panel-type="{attrs["panelType"]}">{inside}</div>'
    if kind == "table":
        return f"<table><tbody>{inside}</tbody></table>"
    if kind in ("tableCell", "tableHeader"):
        tag = "td" if kind == "tableCell" else "th"
        spans = "".join(f' {name}="{value}"' for name, value in attrs.items())
        return f"<{tag}{spans}>{inside}</{tag}>"
    tag = _BLOCKS[kind]
    return f"<{tag}>{inside}</{tag}>"


def _code(node: Node, attrs: Node) -> str:
    text = escape("".join(child["text"] for child in node["content"]), quote=False)
    name = f' class="language-{attrs["language"]}"' if attrs.get("language") else ""
    return f"<pre><code{name}>{text}</code></pre>"


def _inline(node: Node) -> str:
    if node["type"] == "hardBreak":
        return "<br>"
    marks = dict(marks_of(node))
    # HTML folds blanks; those that must stay are written so that they do.
    text = escape(node["text"], quote=False)
    if "  " in text or "\t" in text:
        text = _RUNS.sub(_NBSP, text)
    for name in ("code", "strike", "underline", "em", "strong"):
        if name in marks:
            text = f"<{_TAGS[name]}>{text}</{_TAGS[name]}>"
    if "subsup" in marks:
        text = f"<{marks['subsup']}>{text}</{marks['subsup']}>"
    if "link" in marks:
        text = f'<a href="{escape(marks["link"])}">{text}</a>'
    return text
