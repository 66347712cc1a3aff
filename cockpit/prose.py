"""Sentences on as many lines as they need. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells
from rich.text import Text

from cockpit.format import neutral
from cockpit.tones import DIM, PLAIN, toned

_LONGEST = 4_000  # characters of one text: more is not read at a glance


def paragraph(text: str, width: int, tone: str = PLAIN, *, indent: int = 1) -> list[Text]:
    """Words wrapped to `width` columns of a terminal; what a terminal would obey is written out."""
    room = max(8, width - indent - 1)
    return [toned(" " * indent, (line, tone)) for line in _wrapped(text[:_LONGEST], room)]


def labelled(label: str, text: str, width: int, tone: str = PLAIN) -> list[Text]:
    """A paragraph beside its label; nothing where there is no text."""
    if not text.strip():
        return []
    wide = 12
    lines = paragraph(text, width, tone, indent=wide)
    lines[0] = toned((f" {label:<{wide - 1}}", DIM)) + lines[0][wide:]
    return lines


def _wrapped(text: str, room: int) -> Iterator[str]:
    for part in text.splitlines() or [""]:
        line = ""
        for word in _words(part, room):
            longer = f"{line} {word}" if line else word
            if cell_len(longer) > room:
                yield line
                longer = word
            line = longer
        yield line


def _words(text: str, room: int) -> Iterator[str]:
    """The words; one that is wider than a line in pieces."""
    for word in text.split(" "):
        if safe := neutral(word):
            yield from chop_cells(safe, room) if cell_len(safe) > room else (safe,)
