"""ADF to Markdown, so that reading it again gives the same text.

Where Markdown cannot say a mark (half a word in bold beside a quotation mark, say), the mark goes and the text stays:
each line with emphasis is read back, and written without it when it would not come back as it was.
"""

from __future__ import annotations

import re

from engine.richtext.builder import Marks, Node, marks_of
from engine.richtext.markdown_reader import read_inline

_SPECIAL = re.compile(r"[\\`*\[\]<~]|&(?=#?\w)|(?<![^\W_])_|_(?![^\W_])")
_LINE_START = re.compile(r"([#>=:|+-])|(\d{1,9})(?=[.)])")
_EDGES = re.compile(r"^[^\S ]+|[^\S ]+$|^ +| +$")
_EMPHASIS = (("strong", "**"), ("em", "*"), ("strike", "~~"))
_EMPHASIS_MARKS: Marks = frozenset((name, "") for name, _ in _EMPHASIS)
_SAYABLE = ("strong", "em", "strike", "link", "code")
_ENTITY = re.compile(r"[\\<>]|&(?=#?\w+;)")
_TICKS = re.compile(r"`+")
_FENCES = re.compile(r"^ *(`{3,})", re.MULTILINE)
_TABS = re.compile(r"^[ \t]*\t[ \t]*", re.MULTILINE)

Piece = tuple[str, Marks]


def write(doc: Node) -> str:
    """Markdown of a document in normal form (`adf.read`)."""
    return _blocks(doc["content"], nested=False)


def _blocks(nodes: list[Node], *, nested: bool) -> str:
    out: list[str] = []
    previous = ""
    alternate = False
    for node in nodes:
        alternate = node["type"] == previous and not alternate  # a second list right after the first needs another sign
        previous = node["type"]
        out.append(_block(node, alternate=alternate, nested=nested))
    return "\n\n".join(out)


def _block(node: Node, *, alternate: bool, nested: bool) -> str:
    kind = node["type"]
    if kind == "paragraph":
        return _inline(node["content"])
    if kind == "heading":
        text = _inline(node["content"], one_line=True)
        return f"{'#' * node['attrs']['level']} {text}"
    if kind == "rule":
        return "---"
    if kind == "codeBlock":
        return _code(node, nested=nested)
    if kind in ("bulletList", "orderedList"):
        return _list(node, alternate=alternate)
    if kind == "table":
        return _table(node)
    inside = _blocks(node["content"], nested=True)  # a quote; a panel is written as one
    return "\n".join(f"> {line}" if line else ">" for line in inside.split("\n"))


def _code(node: Node, *, nested: bool) -> str:
    text = "".join(child["text"] for child in node["content"])
    if nested:  # a tab's width depends on its column, which nesting moves
        text = _TABS.sub(lambda found: found[0].replace("\t", "    "), text)
    fence = max((found[1] + "`" for found in _FENCES.finditer(text)), key=len, default="```")
    return f"{fence}{(node.get('attrs') or {}).get('language', '')}\n{text}\n{fence}"


def _list(node: Node, *, alternate: bool) -> str:
    number = node["attrs"]["order"] if node["type"] == "orderedList" else None
    items: list[str] = []
    for item in node["content"]:
        if number is None:
            sign = "* " if alternate else "- "
        else:
            sign = f"{min(number, 999_999_999)}{')' if alternate else '.'} "
            number += 1
        text = _item(item)
        items.append((sign + text.replace("\n", "\n" + " " * len(sign))).rstrip(" "))
    between = "\n" if _is_tight(node) else "\n\n"
    return re.sub(r"(?m)^ +$", "", between.join(items))


def _item(item: Node) -> str:
    first, rest = item["content"][0], item["content"][1:]
    if first["type"] == "paragraph" and not first["content"]:
        # An empty item may hold more, but only right on the next line.
        return "\n" + _blocks(rest, nested=True) if rest else ""
    if rest and all(_is_tight(child) for child in rest) and len(rest) == 1:
        return f"{_blocks([first], nested=True)}\n{_blocks(rest, nested=True)}"
    return _blocks(item["content"], nested=True)


def _is_tight(node: Node) -> bool:
    """Whether a list can do without blank lines: items of one line of text, and tight lists under them."""
    if node["type"] not in ("bulletList", "orderedList") or (node.get("attrs") or {}).get("order", 1) != 1:
        return False
    return all(
        item["content"][0]["type"] == "paragraph"
        and item["content"][0]["content"]
        and len(item["content"]) <= 2
        and all(_is_tight(child) for child in item["content"][1:])
        for item in node["content"]
    )


