"""HTML to ADF: what people pasted into a ticket, and what somebody hostile did.

Scripts, styles, frames and drawings go with all that is in them; links keep safe schemes only; unclosed and misplaced
tags are mended by the builder, which also bounds the depth.
"""

from __future__ import annotations

import re

from engine.richtext.builder import Builder, Mark, Marks, Node
from engine.richtext.html_tokens import tokens
from engine.richtext.text import clean, safe_link

_MARKS: dict[str, Mark] = {
    **dict.fromkeys(("b", "strong"), ("strong", "")),
    **dict.fromkeys(("i", "em", "cite", "dfn", "var", "address"), ("em", "")),
    **dict.fromkeys(("u", "ins"), ("underline", "")),
    **dict.fromkeys(("s", "strike", "del"), ("strike", "")),
    **dict.fromkeys(("code", "tt", "kbd", "samp"), ("code", "")),
    "sub": ("subsup", "sub"),
    "sup": ("subsup", "sup"),
}
_STYLES: tuple[tuple[re.Pattern[str], Mark], ...] = (
    (re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)"), ("strong", "")),
    (re.compile(r"font-style\s*:\s*italic"), ("em", "")),
    (re.compile(r"text-decoration[a-z-]*\s*:[^;]*underline"), ("underline", "")),
    (re.compile(r"text-decoration[a-z-]*\s*:[^;]*line-through"), ("strike", "")),
)
_BLOCKS = {
    "ul": "bulletList",
    "ol": "orderedList",
    "li": "listItem",
    "blockquote": "blockquote",
    "table": "table",
    "tr": "tableRow",
    "th": "tableHeader",
    "td": "tableCell",
}
_PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "aside", "header", "footer", "main", "nav", "center", "dl", "dt", "dd", "form"}
    | {"fieldset", "legend", "figure", "figcaption", "details", "summary", "caption", "option"}
)
_DROPPED = frozenset(
    {"script", "style", "head", "title", "template", "iframe", "object", "applet", "svg", "math"}
    | {"audio", "video", "canvas", "select", "textarea", "noembed", "noframes"}
)
_PANELS = ("info", "note", "tip", "warning", "error", "success")
_BLANKS = re.compile(r"[ \t\n]+")
_MAX_OPEN_MARKS = 64


