"""Somebody sits in front of a cockpit: presses keys, and reads what the terminal shows. A real engine is behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from textual.pilot import Pilot

from cockpit.app import Cockpit
from cockpit.screens.base import Station
from cockpit.widgets.lines import Lines
from engine.wire import SOCKET, Pause, Receipt, Run, RunbookStatus, StepStatus
from tests.bench.engine_process import engine
from tests.cockpit.desk import Desk, desk, plain, until

PATIENCE = 15.0  # seconds


class Seat:
    def __init__(self, app: Cockpit, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def text(self) -> str:
        """Every line of the screen in front."""
        shown = [widget for widget in self.app.screen.query(Lines) if widget.is_on_screen]
        return "\n".join(line.plain for widget in shown for line in widget.shown)

    @property
    def message(self) -> str:
        return "\n".join(line.plain for line in self.app.screen.query_one("#message", Lines).shown)

    async def press(self, *presses: str) -> None:
        await self._pilot.press(*presses)
        await self._pilot.pause()

    async def type(self, text: str) -> None:
        """Letters, then Enter."""
        for letter in text:
            await self._pilot.press("space" if letter == " " else letter)
        await self.press("enter")

    async def sees(self, *words: str) -> None:
        """Wait until all of these words are on the screen."""
        deadline = time.monotonic() + PATIENCE
        while missing := [word for word in words if word not in self.text]:
            assert time.monotonic() < deadline, f"never seen: {missing}\n{self.text}"
            await self._pilot.pause(0.03)

    async def comes_to(self, what: Callable[[], bool], words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, f"never came: {words}\n{self.text}"
            await self._pilot.pause(0.03)

    async def resize(self, columns: int, lines: int) -> None:
        await self._pilot.resize_terminal(columns, lines)
        await self._pilot.pause(0.1)

    @property
    def idle(self) -> bool:
        """Nothing runs."""
        return self.app.store.picture is not None and not self.app.store.picture.status.run

    @property
    def book(self) -> RunbookStatus:
        picture = self.app.store.picture
        assert picture is not None and picture.runbook is not None
        return picture.runbook

    def step(self, name: str) -> StepStatus:
        return next(step for phase in self.book.phases for step in phase.steps if step.id == name)


def seated(it: Desk, work: Callable[[Seat], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    """Open a cockpit of this size on the engine, do the work, close it."""

    async def sit() -> None:
        app = Cockpit(it.client, "ana@jump1")
        async with app.run_test(size=size) as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.fresh and isinstance(app.screen, Station), "a first picture")
            await work(seat)

    asyncio.run(sit())


@contextmanager
def at_work(
    folder: Path, rows: int | Sequence[Mapping[str, Any]] = 12, *, book: str = "", people: str = "", target: str = "{}"
) -> Iterator[Desk]:
    """A desk with an engine that listens, and a runbook if one is given."""
    with desk(folder, rows, target=target) as it:
        if book:
            (folder / "runbook.yaml").write_text(book)
            migration = folder / "migration.yaml"
            migration.write_text(f"{migration.read_text()}runbook: runbook.yaml\n{people}")
        with engine(folder) as process:
            process.wait_until_up()
            yield it


def ran(it: Desk) -> None:
    """Everything was run to its end."""
    it.client.post("/run", Receipt, Run(by="ana"))
    until(lambda: (status := it.status()) is not None and not status.run, "the run is over")


def noise(it: Desk, n: int, by: str = "noise") -> None:
    """Lines of the audit trail: pauses of one wave by one person."""
    transport = httpx.HTTPTransport(uds=str(it.client.state / SOCKET))
    with httpx.Client(transport=transport, base_url="http://engine", trust_env=False, timeout=30) as line:
        for number in range(n):
            pause = Pause(wave="rest", reason=f"reason {number}", by=by, wait=False)
            line.post("/pause", content=pause.model_dump_json().encode()).raise_for_status()


def odd(n: int, bad: Sequence[int]) -> list[dict[str, Any]]:
    """Plain records; these have a priority that no map has."""
    rows = plain(n)
    for at in bad:
        rows[at]["priority"] = "P5"
    return rows