def _table(node: Node) -> str:
    rows = [[_cell(cell) for cell in row["content"]] for row in node["content"]]
    width = max(len(row) for row in rows)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _cell(cell: Node) -> str:
    nodes: list[Node] = []
    pending = [*reversed(cell["content"])]
    while pending:
        node = pending.pop()
        if node["type"] in ("text", "hardBreak"):
            nodes.append(node)
            continue
        if nodes and node["type"] in ("paragraph", "heading", "codeBlock"):
            nodes.append({"type": "hardBreak"})
        pending.extend(reversed(node.get("content") or ()))
    return _inline(nodes, one_line=True).replace("|", "\\|")


# ---------------------------------------------------------------- inside a text block


def _inline(nodes: list[Node], *, one_line: bool = False) -> str:
    lines: list[list[Piece]] = [[]]
    for node in nodes:
        if node["type"] == "hardBreak" and not one_line:
            lines.append([])
        else:
            text = node["text"].replace("\n", " ") if node["type"] == "text" else " "
            lines[-1].append((text, marks_of(node) if node["type"] == "text" else frozenset()))
    return "\\\n".join(_line(line) for line in lines)


def _line(pieces: list[Piece]) -> str:
    plain = _merged([(text, _sayable(marks) - _EMPHASIS_MARKS) for text, marks in pieces])
    emphasised = _settled([(text, _sayable(marks)) for text, marks in pieces])
    if emphasised == plain:
        return _render(plain)
    text = _render(emphasised)
    read = [(node["text"], marks_of(node)) for node in read_inline(text) if "text" in node]
    return text if _settled(read) == emphasised else _render(plain)


def _sayable(marks: Marks) -> Marks:
    """The marks that Markdown knows."""
    return frozenset(mark for mark in marks if mark[0] in _SAYABLE)


def _merged(pieces: list[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for text, marks in pieces:
        if out and out[-1][1] == marks:
            out[-1] = (out[-1][0] + text, marks)
        elif text:
            out.append((text, marks))
    return out


def _settled(pieces: list[Piece]) -> list[Piece]:
    """Pieces with no emphasis on blanks at its edges, where Markdown cannot have it."""
    letters = [(letter, marks) for text, marks in pieces for letter in text]
    for mark in _EMPHASIS_MARKS:
        for order in (range(len(letters)), range(len(letters) - 1, -1, -1)):
            inside = False
            for place in order:
                letter, marks = letters[place]
                if mark in marks and not inside and letter.isspace():
                    letters[place] = (letter, marks - {mark})
                else:
                    inside = mark in marks
    return _merged(letters)


def _render(pieces: list[Piece]) -> str:
    out: list[str] = []
    opened: list[str] = []  # signs, outermost first
    for place, (text, marks) in enumerate(pieces):
        kinds = dict(marks)
        wanted = [sign for name, sign in _EMPHASIS if name in kinds]
        keep = 0
        while keep < len(opened) and opened[keep] in wanted:
            keep += 1
        out += reversed(opened[keep:])
        fresh = [sign for sign in wanted if sign not in opened[:keep]]
        opened = opened[:keep] + fresh
        out += fresh
        out.append(_piece(text, kinds, first=place == 0, last=place == len(pieces) - 1))
    return "".join([*out, *reversed(opened)])


def _piece(text: str, kinds: dict[str, str], *, first: bool, last: bool) -> str:
    if "code" in kinds:
        body = _code_span(text)
    else:
        body = _SPECIAL.sub(lambda found: "\\" + found[0], text)
        if first:
            body = (
                _LINE_START.sub(lambda found: "\\" + found[1] if found[1] else found[2] + "\\", body, count=1)
                if _LINE_START.match(body)
                else body
            )
        if not last and body.endswith("!"):  # before a link it would make a picture of it
            body = body[:-1] + "\\!"
        body = _EDGES.sub(lambda found: _as_entities(found, first=first, last=last, end=len(body)), body)
    if "link" in kinds:
        href = _ENTITY.sub(lambda found: "\\" + found[0], kinds["link"])
        return f"[{body}](<{href}>)" if re.search(r"[\s()\\<>]", href) else f"[{body}]({href})"
    return body


def _as_entities(found: re.Match[str], *, first: bool, last: bool, end: int) -> str:
    """Blanks that a parser would trim at the edges of a line, spelled out; elsewhere they stay."""
    at_edge = (found.start() == 0 and first) or (found.end() == end and last)
    return "".join(f"&#{ord(letter)};" for letter in found[0]) if at_edge else found[0]


def _code_span(text: str) -> str:
    runs = {len(found[0]) for found in _TICKS.finditer(text)}
    length = next(size for size in range(1, len(runs) + 2) if size not in runs)
    pad = " " if text[0] == "`" or text[-1] == "`" or (text[0] == text[-1] == " " and text.strip(" ")) else ""
    return "`" * length + pad + text + pad + "`" * length
