"""Keys that go back, on a real engine: what would happen is shown first, a name is typed, the states are told."""

import asyncio
import threading
import time
from pathlib import Path

from pydantic import BaseModel

from cockpit.app import Cockpit
from cockpit.client import Client
from cockpit.preview import Preview
from cockpit.screens.base import Station
from engine.wire import Pause, Receipt, Rollback, RollbackPreview, Run, Sign, UndoEdited, UndoEntity, WaveStatus
from tests.cockpit import pictures
from tests.cockpit.desk import HOSTILE, OBEYED, SLOW, Desk, until
from tests.cockpit.played import Night, played
from tests.cockpit.seat import Seat, at_work, ran, seated
from tests.cockpit.test_cockpit_frame import a_night, watched


def of(it: Desk, name: str) -> WaveStatus:
    status = it.status()
    assert status is not None
    return next(wave for wave in status.waves if wave.wave == name)


def test_a_wave_is_rolled_back_after_its_counts_were_seen_and_its_name_was_typed(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "B")
        await seat.sees("Roll pilot back", "At right:", "paper", "12 removed", "Time:", "Type pilot and Enter")
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert of(it, "pilot").state == "awaiting_sign_off"
        await seat.type("pilot")
        await seat.sees("○  pilot", "rolled back", "12 paper removed")
        await seat.press("2")
        await seat.sees("○ pilot rolled back", "12 paper removed")
        assert of(it, "pilot").buckets.to_do == 12

    with at_work(tmp_path) as it:
        ran(it)
        seated(it, work, (120, 40))


