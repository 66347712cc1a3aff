"""A cat on the keyboard: random keys at random moments of a run reach nothing that destroys, and break nothing.

`CUTOVER_FULL=1` presses 10,000 of them; a slice otherwise.
"""

import asyncio
import os
import random
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from cockpit import keys
from cockpit.app import Cockpit
from cockpit.client import Client
from cockpit.screens.base import Station
from engine.wire import Receipt, Run
from tests.cockpit.desk import SLOW
from tests.cockpit.seat import Seat, at_work, odd

Reply = TypeVar("Reply", bound=BaseModel)

PRESSES = 10_000 if os.environ.get("CUTOVER_FULL") else 150
GENTLE = {"/pause", "/resume", "/acknowledge", "/retry", "/reconcile", "/validate", "/verify"}
"""What a single key may ask for: nothing of it loses or undoes anything."""


class Recording(Client):
    """Remembers every command before it goes out."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sent: list[tuple[str, BaseModel | None]] = []

    def post(
        self, path: str, reply: type[Reply], command: BaseModel | None = None, timeout: float = 60.0, **params: Any
    ) -> Reply:
        self.sent.append((path, command))
        return super().post(path, reply, command, timeout, **params)


def presses(seed: int, n: int) -> list[str]:
    """Keys of the table and others, as a cat finds them: none that leaves the cockpit for good."""
    chance = random.Random(seed)
    leaving = {"q", "ctrl+c", "ctrl+z", "e"}
    table = [press for key in keys.KEYS for press in key.press.split(",") if press not in leaving]
    others = [*"abdfimopstvyzABCDFHIJKLMNOPQTUVWYZ0789", "enter", "escape", "tab", "space", "backspace", "delete"]
    return [chance.choice(table if chance.random() < 0.7 else others) for _ in range(n)]


def test_random_keys_ask_for_nothing_that_destroys_and_break_nothing(tmp_path: Path) -> None:
    async def sit() -> Recording:
        client = Recording(tmp_path)
        app = Cockpit(client, "cat@keyboard")
        chance = random.Random(4)
        async with app.run_test(size=(100, 30)) as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.fresh, "a first picture")
            for number, press in enumerate(presses(3, PRESSES)):
                await pilot.press(press)
                if chance.random() < 0.02:
                    await pilot.resize_terminal(chance.choice((40, 80, 100, 200)), chance.choice((10, 24, 60)))
                if number % 50 == 49:
                    await pilot.pause(chance.random() * 0.1)
            while not isinstance(app.screen, Station):
                await pilot.press("escape")
                await pilot.pause()
            await seat.resize(100, 30)
            await seat.press("1")
            await seat.sees("CUTOVER", "paper")
        return client

    with at_work(tmp_path, odd(300, [3, 7, 40]), target=SLOW) as it:
        it.client.post("/run", Receipt, Run(by="ana"))
        client = asyncio.run(sit())
        assert client.sent, "the cat pressed no key that does anything"
        assert {path for path, _ in client.sent} <= GENTLE, {path for path, _ in client.sent} - GENTLE
        status = it.status()
        assert status is not None and not status.total.excluded


def test_a_heavy_verb_is_reached_by_its_whole_name_only(tmp_path: Path) -> None:
    """Every key that acts heavily, followed by Enter at once, and by almost its name."""
    heavy = [key for key in keys.KEYS if key.commands and key.press.isupper()]
    assert heavy

    async def sit() -> Recording:
        client = Recording(tmp_path)
        app = Cockpit(client, "cat@keyboard")
        async with app.run_test(size=(80, 24)) as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.fresh, "a first picture")
            for key in heavy:
                for screen in key.screens or tuple(keys.SCREENS):
                    for typed in ((), tuple("sto")):
                        await seat.press(keys.SCREENS[screen], key.press)
                        await pilot.pause(0.05)
                        if not isinstance(app.screen, Station):
                            await seat.press(*typed, "enter", "escape")
        return client

    with at_work(tmp_path, odd(12, [3])):
        assert not asyncio.run(sit()).sent
