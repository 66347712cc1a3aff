"""Templates, taken apart once.

In a template with `rich_text` the template's own words are Markdown, and the values of its fields are in the source's
format: nothing in a value is ever taken for Markdown. A field that is a paragraph by itself becomes its own paragraphs
(or lists, or tables); a field among words becomes text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from engine.mapping.convert import check_length
from engine.mapping.values import Getter, getter, is_empty, text_of
from engine.richtext import LIMIT, READERS, markdown_reader, plain
from engine.richtext.builder import Node
from engine.richtext.text import clean, safe_link

Fill = Callable[[list[Any]], Any]

_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def parts(template: str) -> list[str | tuple[str]]:
    """Words and fields in order; a field is a tuple of its name."""
    out: list[str | tuple[str]] = []
    done = 0
    for found in _PART.finditer(template):
        out.append(template[done : found.start()])
        out.append((found[1].strip(),) if found[1] else found[0][0])
        done = found.end()
    out.append(template[done:])
    return [part for part in out if part]


def fields(template: str) -> tuple[str, ...]:
    """The source fields of a template, once each."""
    return tuple(dict.fromkeys(part[0] for part in parts(template) if isinstance(part, tuple)))


def text_template(template: str) -> Callable[[Any], str | None]:
    """Fills a template in; None when it has fields and all of them are empty."""
    pieces: list[str | Getter] = [getter(part[0]) if isinstance(part, tuple) else part for part in parts(template)]
    if not fields(template):
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return lambda _: text

    def fill(record: Any) -> str | None:
        out: list[str] = []
        found = False
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
            else:
                value = text_of(piece(record))
                found = found or value != ""
                out.append(value)
        return "".join(out) if found else None

    return fill


# ---------------------------------------------------------------- with formatting


def rich_template(template: str, source: str, write: Callable[[Node], Any], limit: int | None) -> Callable[[Any], Any]:
    """Fills a template in and writes the document; None when it has fields and all of them are empty.

    A document of more than `limit` characters is refused.
    """
    names = fields(template)
    salt = "x"
    while salt in template:
        salt += "x"
    marks = {name: f"{salt}q{place}q{salt}" for place, name in enumerate(names)}
    words = "".join(marks[part[0]] if isinstance(part, tuple) else part for part in parts(template))
    shape = _Shape(re.compile(f"{salt}q(\\d+)q{salt}"), READERS[source], source)
    blocks = [shape.block(node, top=True) for node in markdown_reader.read(words)["content"]]
    getters = [getter(name) for name in names]
    most = max((words.count(mark) for mark in marks.values()), default=1)

    def fill(record: Any) -> Any:
        values = [read(record) for read in getters]
        if names and all(map(is_empty, values)):
            return None
        content = [node for block in blocks for node in block(values)]
        doc = {"type": "doc", "version": 1, "content": content}
        if limit is not None and sum(map(_size, values)) * most > limit - len(words):
            check_length(doc, limit)
        return write(doc)

    return fill


def _size(value: Any) -> int:
    """Characters a value can come to; what is no text is measured when it is made."""
    return len(value) if isinstance(value, str) else LIMIT


class _Shape:
    """Turns the nodes of the template into functions of the values; what holds no field is made once."""

    def __init__(self, field: re.Pattern[str], read: Callable[[Any], Node], source: str) -> None:
        self._field = field
        self._read = read
        self._source = source

    def block(self, node: Node, *, top: bool) -> Callable[[list[Any]], list[Node]]:
        if not self._field.search(str(node)):
            return lambda _: [node]
        kind = node["type"]
        if kind == "codeBlock":
            text = node["content"][0]["text"]
            return lambda values: self._with_text(node, clean(self._filled(text, values)))
        if kind in ("paragraph", "heading"):
            return self._text_block(node, top=top)
        inside = [self.block(child, top=False) for child in node["content"]]
        return lambda values: [{**node, "content": [child for make in inside for child in make(values)]}]

    def _text_block(self, node: Node, *, top: bool) -> Callable[[list[Any]], list[Node]]:
        content = node["content"]
        alone = self._field.fullmatch(content[0].get("text", "")) if len(content) == 1 else None
        if top and alone and node["type"] == "paragraph" and "marks" not in content[0]:
            place = int(alone[1])
            return lambda values: self._blocks(values[place])
        pieces = [self._inline(child) for child in content]
        one_line = node["type"] == "heading"

        def fill(values: list[Any]) -> list[Node]:
            out: list[Node] = []
            for piece in pieces:
                for child in piece(values):
                    if one_line and child["type"] == "hardBreak":
                        child = {"type": "text", "text": " "}
                    out.append(child)
            return [{**node, "content": out}] if out or not top else []

        return fill

    def _blocks(self, value: Any) -> list[Node]:
        content: list[Node] = [] if is_empty(value) else self._read(self._source_value(value))["content"]
        return content

    def _source_value(self, value: Any) -> Any:
        return value if self._source == "adf" else text_of(value)

    def _inline(self, node: Node) -> Callable[[list[Any]], list[Node]]:
        if not self._field.search(str(node)):
            return lambda _: [node]
        text, marks = node["text"], node.get("marks") or []

        def fill(values: list[Any]) -> list[Node]:
            filled = [self._mark(mark, values) for mark in marks]
            kept = [mark for mark in filled if mark]
            out: list[Node] = []
            for number, line in enumerate(clean(self._filled(text, values)).split("\n")):
                if number:
                    out.append({"type": "hardBreak"})
                if line:
                    out.append(
                        {"type": "text", "text": line, "marks": kept} if kept else {"type": "text", "text": line}
                    )
            return out

        return fill

    def _mark(self, mark: Node, values: list[Any]) -> Node | None:
        if mark["type"] != "link":
            return mark
        href = self._field.sub(
            lambda found: quote(text_of(values[int(found[1])]).encode("utf-8", "ignore"), safe=""),
            mark["attrs"]["href"],
        )
        return {"type": "link", "attrs": {"href": href}} if safe_link(href) else None

    def _filled(self, text: str, values: list[Any]) -> str:
        return self._field.sub(lambda found: self._words(values[int(found[1])]), text)

    def _words(self, value: Any) -> str:
        if is_empty(value):
            return ""
        if self._source == "plain" or (self._source != "adf" and str(value).isalnum()):
            return text_of(value)
        return plain.write(self._read(self._source_value(value)))

    @staticmethod
    def _with_text(node: Node, text: str) -> list[Node]:
        return [{**node, "content": [{"type": "text", "text": text}]}] if text else []