def test_a_rollback_is_of_one_wave_and_one_that_never_ran_has_nothing_to_undo(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("B")
        await seat.sees("Select one wave: a rollback is of one wave.")
        await seat.press("down", "B")
        await seat.sees("▲ it never ran: there is nothing to undo", "Esc leaves everything as it is.")
        await seat.type("pilot")
        assert isinstance(seat.app.screen, Preview), "there is nothing to agree to"
        await seat.press("escape")
        assert isinstance(seat.app.screen, Station)
        assert of(it, "pilot").state != "rolled_back"

    with at_work(tmp_path) as it:
        seated(it, work)


def test_a_rollback_is_seen_on_its_way_and_a_pause_holds_it(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "B")
        await seat.sees("Looking at every record of it at the target.")
        await seat.sees("20 removed")
        await seat.type("pilot")
        await seat.sees("GOING BACK", "going back")
        await seat.press("p")
        await seat.sees("⏸  pilot", "held", "effective ✔")
        assert of(it, "pilot").state == "rolling_back"
        await seat.press("r")
        await seat.sees("○  pilot", "rolled back")

    with at_work(tmp_path, 20, target="{ latency: 0.25, bulk: 5 }") as it:
        ran(it)
        seated(it, work)


def test_a_run_that_goes_on_refuses_and_the_dialog_says_so(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "B")
        await seat.sees("▲", "Esc leaves everything as it is.")
        await seat.press("escape")

    with at_work(tmp_path, 200, target=SLOW) as it:
        it.client.post("/run", Receipt, Run(by="ana"))
        seated(it, work)


def test_what_is_signed_off_goes_back_only_for_a_reason(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "B")
        await seat.sees("▲ it is signed off", "Say why it is rolled back all the same")
        await seat.type("")
        await seat.sees("Say it in a few words")
        await seat.type("wrong project")
        await seat.sees("Reason: wrong project", "Type pilot and Enter")
        await seat.press("escape")
        assert of(it, "pilot").state == "signed_off"
        await seat.press("B")
        await seat.sees("Say why it is rolled back all the same")
        await seat.type("wrong project")
        await seat.sees("Reason: wrong project")
        await seat.type("pilot")
        await seat.sees("○  pilot", "rolled back")

    with at_work(tmp_path) as it:
        ran(it)
        it.client.post("/sign", Receipt, Sign(wave="pilot", by="ana"))
        seated(it, work)


def test_a_rollback_that_was_cut_off_says_so_and_b_goes_on_with_it(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.sees("ATTENTION", "pilot is half rolled back", "Press B.", "interrupted")
        await seat.press("down", "B")
        await seat.sees("It was begun by ben@jump2 at", "and cut off: it goes on")
        await seat.type("pilot")
        await seat.sees("○  pilot", "rolled back")

    with at_work(tmp_path, 20, target="{ latency: 0.25, bulk: 5 }") as it:
        ran(it)
        it.client.post("/rollback", Receipt, Rollback(wave="pilot", by="ben@jump2"))
        it.client.post("/pause", Receipt, Pause(wave="pilot", reason="look", by="ben@jump2"))
        until(lambda: of(it, "pilot").state == "rolling_back", "it goes back")
        it.kill_engine()
        it.client.start()
        it.type("resume")
        seated(it, work)


def preview(**more: object) -> RollbackPreview:
    known = {
        "wave": "emea", "state": "awaiting_sign_off", "began": "", "began_by": "", "systems": ["jira"],
        "entities": [
            UndoEntity(entity="incident", fates={"removed": 40997, "edited": 3}),
            UndoEntity(entity="incident/comment", fates={"removed": 122991}),
            UndoEntity(entity="links", fates={"removed": 118}),
        ],
        "edited": [
            UndoEdited(entity="incident", key=f"a91c{n}", target=f"SUP-{n}", by="rosa", at=pictures.AT)
            for n in range(3)
        ],
        "references": {"amer": 4}, "elsewhere": {"apac": 2}, "unanswered": 1, "notes": ["jira deletes no worklog"],
        "seconds_low": 55.0, "seconds_high": 330.0, "refusals": [], "despite": [],
    }  # fmt: skip
    return RollbackPreview.model_validate(known | more)


def test_who_edited_what_stays_and_what_it_means_for_other_waves_is_named(tmp_path: Path) -> None:
    night = a_night()
    night.replies["/rollback"] = preview()

    async def look(seat: Seat) -> None:
        await seat.press("down", "down", "B")
        await seat.sees(
            "At jira:", "40,997 removed", "3 stay: somebody else edited them since", "122,991 removed",
            "stays: incident SUP-0 (a91c0), edited by rosa at", "4 references of wave amer to them: loosened",
            "2 records of them are in wave apac's scope too", "Time: 55 s to 5 min 30 s",
        )  # fmt: skip
        await seat.type("emea")
        await seat.comes_to(lambda: bool(night.commands), "the command")
        assert night.commands == [("/rollback", {"wave": "emea", "despite": "", "by": "ana@jump1"})]

    watched(tmp_path, night, (80, 30), look)


def test_a_hostile_name_is_written_out_and_a_long_preview_moves(tmp_path: Path) -> None:
    night = a_night()
    edited = [UndoEdited(entity="incident", key=HOSTILE, target=f"SUP-{n}", by=HOSTILE, at="") for n in range(60)]
    night.replies["/rollback"] = preview(edited=edited, notes=[HOSTILE])

    async def look(seat: Seat) -> None:
        await seat.press("down", "down", "B")
        await seat.sees("At jira:", "below")
        assert not [sign for sign in OBEYED if sign in seat.text]
        await seat.press(*["down"] * 3, *["pagedown"] * 20)
        await seat.sees("10 more", "0 below")
        assert not [sign for sign in OBEYED if sign in seat.text]

    watched(tmp_path, night, (80, 24), look)


class Thinking(Night):
    """Takes its time over a rollback."""

    def __init__(self, asked: Night) -> None:
        super().__init__(pictures.picture(), asked.replies)
        self.enough = threading.Event()

    def answer(self, path: str, name: str) -> BaseModel | None:
        if path == "/rollback":
            self.enough.wait(60)
        return super().answer(path, name)


def test_leaving_waits_for_no_answer(tmp_path: Path) -> None:
    night = Thinking(a_night())

    async def look(seat: Seat) -> None:
        await seat.press("down", "B")
        await seat.sees("Looking at every record")
        await seat.press("escape", "q")

    async def sit() -> None:
        app = Cockpit(Client(tmp_path), "ana@jump1")
        async with app.run_test() as pilot:
            seat = Seat(app, pilot)
            await seat.comes_to(lambda: app.store.fresh, "a first picture")
            await look(seat)

    with played(tmp_path, night):
        began = time.monotonic()
        asyncio.run(sit())
        taken = time.monotonic() - began
        night.enough.set()
    assert taken < 30


def test_a_wave_is_run_again_after_it_was_seen_what_changes(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("R")
        await seat.sees("Select one wave: a re-run is of one wave.")
        book = it.folder / "book.yaml"
        book.write_text(book.read_text().replace('"2": low', '"2": lowest'))
        await seat.press("down", "R")
        await seat.sees(
            "Run pilot again", "12 records of pilot are carried again", "6 change at the target", "6 stay as they are",
            "It ran with playbook", "6 paper: priority", "Type pilot and Enter",
        )  # fmt: skip
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        await seat.press("escape", "R")
        await seat.sees("6 change at the target")
        await seat.type("pilot")
        await seat.comes_to(lambda: "accepted ✔" in seat.message, "the engine takes it")
        await seat.comes_to(lambda: seat.idle and of(it, "pilot").state == "awaiting_sign_off", "it is loaded again")
        await seat.press("R")
        await seat.sees("12 stay as they are")
        await seat.press("escape")

    with at_work(tmp_path) as it:
        ran(it)
        seated(it, work, (100, 30))
