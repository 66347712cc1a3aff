"""What is painted, at every size: on a night that is always the same, over a real socket."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit import keys
from cockpit.app import Cockpit
from cockpit.client import Client
from cockpit.panels.waves import own, title
from cockpit.screens.base import Station
from cockpit.store import Line
from engine.wire import SOCKET, Alert, Buckets, HoldStatus, Live
from tests.cockpit import pictures
from tests.cockpit.desk import HOSTILE, OBEYED
from tests.cockpit.played import Night, played
from tests.cockpit.seat import Seat

SIZES = ((80, 24), (120, 40), (200, 60))


def frame_of(app: Cockpit) -> list[str]:
    """The lines of the terminal, as they are painted."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


def watched(folder: Path, night: Night, size: tuple[int, int], look: Callable[[Seat], Awaitable[None]]) -> None:
    """Sit in front of this night."""

    async def sit() -> None:
        app = Cockpit(Client(folder), "ana@jump1")
        async with app.run_test(size=size) as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.fresh and isinstance(app.screen, Station), "a first picture")
            await look(seat)

    with played(folder, night):
        asyncio.run(sit())


def a_night(picture: Live | None = None) -> Night:
    return Night(picture or pictures.picture(), pictures.replies())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_fills_the_terminal_and_is_never_wider(tmp_path: Path, size: tuple[int, int]) -> None:
    async def look(seat: Seat) -> None:
        for digit in keys.SCREENS.values():
            await seat.press(digit)
            await asyncio.sleep(0.1)
            lines = frame_of(seat.app)
            assert len(lines) == size[1]
            assert {cell_len(line) for line in lines} == {size[0]}
            assert "CUTOVER" in lines[0] and lines[-1].rstrip().endswith("q quit")

    watched(tmp_path, a_night(), size, look)


