"""JSON kept as bytes, in many small pieces."""

from __future__ import annotations

from typing import Any

import orjson


def packed(value: Any) -> bytes:
    """The JSON of a value, in a buffer of just its size: orjson's own is a multiple of that for small documents."""
    return bytes(memoryview(orjson.dumps(value)))
