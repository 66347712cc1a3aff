"""The log screen, on a real engine: the audit trail, the newest at the bottom, followed or not."""

from __future__ import annotations

from pathlib import Path

from cockpit.screens.log import KEPT, Log
from engine.wire import Event, Pause, Receipt, Resume
from tests.cockpit.desk import HOSTILE, OBEYED
from tests.cockpit.seat import Seat, at_work, noise, ran, seated


def test_the_newest_line_is_at_the_bottom_and_followed_until_somebody_looks_back(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("6")
        await seat.sees("reason 229", "following", "lines")
        assert "reason 100" not in seat.text
        it.client.post("/resume", Receipt, Resume(by="ben"))
        await seat.sees("ben", "resume")
        await seat.press("up", "up")
        await seat.sees("staying; f follows")
        noise(it, 3, "cleo")
        await seat.comes_to(lambda: isinstance(log := seat.app.screen, Log) and log.lines[-1].by == "cleo", "they came")
        await seat.sees("staying; f follows")
        await seat.press("f")
        await seat.sees("following", "cleo")

    with at_work(tmp_path) as it:
        noise(it, 230)
        seated(it, work)


def test_letters_narrow_the_trail_and_the_selected_line_is_told_in_full(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("6")
        await seat.sees("run done")
        await seat.press("slash")
        await seat.type("approved")
        await seat.sees("2 lines of", "wave approved")
        assert "run done" not in seat.text
        await seat.press("home")
        await seat.sees("playbook ", "ana pilot")
        await seat.press("escape", "f")
        await seat.sees("run done", "catching_up")

    with at_work(tmp_path) as it:
        ran(it)
        seated(it, work)


def test_what_people_wrote_is_shown_but_never_obeyed(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("6")
        await seat.sees("pause", "\\x1b[31malert", "\\u202e")
        assert not [sign for sign in OBEYED if sign in seat.text]

    with at_work(tmp_path) as it:
        it.client.post("/pause", Receipt, Pause(reason=HOSTILE, by="ana", wait=False))
        seated(it, work)


def test_a_screen_that_runs_for_weeks_keeps_the_newest_lines_only() -> None:
    log = Log()
    for start in range(0, KEPT + 400, 200):
        log.add([Event(id=n, at="", by="ana", what="note", wave="", detail="") for n in range(start, start + 200)])
    assert (len(log.lines), log.lines[0].id, log.lines[-1].id) == (KEPT, 400, KEPT + 399)
