"""Keeps the store at the engine's word: follows its pictures, notices silence and death, comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from cockpit.client import BadFolder, Client, NoEngine
from cockpit.store import Line, Store

_AGAIN = 0.5  # seconds before another try


async def follow(client: Client, store: Store, changed: Callable[[], None]) -> None:
    """Without end. `changed` is called after each change of the store."""
    while True:
        try:
            async for picture in client.pictures():
                store.picture, store.line, store.since, store.words, store.starting = picture, Line.LIVE, None, "", ""
                changed()
            raise NoEngine("The engine has closed the line.")
        except (NoEngine, BadFolder) as error:
            await _lost(client, store, str(error))
            changed()
        await asyncio.sleep(_AGAIN)


async def _lost(client: Client, store: Store, words: str) -> None:
    if store.since is None:
        store.since = datetime.now(UTC)
    there = await asyncio.to_thread(client.answers)
    store.line = Line.LOST if there else Line.DEAD
    store.words = words if there else client.last_words()
