"""Reading the bytes of an attachment so that nothing stays open when the reading ends early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectors.kit.contract import Content


@asynccontextmanager
async def opened(content: Content) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of `content`, closed at the end, also of one that was not read to its end.

    A generator that is merely dropped is closed by the loop, some time later and in another context: until then its
    call would hold its turn at the source, and then give it back in another wave's name.
    """
    pieces = content()
    try:
        yield pieces
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
