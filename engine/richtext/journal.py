"""ServiceNow's journal text to ADF and back: plain text, with HTML between [code] and [/code]."""

from __future__ import annotations

import re

from engine.richtext import html_reader, html_writer, plain
from engine.richtext.builder import Node
from engine.richtext.text import clean

_MARK = re.compile(r"\[(/?)code\]", re.IGNORECASE)


def read(text: str) -> Node:
    """ADF of a journal entry. A [code] that is never closed is text, as the form shows it."""
    text = clean(text)
    if "[" not in text:
        return plain.read(text)
    content: list[Node] = []
    done = 0
    for start, inside, end in _blocks(text):
        content += _plain(text[done:start])
        content += html_reader.read(inside)["content"]
        done = end
    if not done:
        return plain.read(text)
    content += _plain(text[done:])
    return {"type": "doc", "version": 1, "content": content}


def _blocks(text: str) -> list[tuple[int, str, int]]:
    """Each [code] block: where it starts, what is in it, where it ends."""
    found: list[tuple[int, str, int]] = []
    opened: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if not mark[1]:
            opened = opened or mark
        elif opened is not None:
            found.append((opened.start(), text[opened.end() : mark.start()], mark.end()))
            opened = None
    return found


def _plain(text: str) -> list[Node]:
    text = text.strip("\n")
    content: list[Node] = plain.read(text)["content"] if text.strip() else []
    return content


def write(doc: Node) -> str:
    """Journal text of a document in normal form: plain where plain says it all, else one [code] block."""
    if all(_is_plain(node) for node in doc["content"]):
        text = plain.write(doc)
        if not _MARK.search(text):
            return text
    return f"[code]{html_writer.write(doc).replace('[', '&#91;')}[/code]"


def _is_plain(node: Node) -> bool:
    return node["type"] == "paragraph" and not any("marks" in child for child in node["content"])
