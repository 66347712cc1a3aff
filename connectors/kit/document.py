"""Rich text that is encoded once: for its fingerprint, and for the call that sends it."""

from __future__ import annotations

from typing import Any

import orjson


class Document:
    """A rich text document (ADF) as JSON, encoded once for all who send or hash it.

    Only targets whose traits say `documents` get one. `orjson.dumps(value, default=encoded)` writes it; `content()`
    is the map.
    """

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = orjson.Fragment(json)

    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = orjson.loads(orjson.dumps(self.json))
        return content

    def __eq__(self, other: object) -> bool:
        return self.content() == (other.content() if isinstance(other, Document) else other)

    __hash__ = None  # type: ignore[assignment]  # like the map that it stands for


def encoded(value: object) -> orjson.Fragment:
    """For `orjson.dumps(..., default=encoded)`: documents as they are."""
    if isinstance(value, Document):
        return value.json
    raise TypeError(f"{type(value).__name__} is no JSON")


def decoded(value: Any) -> Any:
    """The same value with a map for every document in it."""
    if isinstance(value, Document):
        return value.content()
    if isinstance(value, dict):
        return {name: decoded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [decoded(item) for item in value]
    return value
