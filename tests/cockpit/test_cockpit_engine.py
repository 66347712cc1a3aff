"""What keys do, on a real engine over its socket: three stages, two cockpits, death and return."""

import asyncio
import os
import signal
from pathlib import Path

from cockpit.app import Cockpit
from cockpit.dialogs import Question
from cockpit.screens.base import Station
from cockpit.store import Line
from engine.wire import Pause, Receipt, Run
from tests.cockpit.desk import SLOW, Desk, desk
from tests.cockpit.seat import Seat, at_work, seated

BY = "ana@jump1"


def begin(it: Desk) -> None:
    it.client.post("/run", Receipt, Run(by="ana"))


def test_one_key_pauses_and_the_screen_shows_the_three_stages(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("RUNNING")
        await seat.press("p")
        await seat.sees("pause all", "accepted ✔", "durable ✔", "effective ✔", "HELD", BY)
        await seat.press("r")
        await seat.sees("resume all", "RUNNING")

    with at_work(tmp_path, 400, target=SLOW) as it:
        begin(it)
        seated(it, look)
        status = it.status()
        assert status is not None and not status.holds and status.run


def test_a_held_wave_says_by_whom_and_why(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("held", "ben@jump2", "vendor call")
        await seat.press("down", "down", "2")
        await seat.sees("rest held", "held by ben@jump2", "vendor call")

    with at_work(tmp_path) as it:
        it.client.post("/pause", Receipt, Pause(wave="rest", reason="vendor call", by="ben@jump2"))
        seated(it, look)


def test_one_key_lets_a_wave_go_on_that_is_held_with_all(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("ben@jump2")
        await seat.press("down", "r")
        await seat.sees("resume all", "effective ✔")

    with at_work(tmp_path) as it:
        it.client.post("/pause", Receipt, Pause(reason="vendor call", by="ben@jump2"))
        seated(it, look)
        status = it.status()
        assert status is not None and not status.holds


def test_a_run_wants_its_name_typed_and_takes_no_other(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("down", "S")
        await seat.sees("Run pilot", "pilot: 12 records, left:paper → right:issue", "Type pilot and Enter")
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert isinstance(seat.app.screen, Question)
        await seat.press("escape")
        status = it.status()
        assert status is not None and not status.run and not status.run_by
        await seat.press("S")
        await seat.sees("Type pilot and Enter")
        await seat.type("pilot")
        await seat.sees("run pilot", "to sign off")

    with at_work(tmp_path) as it:
        seated(it, look)


def test_two_cockpits_see_each_others_pause(tmp_path: Path) -> None:
    async def sit(it: Desk) -> None:
        one, two = Cockpit(it.client, "ana@jump1"), Cockpit(it.client, "ben@jump2")
        async with one.run_test(size=(80, 24)) as ana_keys, two.run_test(size=(120, 40)) as ben_keys:
            ana, ben = Seat(one, ana_keys), Seat(two, ben_keys)
            for seat in (ana, ben):
                await seat.comes_to(lambda seat=seat: seat.app.store.fresh, "a first picture")
            await ana.press("p")
            await ben.sees("HELD", "ana@jump1")
            await ben.press("r")
            await ana.comes_to(lambda: "HELD" not in ana.text, "ben has resumed")

    with at_work(tmp_path, 200, target=SLOW) as it:
        begin(it)
        asyncio.run(sit(it))


def test_a_stale_screen_refuses_keys_and_says_since_when(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        pid = it.engine()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await seat.sees("No word from the engine since", "what you see is old")
            assert seat.app.screen.has_class("stale")
            await seat.press("p", "S", "4", "down")
            assert isinstance(seat.app.screen, Station) and seat.app.screen.NAME == "overview"
        finally:
            os.kill(pid, signal.SIGCONT)
        await seat.comes_to(lambda: seat.app.store.line is Line.LIVE, "it comes back by itself")
        assert not seat.app.screen.has_class("stale")

    with at_work(tmp_path) as it:
        seated(it, look)
        status = it.status()
        assert status is not None and not status.holds


def test_a_dialog_that_outlives_the_line_sends_nothing(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("S")
        await seat.sees("Type all and Enter")
        it.kill_engine()
        await seat.comes_to(lambda: seat.app.store.line is Line.DEAD, "the death is noticed")
        await seat.type("all")
        await seat.sees("No engine since")
        await seat.press("e")
        await seat.comes_to(lambda: seat.app.store.line is Line.LIVE, "it is back")

    with desk(tmp_path, 12) as it:
        it.client.start()
        seated(it, look)
        status = it.status()
        assert status is not None and not status.run_by


def test_an_engine_that_was_killed_is_shown_with_its_last_words_and_started_by_a_key(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        was = it.engine()
        it.kill_engine()
        await seat.sees(
            "NO ENGINE", "No engine since", "Press e to start it again", "Last words of the engine", "serves paper"
        )
        await seat.press("p", "e")
        await seat.comes_to(lambda: seat.app.store.line is Line.LIVE, "a new engine")
        await seat.comes_to(lambda: "Last words" not in seat.text, "its words are gone")
        assert it.engine() not in (None, was)

    with desk(tmp_path, 12) as it:
        it.client.start()
        seated(it, look)


def test_an_engine_that_cannot_start_says_what_is_wrong_with_the_folder(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        it.kill_engine()
        await seat.sees("NO ENGINE")
        migration = tmp_path / "migration.yaml"
        was = migration.read_text()
        migration.write_text(was.replace("playbooks", "playbock"))
        await seat.press("e")
        await seat.sees("playbock", "did you mean")
        migration.write_text(was)
        await seat.press("e")
        await seat.comes_to(lambda: seat.app.store.line is Line.LIVE, "a new engine")

    with desk(tmp_path, 12) as it:
        it.client.start()
        seated(it, look)


def test_leaving_the_cockpit_leaves_the_engine_at_work(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("RUNNING")
        await seat.press("6", "q")
        assert seat.app.is_running
        await seat.press("q")
        await seat.comes_to(lambda: not seat.app.is_running, "the cockpit is left")

    with at_work(tmp_path, 200, target=SLOW) as it:
        begin(it)
        seated(it, look)
        status = it.status()
        assert status is not None and status.run


def test_the_palette_does_what_a_key_does(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("colon")
        await seat.type("pau")
        await seat.sees("pause all", "effective ✔")

    with at_work(tmp_path) as it:
        seated(it, look)
