"""HTML cut into tags and text, in time that grows with its length and not with its malice.

The standard library's parser takes minutes for 200 KB of unclosed tags; browsers' rules are followed where it matters:
a `<` that begins no tag is text, scripts and styles are raw, a comment that nobody closes hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_NAME = re.compile(r"(/?)([a-zA-Z][^\s/>]{0,40})")
_TAG_END = re.compile(r"(?:[^\"'>]|\"[^\"]{0,1500}\"|'[^']{0,1500}'){0,1500}?>")
_ATTRIBUTE = re.compile(r"([^\s\"'=/>]+)(?:\s{0,20}=\s{0,20}(\"[^\"]*\"|'[^']*'|[^\s>]*))?")
_ATTRIBUTES_LIMIT = 16_384
_RAW = {tag: re.compile(f"</{tag}[^>]{{0,100}}>", re.IGNORECASE | re.ASCII) for tag in ("script", "style")}


class Tag(NamedTuple):
    """A tag; `name` in lower case."""

    name: str
    closing: bool
    attrs: dict[str, str]


def tokens(html: str) -> Iterator[Tag | str]:
    """Tags and text, entities resolved, in order; comments and declarations left out."""
    place = 0
    last_end = html.rfind(">")
    last_comment = html.rfind("-->")
    while (start := html.find("<", place)) >= 0 and start < last_end:
        found = _NAME.match(html, start + 1)
        if found is None and html[start + 1 : start + 2] not in ("!", "?"):
            yield unescape(html[place : start + 1])
            place = start + 1
            continue
        if start > place:
            yield unescape(html[place:start])
        if found is None:
            if html.startswith("<!--", start):
                place = html.index("-->", start) + 3 if start < last_comment else start + 4
            else:
                place = html.index(">", start) + 1
            continue
        name = found[2].lower()
        end = _TAG_END.match(html, found.end())
        place = end.end() if end else html.index(">", start) + 1
        yield Tag(name, bool(found[1]), _attributes(html[found.end() : place - 1]))
        if name in _RAW and not found[1]:
            closing = _RAW[name].search(html, place)
            place = closing.end() if closing else len(html)
    if place < len(html):
        yield unescape(html[place:])


def _attributes(text: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in _ATTRIBUTE.findall(text[:_ATTRIBUTES_LIMIT]):
        if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1]
        out.setdefault(name.lower(), unescape(value))
    return out
