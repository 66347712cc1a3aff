"""The bytes of an attachment on their way through, so that nothing stays open when the reading ends early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from connectors.kit.contract import Content
from connectors.kit.errors import ConnectorError


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


class Upload(httpx.AsyncByteStream):
    """A streamed body that remembers why its source failed. To be closed: a server may answer before it has read all,
    and a transport that stops in the middle leaves the source open."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._sending: Any = None  # a generator; their declared type does not know `ag_running`
        self.failure: ConnectorError | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._sending = pieces = self._pieces()
        return pieces

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            async with opened(self._content) as pieces:
                async for piece in pieces:
                    yield piece
        except ConnectorError as error:
            self.failure = error
            raise

    async def aclose(self) -> None:
        if self._sending is not None and not self._sending.ag_running:  # else the transport is just ending it itself
            await self._sending.aclose()
