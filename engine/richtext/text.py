"""What every reader does to text first: newlines become LF, and what no system stores safely is taken out."""

from __future__ import annotations

import re

LIMIT = 32_767
"""Characters a rich text field or a comment of Jira takes."""

INPUT_LIMIT = 2_000_000
"""Characters a converter accepts; nothing a person wrote is longer."""

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SAFE_LINK = re.compile(r"(?:https?|ftps?)://[^\s]+|mailto:[^\s]+|tel:[^\s]+", re.IGNORECASE)
_LINK_NOISE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+")
_LINK_LIMIT = 2_000


class TextError(ValueError):
    """A text cannot be converted. The message never holds any of it."""


def clean(text: str) -> str:
    """Newlines as LF; no control characters but tab and newline, no lone surrogates, no non-characters."""
    if len(text) > INPUT_LIMIT:
        raise TextError("text too large to convert")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Much faster than the pattern, and true of nearly all text.
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text
    return _UNSAFE.sub("", text)


def safe_link(href: str) -> str:
    """The link when its scheme is a safe, absolute one; else an empty string."""
    href = _LINK_NOISE.sub("", clean(href))
    if len(href) > _LINK_LIMIT or not _SAFE_LINK.fullmatch(href):
        return ""
    return href


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; where something was cut off, the last one is an ellipsis."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + "…" if limit > 1 else "…"[:limit]
