"""Jira's wiki markup to ADF: headings, lists, tables, quotes, panels, code, links and the usual marks."""

from __future__ import annotations

import re

from engine.richtext.builder import Builder, Mark, Marks, Node
from engine.richtext.text import clean, safe_link

_FRAME = re.compile(r"\{(code|noformat|quote|panel|info|note|tip|warning)(?::([^}\n]{0,200}))?\}")
_HEADING = re.compile(r"h([1-6])\.\s+(.*)")
_ITEM = re.compile(r"([*#-]+)\s+(.*)")
_INLINE = re.compile(
    r"\\\\(?=\s|$)"  # a line break
    r"|\\(?P<escaped>[^\w\s])"
    r"|\{\{(?P<code>.{1,500}?)\}\}"
    r"|\{color(?::[^}]{0,40})?\}"
    r"|\[(?P<link>[^\[\]\n]{1,2500})\]"
    r"|!(?P<image>[^!\s|][^!\n|]{0,500})(?:\|[^!\n]{0,200})?!"
    r"|(?<![^\W_])(?P<sign>[*_+^~]|\?\?|-)(?=\S)"
)
_MARKS: dict[str, Mark] = {
    "*": ("strong", ""),
    "_": ("em", ""),
    "??": ("em", ""),
    "+": ("underline", ""),
    "-": ("strike", ""),
    "^": ("subsup", "sup"),
    "~": ("subsup", "sub"),
}
_PANELS = {"panel": "info", "info": "info", "note": "note", "tip": "success", "warning": "warning"}
_DEPTH = 8
_REACH = 500  # characters between a mark and its end, so that a line of signs costs no more than its length


def read(text: str) -> Node:
    """ADF of wiki markup. What is not markup stays text."""
    builder = Builder()
    _region(builder, clean(text), 0)
    return builder.done()


def _region(builder: Builder, text: str, depth: int) -> None:
    """Text with frames ({code}, {quote}, ...) in it."""
    done = 0
    while depth < _DEPTH and (opening := _FRAME.search(text, done)) is not None:
        kind = opening[1]
        closing = text.find(f"{{{kind}}}", opening.end())
        if closing < 0:
            break
        _lines(builder, text[done : opening.start()])
        inside = text[opening.end() : closing]
        if kind in ("code", "noformat"):
            builder.open("codeBlock", language=(opening[2] or "").split("|")[0] if kind == "code" else "")
            builder.text(inside.strip("\n"))
            builder.close("codeBlock")
        else:
            frame = "blockquote" if kind == "quote" else "panel"
            builder.open(frame, **({} if kind == "quote" else {"panel": _PANELS[kind]}))
            _region(builder, inside, depth + 1)
            builder.close(frame)
        done = closing + len(kind) + 2
    _lines(builder, text[done:])


def _lines(builder: Builder, text: str) -> None:
    lists = ""  # the signs of the open lists
    in_table = in_paragraph = False
    for raw in text.split("\n"):
        line = raw.strip()
        item = _ITEM.fullmatch(line)
        if item is None and lists:
            lists = _lists(builder, lists, "")
        if in_table and not line.startswith("|"):
            builder.close("table")
            in_table = False
        heading = _HEADING.fullmatch(line)
        plain = bool(line) and item is None and heading is None and not line.startswith(("|", "bq. ", "----"))
        if in_paragraph and not plain:
            builder.close("paragraph")
        if plain:
            if in_paragraph:
                builder.line_break()
            else:
                builder.open("paragraph")
            _inline(builder, line)
        elif item is not None and not line.startswith("----"):
            lists = _lists(builder, lists, item[1][:_DEPTH])
            _inline(builder, item[2])
        elif heading is not None:
            builder.open("heading", level=int(heading[1]))
            _inline(builder, heading[2])
            builder.close("heading")
        elif line.startswith("bq. "):
            builder.open("blockquote")
            _inline(builder, line[4:])
            builder.close("blockquote")
        elif line.startswith("|"):
            if not in_table:
                builder.open("table")
            in_table = True
            _row(builder, line)
        elif line:
            builder.rule()
        in_paragraph = plain
    _lists(builder, lists, "")
    builder.close("table")
    builder.close("paragraph")


def _lists(builder: Builder, opened: str, wanted: str) -> str:
    """Close and open lists until `wanted` are open, and start an item in the innermost."""
    keep = 0
    while keep < min(len(opened), len(wanted)) and (opened[keep] == "#") == (wanted[keep] == "#"):
        keep += 1
    for sign in reversed(opened[keep:]):
        builder.close("listItem")
        builder.close("orderedList" if sign == "#" else "bulletList")
    if wanted and keep == len(wanted):
        builder.close("listItem")
        builder.open("listItem")
    for sign in wanted[keep:]:
        builder.open("orderedList" if sign == "#" else "bulletList")
        builder.open("listItem")
    return wanted


def _row(builder: Builder, line: str) -> None:
    builder.open("tableRow")
    for bars, cell in re.findall(r"(\|{1,2})((?:\[[^\]\n]*\]|[^|])*)", line):
        if not cell.strip() and line.rstrip().endswith(bars + cell):
            continue
        kind = "tableHeader" if bars == "||" else "tableCell"
        builder.open(kind)
        _inline(builder, cell.strip())
        builder.close(kind)
    builder.close("tableRow")


def _inline(builder: Builder, text: str, marks: Marks = frozenset(), depth: int = 0) -> None:
    done = 0
    while (found := _INLINE.search(text, done)) is not None:
        builder.text(text[done : found.start()], marks)
        done = found.end()
        sign = found["sign"]
        if sign:
            end = _closing(text, sign, done) if depth < _DEPTH else -1
            if end < 0:
                builder.text(sign, marks)
            else:
                _inline(builder, text[done:end], marks | {_MARKS[sign]}, depth + 1)
                done = end + len(sign)
        elif found["escaped"]:
            builder.text(found["escaped"], marks)
        elif found["code"]:
            builder.text(found["code"], marks | {("code", "")})
        elif found["link"]:
            _link(builder, found["link"], marks)
        elif found["image"]:
            href = safe_link(found["image"])
            builder.text(found["image"], marks | {("link", href)} if href else marks)
        elif found[0].startswith("\\"):
            builder.line_break()
    builder.text(text[done:], marks)


def _closing(text: str, sign: str, start: int) -> int:
    """Where a mark ends: its sign again, with no blank before it and no letter after it."""
    end = start + _REACH
    place = text.find(sign, start + 1, end)
    while place >= 0:
        after = text[place + len(sign) : place + len(sign) + 1]
        if not text[place - 1].isspace() and not after.isalnum():
            return place
        place = text.find(sign, place + 1, end)
    return -1


def _link(builder: Builder, inside: str, marks: Marks) -> None:
    words, _, address = inside.rpartition("|")
    if inside.startswith("~"):
        builder.text("@" + inside[1:], marks)
        return
    href = safe_link(address)
    if href:
        builder.text(words or address, marks | {("link", href)})
    else:
        builder.text(words or f"[{inside}]", marks)
