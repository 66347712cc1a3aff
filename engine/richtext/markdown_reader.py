"""Markdown (CommonMark, tables, strikethrough) to ADF. HTML in it is text, never markup."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from engine.richtext.builder import Builder, Mark, Marks, Node
from engine.richtext.text import TextError, clean, safe_link

_NESTING = 100
_PARSER = MarkdownIt("commonmark", {"html": False, "maxNesting": _NESTING}).enable(["table", "strikethrough"])
_BLOCKS = {
    "blockquote": "blockquote",
    "bullet_list": "bulletList",
    "ordered_list": "orderedList",
    "list_item": "listItem",
    "table": "table",
    "tr": "tableRow",
    "th": "tableHeader",
    "td": "tableCell",
    "heading": "heading",
    "paragraph": "paragraph",
}
_MARKS: dict[str, Mark] = {"strong": ("strong", ""), "em": ("em", ""), "s": ("strike", "")}


def read(text: str) -> Node:
    """ADF of Markdown. Raises TextError when it is nested so deeply that some of it would be lost."""
    builder = Builder()
    try:
        tokens = _PARSER.parse(clean(text))
    except RecursionError:
        raise TextError("text nested too deeply") from None
    for token in tokens:
        _block(builder, token)
    return builder.done()


def _block(builder: Builder, token: Token) -> None:
    kind = token.type
    if token.level >= _NESTING - 1:
        raise TextError("text nested too deeply")
    if kind == "inline":
        write_inline(builder, token.children or ())
    elif kind == "hr":
        builder.rule()
    elif kind in ("fence", "code_block"):
        builder.open("codeBlock", language=token.info.split(maxsplit=1)[0] if token.info.strip() else "")
        builder.text(token.content.removesuffix("\n"))
        builder.close("codeBlock")
    elif token.nesting == 1 and kind.removesuffix("_open") in _BLOCKS:
        name = _BLOCKS[kind.removesuffix("_open")]
        if name == "orderedList":
            builder.open(name, order=token.attrGet("start") if token.attrGet("start") is not None else 1)
        elif name == "heading":
            builder.open(name, level=int(token.tag[1]))
        else:
            builder.open(name)
    elif token.nesting == -1 and kind.removesuffix("_close") in _BLOCKS:
        builder.close(_BLOCKS[kind.removesuffix("_close")])


def write_inline(builder: Builder, tokens: Sequence[Token]) -> None:
    """Write the inline tokens of one block."""
    marks: list[tuple[str, Mark | None]] = []
    for token in tokens:
        now: Marks = frozenset(mark for _, mark in marks if mark)
        kind = token.type
        if kind in ("text", "text_special"):
            builder.text(clean(token.content).replace("\n", " "), now)
        elif kind == "softbreak":
            builder.text(" ", now)
        elif kind == "hardbreak":
            builder.line_break()
        elif kind == "code_inline":
            builder.text(token.content, now | {("code", "")})
        elif kind == "image":
            href = safe_link(str(token.attrGet("src") or ""))
            alt = _alt(token.children or ()) or "image"
            builder.text(alt, frozenset(mark for mark in now if mark[0] != "link") | {("link", href)} if href else now)
        elif kind == "link_open":
            href = safe_link(str(token.attrGet("href") or ""))
            marks.append(("link", ("link", href) if href else None))
        elif token.nesting == 1:
            name = kind.removesuffix("_open")
            marks.append((name, _MARKS.get(name)))
        elif token.nesting == -1:
            name = kind.removesuffix("_close")
            for place in range(len(marks) - 1, -1, -1):
                if marks[place][0] == name:
                    del marks[place]
                    break


def _alt(tokens: Sequence[Token]) -> str:
    return clean("".join(token.content if token.type != "image" else _alt(token.children or ()) for token in tokens))


def read_inline(text: str) -> list[Node]:
    """The inline nodes of one line of Markdown."""
    builder = Builder()
    builder.open("paragraph")
    for token in _PARSER.parseInline(text):
        write_inline(builder, token.children or ())
    content = builder.done()["content"]
    nodes: list[Node] = content[0]["content"] if content else []
    return nodes