class _Reader:
    def __init__(self, source: str) -> None:
        self.builder = Builder()
        self._marks: list[tuple[str, frozenset[Mark]]] = []  # open inline tags, outermost first
        self._now: Marks = frozenset()
        self._outside: list[list[tuple[str, frozenset[Mark]]]] = []  # marks outside of each open cell
        self._dropping = ""
        self._divs: list[bool] = []  # for each open div whether it is a panel
        self._after_pre = False
        lower = source.lower()
        # A dropped tag that nobody closes must not swallow the rest of the text.
        self._closings = {tag: lower.count(f"</{tag}") for tag in _DROPPED}

    # ------------------------------------------------------------ events

    def start(self, tag: str, given: dict[str, str]) -> None:
        if self._dropping or tag in ("script", "style"):
            return
        if tag in _DROPPED:
            if self._closings[tag] > 0:
                self._dropping = tag
            return
        if tag == "br":
            self.builder.line_break()
        elif tag == "hr":
            self.builder.rule()
        elif tag == "img":
            self._image(given)
        elif tag in _BLOCKS:
            self._open_block(tag, given)
        elif tag == "pre":
            self.builder.open("codeBlock", language=given.get("data-language", ""))
            self._after_pre = True
            return
        elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            self.builder.open("heading", level=int(tag[1]))
        elif tag in _PARAGRAPHS:
            self._open_paragraph(tag, given)
        elif tag == "code" and self.builder.in_code:
            self._name_language(given.get("class", ""))
        else:
            self._open_marks(tag, given)
        self._after_pre = False

    def end(self, tag: str) -> None:
        if tag in _DROPPED:
            self._closings[tag] -= 1
            if tag == self._dropping:
                self._dropping = ""
            return
        if self._dropping:
            return
        if tag in _BLOCKS:
            self._close_block(tag)
        elif tag == "pre":
            self.builder.close("codeBlock")
        elif tag in _PARAGRAPHS or (len(tag) == 2 and tag[0] == "h" and tag[1] in "123456"):
            self.builder.close("paragraph")
            if tag == "div" and self._divs and self._divs.pop():
                self.builder.close("panel")
        elif tag == "br":
            self.builder.line_break()
        else:
            self._close_marks(tag)

    def text(self, data: str) -> None:
        if self._dropping:
            return
        data = clean(data)
        if self.builder.in_code:
            # The newline right after <pre> is no part of it.
            self.builder.text(data[1:] if self._after_pre and data.startswith("\n") else data)
            self._after_pre = False
            return
        text = _BLANKS.sub(" ", data)
        if text[:1] == " " and self.builder.fresh:
            text = text[1:]
        self.builder.text(text, self._now)

    # ------------------------------------------------------------ blocks

    def _open_block(self, tag: str, given: dict[str, str]) -> None:
        kind, builder = _BLOCKS[tag], self.builder
        if tag == "li" and builder.is_open("listItem", until=("bulletList", "orderedList")):
            builder.close("listItem")
        elif tag == "tr" and builder.is_open("tableRow", until=("table",)):
            self._leave_cell()
            builder.close("tableRow")
        elif tag in ("td", "th"):
            self._leave_cell()
        if tag == "ol":
            builder.open(kind, order=_number(given.get("start", ""), 1))
        elif tag in ("td", "th"):
            spans = {name: _number(given.get(name, ""), 1) for name in ("colspan", "rowspan")}
            builder.open(kind, **spans)
            self._outside.append(self._marks)
            self._set_marks([])
        else:
            builder.open(kind)

    def _close_block(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._leave_cell()
        if tag not in ("td", "th"):
            self.builder.close(_BLOCKS[tag])

    def _leave_cell(self) -> None:
        for kind in ("tableCell", "tableHeader"):
            if self.builder.is_open(kind, until=("table",)):
                self.builder.close(kind)
                if self._outside:
                    self._set_marks(self._outside.pop())
                return

    def _open_paragraph(self, tag: str, given: dict[str, str]) -> None:
        if tag == "div":
            panel = given.get("data-panel-type", "")
            self._divs.append(panel in _PANELS)
            if panel in _PANELS:
                self.builder.open("panel", panel=panel)
                return
        self.builder.open("paragraph")

    def _name_language(self, classes: str) -> None:
        for name in classes.split():
            if name.startswith("language-") and self._after_pre:
                self.builder.open("codeBlock", language=name.removeprefix("language-"))

    # ------------------------------------------------------------ inline

    def _open_marks(self, tag: str, given: dict[str, str]) -> None:
        marks: set[Mark] = set()
        if tag in _MARKS:
            marks.add(_MARKS[tag])
        elif tag == "a":
            href = safe_link(given.get("href", ""))
            if href:
                marks.add(("link", href))
        elif tag == "span" and "style" in given:
            style = given["style"].lower()[:500]
            marks.update(mark for pattern, mark in _STYLES if pattern.search(style))
        if len(self._marks) < _MAX_OPEN_MARKS:
            self._set_marks([*self._marks, (tag, frozenset(marks))])

    def _close_marks(self, tag: str) -> None:
        for place in range(len(self._marks) - 1, -1, -1):
            if self._marks[place][0] == tag:
                self._set_marks(self._marks[:place] + self._marks[place + 1 :])
                return

    def _set_marks(self, marks: list[tuple[str, frozenset[Mark]]]) -> None:
        self._marks = marks
        one_of_a_kind = {name: value for _, group in marks for name, value in sorted(group)}
        self._now = frozenset(one_of_a_kind.items())

    def _image(self, given: dict[str, str]) -> None:
        text = clean(_BLANKS.sub(" ", given.get("alt", "")).strip()) or "image"
        href = safe_link(given.get("src", ""))
        self.builder.text(text, self._now | {("link", href)} if href else self._now)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def read(html: str) -> Node:
    """ADF of a piece of HTML."""
    html = clean(html)
    reader = _Reader(html)
    for token in tokens(html):
        if isinstance(token, str):
            reader.text(token)
        elif token.closing:
            reader.end(token.name)
        else:
            reader.start(token.name, token.attrs)
    return reader.builder.done()