def test_an_overview_of_80x24_answers_all_that_matters(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees(
            "acme-itsm", "window ends", "+2 h 10 min", "all", "19,442/119,650", "392/s", "pilot", "signed off",
            "copying", "held", "after emea", "ben@jump2", "the vendor is on the phone", "jira: burst limit",
            "5 min 12 s", "throughput", "priority 'P5' is not in the map. Press 4.", "Σ 119,650 = 19,439 synced",
            "runbook",
        )  # fmt: skip

    watched(tmp_path, a_night(), (80, 24), look)


def test_columns_stand_below_each_other(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("18,202/41,000")
        lines = frame_of(seat.app)
        heading = next(line for line in lines if "records" in line and "state" in line)
        right = heading.index("records") + len("records")
        rows = [line for line in lines if any(f"  {name} " in line for name in ("pilot", "emea", "apac", "amer"))][:4]
        assert len(rows) == 4
        for row in rows:
            assert row[:right].endswith(("0", "1")) and row[right] == " ", row

    watched(tmp_path, a_night(), (80, 24), look)


def test_a_wave_sums_up_with_the_others_to_all(tmp_path: Path) -> None:
    listed, total = pictures.waves(), pictures.status().total
    assert sum(own(wave.buckets).planned for wave in listed) == own(total).planned


@pytest.mark.parametrize(("in_flight", "said"), [(524, "392/s, last records"), (0, "392/s, last checks")])
def test_a_wave_of_which_all_was_read_says_what_is_left_of_it(in_flight: int, said: str) -> None:
    buckets = Buckets(planned=3000, synced=3000 - in_flight, in_flight=in_flight)
    wave = pictures.wave("emea", "copying", buckets)
    status = pictures.status(run=["emea"], waves=[wave])
    assert said in title(wave, status, 100).plain


def test_the_wave_in_focus_stands_beside_the_overview_where_there_is_room(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.sees("throughput", "chunks", "issue/bulk", "212 ms", "1.48 s", "calls made again", "errors by cause")

    watched(tmp_path, a_night(), (200, 60), look)


def test_the_wave_screen_goes_from_wave_to_wave(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("2")
        await seat.sees("emea copying", "‹ 2 of 4 ›", "█", "▲", "approved by ana@jump1", "playbook")
        await seat.press("right")
        await seat.sees("apac held", "‹ 3 of 4 ›", "ben@jump2")
        await seat.press("h", "h")
        await seat.sees("pilot signed off", "‹ 1 of 4 ›")

    watched(tmp_path, a_night(), (120, 40), look)


def test_a_closer_look_is_taken_only_while_it_is_seen(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        await seat.press("6")
        before = night.asked.count("/wave")
        await asyncio.sleep(1.5)
        assert night.asked.count("/wave") == before
        await seat.press("2")
        await seat.comes_to(lambda: night.asked.count("/wave") > before, "a closer look")

    watched(tmp_path, night, (80, 24), look)


def test_the_plan_counts_once_and_again_by_a_key(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        await seat.press("5")
        await seat.sees("119,650 records in 4 waves", "fits the window", "▒", "│", "before emea, apac")
        await seat.press("1", "5", "1", "5")
        assert night.asked.count("/plan") == 1
        await seat.press("u")
        await seat.comes_to(lambda: night.asked.count("/plan") == 2, "counted again")

    watched(tmp_path, night, (80, 24), look)


def test_a_small_terminal_says_what_it_needs_and_pauses_all_the_same(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        assert "Needs 60 columns and 14 lines." in "\n".join(frame_of(seat.app))
        await seat.press("S", "X", "w", "4", "question_mark", "colon")
        assert isinstance(seat.app.screen, Station)
        await seat.press("p")
        await seat.comes_to(lambda: bool(night.commands), "a command")
        assert [path for path, _ in night.commands] == ["/pause"]
        await seat.resize(100, 30)
        await seat.sees("throughput")

    watched(tmp_path, night, (40, 10), look)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (20, 5), (60, 14), (300, 90)], ids=str)
def test_no_size_breaks_a_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async def look(seat: Seat) -> None:
        for digit in keys.SCREENS.values():
            await seat.press(digit)
        await seat.resize(80, 24)
        await seat.press("1")
        await seat.sees("emea")

    watched(tmp_path, a_night(), size, look)


HARD = (
    "漢字の波" * 30,
    "e\u0301" * 40,
    "👩‍👩‍👧‍👦" * 12,
    "Z" + "\u0335" * 500,
    HOSTILE,
    "\t tabs \n and lines",
    "[red]markup[/red]",
    "",
)


@pytest.mark.parametrize("text", HARD, ids=("wide", "marks", "emoji", "heap", "hostile", "blanks", "markup", "empty"))
def test_no_text_of_a_record_breaks_the_frame_or_reaches_the_terminal(tmp_path: Path, text: str) -> None:
    hold = HoldStatus(wave="", reason=text, by=text, since=pictures.AT)
    listed = [wave.model_copy(update={"wave": f"{text}{at}", "about": text, "cause": text, "hold": hold})
              for at, wave in enumerate(pictures.waves())]  # fmt: skip
    status = pictures.status(waves=listed, holds=[hold], migration=text, run=[listed[1].wave])
    alert = Alert(id="x", level="alarm", wave=text, sentence=text, verb="log", since=pictures.AT)
    night = a_night(pictures.picture(status=status, alerts=[alert]))

    async def look(seat: Seat) -> None:
        for digit in keys.SCREENS.values():
            await seat.press(digit)
            lines = frame_of(seat.app)
            assert len(lines) == 24 and {cell_len(line) for line in lines} == {80}
            assert not [sign for sign in OBEYED if any(sign in line for line in lines)]
        await seat.press("1", "w")
        assert {cell_len(line) for line in frame_of(seat.app)} == {80}
        await seat.press("escape")

    watched(tmp_path, night, (80, 24), look)


def test_only_ascii_is_painted_where_only_ascii_can_be_seen(tmp_path: Path) -> None:
    async def sit() -> None:
        app = Cockpit(Client(tmp_path), "ana@jump1", ascii_only=True)
        async with app.run_test(size=(120, 40)) as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.line is Line.LIVE, "a first picture")
            for digit in keys.SCREENS.values():
                await seat.press(digit)
                await asyncio.sleep(0.1)
                found = {sign for line in frame_of(app) for sign in line if sign > "\x7e"}
                assert not found, (digit, found)

    with played(tmp_path, a_night()):
        asyncio.run(sit())


def test_a_picture_that_says_the_same_repaints_nothing_but_the_clock(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        await seat.sees("19,442/119,650")
        await asyncio.sleep(0.3)
        painted: list[object] = []
        seat.app.screen.query_one("#charts").refresh = painted.append  # type: ignore[method-assign]
        night.show(pictures.picture(number=2))
        await seat.comes_to(
            lambda: seat.app.store.picture is not None and seat.app.store.picture.number == 2, "the next"
        )
        assert painted == []

    watched(tmp_path, night, (120, 40), look)


def test_a_new_alarm_takes_the_word_and_the_key_of_its_verb(tmp_path: Path) -> None:
    night = a_night(pictures.picture(alerts=[]))

    async def look(seat: Seat) -> None:
        await seat.sees("RUNNING")
        alarm = Alert(id="slow", level="alarm", wave="", sentence="Nothing moves.", verb="log", since=pictures.AT)
        night.show(pictures.picture(number=2, alerts=[alarm]))
        began = time.monotonic()
        await seat.sees("ATTENTION", "▲ Nothing moves. Press 6.")
        assert time.monotonic() - began < 5

    watched(tmp_path, night, (80, 24), look)


def test_help_that_is_longer_than_the_terminal_moves(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("question_mark")
        await seat.sees("Keys of overview", "below")
        await seat.press(*["pagedown"] * 5)
        await seat.sees("Put the cockpit aside; fg brings it back.", "Esc closes this.", "0 below")
        await seat.press("escape")
        await seat.sees("emea")

    watched(tmp_path, a_night(), (80, 24), look)


def test_waves_that_were_not_counted_are_not_taken_for_empty(tmp_path: Path) -> None:
    none = [wave.model_copy(update={"buckets": Buckets(), "state": "ready"}) for wave in pictures.waves()]
    some = [pictures.waves()[0], *none[1:]]

    async def look(seat: Seat) -> None:
        await seat.sees("1,240/1,240+")
        night.show(pictures.picture(number=2, status=pictures.status(waves=none, total=Buckets(), run=[])))
        await seat.comes_to(lambda: seat.text.count("–") >= 5 and "0/0" not in seat.text, "nothing is known")

    total = pictures.waves()[0].buckets
    night = a_night(pictures.picture(status=pictures.status(waves=some, total=total)))
    watched(tmp_path, night, (120, 40), look)


def test_what_needs_a_person_names_no_key_that_leads_where_one_is(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("priority 'P5' is not in the map.")
        assert "Press 4" not in seat.text
        await seat.press("6")
        await seat.sees("priority 'P5' is not in the map. Press 4.")

    watched(tmp_path, a_night(), (80, 24), look)


def test_drift_is_on_the_overview_at_every_size(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        for size in SIZES:
            await seat.resize(*size)
            await seat.sees("0 confirmed", "0.00% of 5,000 sampled, ≤ 0.06% at 95 %")

    watched(tmp_path, a_night(), (80, 24), look)


async def refuses_when_old(seat: Seat, night: Night) -> None:
    """The engine is gone: no key of this screen asks for anything, opens anything, or leads away."""
    screen = seat.app.screen
    assert isinstance(screen, Station)
    await asyncio.sleep(0.3)  # what it asks for by itself is there
    (seat.app.client.state / SOCKET).unlink()
    night.end()
    await seat.comes_to(lambda: seat.app.store.line is Line.DEAD, "the engine is missed")
    await seat.sees("No engine since")
    assert screen.has_class("stale")
    asked = [path for path in night.asked if path != "/status"]
    for key in keys.keys_of(screen.NAME):
        if not key.stale:
            await seat.press(*key.press.split(","))
            assert seat.app.screen is screen, key.verb
            assert "No engine since" in seat.message, key.verb
    assert not night.commands
    assert [path for path in night.asked if path != "/status"] == asked
