"""What may be shown of a field's value when nobody has asked for the value itself. Pure."""

from __future__ import annotations


def masked(text: str, length: int | None = None) -> str:
    """Its first character and its length; of one character, nothing: that would be the value. `length`: where `text` is
    only the beginning."""
    n = len(text) if length is None else length
    return f"{text[:1] if n > 1 else ''}… ({n:,} character{'' if n == 1 else 's'})"
