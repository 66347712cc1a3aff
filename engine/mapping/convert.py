"""Small conversions of one value: numbers, booleans, lists, labels, masks, lengths."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import orjson

from connectors.kit.document import Document, decoded
from engine.mapping.values import Refusal, is_empty, text_of
from engine.richtext import adf
from engine.richtext.text import clean, shorten

REDACTED = "[redacted]"
TOO_LONG = "text longer than the target takes"

_INTEGER = re.compile(r"[+-]?\d{1,40}(?:\.0+)?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TRUE, _FALSE = frozenset(("true", "1", "yes")), frozenset(("false", "0", "no"))
_JOINERS = "\u200c\u200d"  # they shape letters in several scripts
_DASHES = re.compile(r"-{2,}")
_LABEL_LIMIT = 255


def whole_number(value: Any) -> int:
    """An int from text or a number without a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if isinstance(value, bool) or not _INTEGER.fullmatch(text):
        raise Refusal("not a whole number")
    return int(text.partition(".")[0])


def decimal_number(value: Any) -> float:
    """A finite float from text or a number."""
    text = str(value).strip()
    if isinstance(value, bool) or not _FLOAT.fullmatch(text) or not math.isfinite(float(text)):
        raise Refusal("not a number")
    return float(text)


def truth(value: Any) -> bool:
    """True or false from a boolean, 1 or 0, or the words for them."""
    word = text_of(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Refusal("neither true nor false")


def splitter(separator: str) -> Callable[[Any], Any]:
    """Text to a list of trimmed parts; a list stays one."""

    def split(value: Any) -> list[Any]:
        if isinstance(value, list | tuple):
            return [item for item in value if not is_empty(item)]
        return [part for part in map(str.strip, text_of(value).split(separator)) if part]

    return split


def joiner(separator: str) -> Callable[[Any], Any]:
    """A list to text; text stays as it is."""
    return lambda value: separator.join(map(text_of, value)) if isinstance(value, list | tuple) else text_of(value)


def slug(text: str) -> str:
    """A label: letters and signs of any script, dashes for blanks, at most 255 characters."""
    if text.isascii() and text.isprintable():
        label = text.replace(" ", "-")
        return (_DASHES.sub("-", label) if "--" in label else label)[:_LABEL_LIMIT].strip("-")
    out: list[str] = []
    for letter in unicodedata.normalize("NFKC", clean(text)):
        kind = unicodedata.category(letter)
        if kind == "Cf" and letter not in _JOINERS:
            continue  # marks of direction and the like: invisible, yet they make another label
        out.append("-" if kind[0] == "Z" or kind == "Cc" else letter)
    return _DASHES.sub("-", "".join(out))[:_LABEL_LIMIT].strip("-")


def hasher(secret: bytes) -> Callable[[Any], Any]:
    """A keyed hash of a value, 32 hex digits; of a list, of each item. The same value has the same hash."""

    def hashed(value: Any) -> Any:
        if isinstance(value, list):
            return [hashed(item) for item in value]
        data = value if isinstance(value, str) else orjson.dumps(decoded(value), option=orjson.OPT_SORT_KEYS)
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=16, key=secret[:64]).hexdigest()

    return hashed


def truncater(limit: int) -> Callable[[Any], Any]:
    """At most `limit` characters of text, in a string, a document, or each item of a list."""

    def cut(value: Any) -> Any:
        if isinstance(value, str):
            return shorten(value, limit)
        if isinstance(value, list):
            return [cut(item) for item in value]
        if isinstance(value, Document):
            return Document(orjson.dumps(cut(value.content())))
        if isinstance(value, dict) and value.get("type") == "doc":
            return adf.shorten(value, limit)
        return value

    return cut


def check_length(value: Any, limit: int) -> Any:
    """The value itself; refused when it holds more text than `limit` characters."""
    if isinstance(value, str):
        too_long = len(value) > limit
    elif isinstance(value, Document):
        too_long = adf.length(value.content()) > limit
    elif isinstance(value, dict) and value.get("type") == "doc":
        too_long = adf.length(value) > limit
    else:
        too_long = False
    if too_long:
        raise Refusal(TOO_LONG)
    return value
