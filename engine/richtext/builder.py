"""Builds legal ADF from whatever a reader finds, in whatever order it finds it.

A reader (HTML, Markdown, foreign ADF) says what opens, closes and is written; the builder alone knows what may stand
in what. What may not is moved or loses its frame, never its text: a heading in a quote becomes a bold paragraph, a
table in a list becomes paragraphs, text between two list items gets an item of its own. What it makes is a normal form:
equal neighbours merged, no empty text, no blanks at the edges of a paragraph, marks in one order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

Node = dict[str, Any]
Mark = tuple[str, str]
"""A mark and its one attribute: ("strong", ""), ("link", href), ("subsup", "sub" | "sup")."""

Marks = frozenset[Mark]

PLAIN: Marks = frozenset()
BOLD: Mark = ("strong", "")

_ORDER = {name: place for place, name in enumerate(("link", "strong", "em", "underline", "strike", "subsup", "code"))}
_ATTRIBUTE = {"link": "href", "subsup": "type"}
_WITH_CODE = ("link", "code")

_LISTS = ("bulletList", "orderedList")
_CELLS = ("tableHeader", "tableCell")
_TEXT_BLOCKS = ("paragraph", "heading", "codeBlock")
_FLOW = frozenset(("paragraph", "codeBlock", *_LISTS))
_CONTENT: dict[str, frozenset[str]] = {
    "doc": _FLOW | {"heading", "blockquote", "panel", "rule", "table"},
    "listItem": _FLOW,
    "blockquote": _FLOW,
    "panel": _FLOW | {"heading", "rule"},
    "tableCell": _FLOW | {"heading", "blockquote", "panel", "rule"},
    "tableHeader": _FLOW | {"heading", "blockquote", "panel", "rule"},
    "bulletList": frozenset(("listItem",)),
    "orderedList": frozenset(("listItem",)),
    "table": frozenset(("tableRow",)),
    "tableRow": frozenset(_CELLS),
}
_MUST_HOLD_TEXT = ("listItem", *_CELLS)  # empty ones get an empty paragraph; other empty frames vanish
_DEPTH = 24  # real frames inside one another; deeper ones lose their frame
_FRAMES = 400  # open frames altogether, so that a hostile text cannot grow the stack
_BLANK = " \t\n"
_LANGUAGE = re.compile(r"[A-Za-z0-9+#_.-]{1,32}")


class _Frame:
    """Something open: `node` is None when it lost its frame, `kind` what the reader called it."""

    __slots__ = ("implied", "kind", "node")

    def __init__(self, kind: str, node: Node | None, implied: bool = False) -> None:
        self.kind = kind
        self.node = node
        self.implied = implied


class Builder:
    """One document in the making. Every call is legal at any time; `done` closes what is open."""

    def __init__(self) -> None:
        self._doc: Node = {"type": "doc", "version": 1, "content": []}
        self._frames: list[_Frame] = [_Frame("doc", self._doc)]
        self._real: list[Node] = [self._doc]  # the frames that have a node
        self._inline: list[Node] | None = None  # content of the open text block
        self._block: Node = self._doc
        self._bold = False
        self._last: Marks = PLAIN

    # ------------------------------------------------------------ frames

    def open(self, kind: str, **attrs: Any) -> None:
        """Open a block. Text blocks (paragraph, heading, codeBlock) end where the next block begins."""
        self._end_text()
        if kind in _TEXT_BLOCKS:
            self._begin_text(kind, attrs)
            return
        if len(self._frames) >= _FRAMES:
            return
        if kind == "listItem" and self._frames[-1].implied:
            self._pop()
        node = self._place(kind, attrs)
        self._frames.append(_Frame(kind, node))
        if node is not None:
            self._real.append(node)

    def close(self, kind: str) -> None:
        """Close the nearest open block of this kind, and all inside it. Nothing happens when there is none."""
        self._end_text()
        if kind in _TEXT_BLOCKS:
            return
        for depth in range(len(self._frames) - 1, 0, -1):
            if self._frames[depth].kind == kind:
                while len(self._frames) > depth:
                    self._pop()
                return
            if self._frames[depth].kind in _CELLS and kind not in ("table", "tableRow", *_CELLS):
                return  # what is inside a cell closes nothing outside of it

    def is_open(self, kind: str, *, until: Iterable[str] = ()) -> bool:
        """Whether such a block is open, looking outwards no further than one of `until`."""
        stops = tuple(until)
        for frame in reversed(self._frames):
            if frame.kind == kind:
                return True
            if frame.kind in stops:
                return False
        return False

    def rule(self) -> None:
        """A horizontal line; left out where none may stand."""
        self._end_text()
        content = self._flow()
        if "rule" in _CONTENT[self._real[-1]["type"]]:
            content.append({"type": "rule"})

    def done(self) -> Node:
        """The document, everything closed."""
        self._end_text()
        while len(self._frames) > 1:
            self._pop()
        return self._doc

    # ------------------------------------------------------------ text

    @property
    def fresh(self) -> bool:
        """Whether a blank written now would be dropped: at the start of a text block or of its line."""
        if not self._inline:
            return True
        last = self._inline[-1]
        return last["type"] != "text" or last["text"][-1] in _BLANK

    @property
    def in_code(self) -> bool:
        """Whether the open text block is a code block."""
        return self._inline is not None and self._block["type"] == "codeBlock"

    def text(self, text: str, marks: Marks = PLAIN) -> None:
        """Write text. Outside of a text block a paragraph is opened for it."""
        if not text:
            return
        if self._inline is None:
            if not text.strip(_BLANK):
                return
            self._begin_text("paragraph", {})
            assert self._inline is not None
        inline = self._inline
        if self._block["type"] == "codeBlock":
            if inline:
                inline[-1]["text"] += text
            else:
                inline.append({"type": "text", "text": text})
            return
        marks, as_nodes = _legal(marks | {BOLD} if self._bold else marks)
        if not inline or inline[-1]["type"] != "text":
            if ("code", "") not in marks:
                text = text.lstrip(_BLANK)
            if not text:
                return
        elif marks == self._last:
            inline[-1]["text"] += text
            return
        node: Node = {"type": "text", "text": text}
        if marks:
            node["marks"] = as_nodes
        inline.append(node)
        self._last = marks

    def line_break(self) -> None:
        """A line break inside a text block; dropped at its edges."""
        if self._inline is None:
            return
        if self._block["type"] == "codeBlock":
            self.text("\n")
            return
        self._strip_end()
        if self._inline:
            self._inline.append({"type": "hardBreak"})

    # ------------------------------------------------------------ inside

    def _begin_text(self, kind: str, attrs: Node) -> None:
        self._flow()
        self._bold = False
        self._last = PLAIN
        if kind == "heading" and "heading" not in _CONTENT[self._real[-1]["type"]]:
            kind, attrs, self._bold = "paragraph", {}, True
        self._inline = []
        self._block = {"type": kind}
        if kind == "heading":
            self._block["attrs"] = {"level": min(6, max(1, int(attrs.get("level", 1))))}
        elif kind == "codeBlock" and _LANGUAGE.fullmatch(str(attrs.get("language") or "")):
            self._block["attrs"] = {"language": attrs["language"]}
        self._block["content"] = self._inline

    def _end_text(self) -> None:
        if self._inline is None:
            return
        if self._block["type"] != "codeBlock":
            self._strip_end()
            while self._inline and self._inline[-1]["type"] == "hardBreak":
                self._inline.pop()
                self._strip_end()
        if self._inline:
            self._flow().append(self._block)
        self._inline = None

    def _strip_end(self) -> None:
        """Take trailing blanks off the line, whole nodes where nothing else is in them; code keeps its own."""
        inline = self._inline
        while inline and inline[-1]["type"] == "text":
            last = inline[-1]
            if ("code", "") in marks_of(last):
                return
            stripped = last["text"].rstrip(_BLANK)
            if stripped:
                last["text"] = stripped
                return
            inline.pop()
            self._last = marks_of(inline[-1]) if inline else PLAIN

    def _place(self, kind: str, attrs: Node) -> Node | None:
        """A node for a new frame, or None where such a frame may not stand."""
        if len(self._real) >= _DEPTH:
            return None
        if kind == "listItem":
            allowed = self._real[-1]["type"] in _LISTS
        elif kind == "tableRow":
            allowed = self._real[-1]["type"] == "table"
        elif kind in _CELLS:
            allowed = self._real[-1]["type"] == "tableRow"
        else:
            self._flow()
            allowed = kind in _CONTENT.get(self._real[-1]["type"], ())
        if not allowed:
            return None
        node: Node = {"type": kind}
        if kind == "orderedList":
            node["attrs"] = {"order": min(999_999_999, max(0, int(attrs.get("order", 1))))}
        elif kind == "panel":
            node["attrs"] = {"panelType": attrs.get("panel", "info")}
        elif kind in _CELLS:
            spans = {name: int(value) for name, value in attrs.items() if 1 < int(value) <= 100}
            if spans:
                node["attrs"] = spans
        node["content"] = []
        return node

    def _flow(self) -> list[Node]:
        """Where blocks go now; frames that hold no blocks themselves get the item or cell they lack."""
        kind = self._real[-1]["type"]
        if kind in _LISTS:
            self._imply("listItem")
        elif kind == "table":
            self._imply("tableRow")
            self._imply("tableCell")
        elif kind == "tableRow":
            self._imply("tableCell")
        content: list[Node] = self._real[-1]["content"]
        return content

    def _imply(self, kind: str) -> None:
        node: Node = {"type": kind, "content": []}
        self._frames.append(_Frame(kind, node, implied=True))
        self._real.append(node)

    def _pop(self) -> None:
        node = self._frames.pop().node
        if node is None:
            return
        self._real.pop()
        content: list[Node] = node["content"]
        kind = node["type"]
        if kind in _MUST_HOLD_TEXT and not content:
            content.append({"type": "paragraph", "content": []})
        if kind == "listItem" and content[0]["type"] in _LISTS:
            content.insert(0, {"type": "paragraph", "content": []})
        if content:
            self._real[-1]["content"].append(node)


def marks_of(node: Node) -> Marks:
    """The marks of a text node, as the builder takes them; those it does not know are left out."""
    found = node.get("marks")
    if not found:
        return PLAIN
    return frozenset(
        (mark["type"], str((mark.get("attrs") or {}).get(_ATTRIBUTE.get(mark["type"], ""), "")))
        for mark in found
        if mark.get("type") in _ORDER
    )


@lru_cache(maxsize=512)
def _legal(marks: Marks) -> tuple[Marks, list[Node]]:
    """Marks as ADF has them: in one order, one of a kind, code beside nothing but a link. Never mutate the list."""
    kinds = dict(sorted(marks))
    names = sorted(kinds, key=_ORDER.__getitem__)
    if "code" in kinds:
        names = [name for name in names if name in _WITH_CODE]
    nodes: list[Node] = [
        {"type": name, "attrs": {_ATTRIBUTE[name]: kinds[name]}} if name in _ATTRIBUTE else {"type": name}
        for name in names
    ]
    return frozenset((name, kinds[name]) for name in names), nodes
