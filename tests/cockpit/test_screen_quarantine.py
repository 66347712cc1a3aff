"""The quarantine screen, on a real engine: causes, records, a story; taken up again or left out. Never a value."""

from __future__ import annotations

from pathlib import Path

from engine.wire import Quarantine, Status
from tests.cockpit.desk import HOSTILE, IN_DOUBT, OBEYED, Desk, plain
from tests.cockpit.seat import Seat, at_work, odd, ran, seated

CAUSE = "priority: value not in the map"
BAD = [1, 2, 21]


def quarantined(it: Desk) -> int:
    return it.client.get("/status", Status).total.quarantined


def test_causes_come_with_counts_and_records_and_a_record_with_its_story(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees(
            "2  quarantined  pilot", "1  quarantined  rest", CAUSE, "2 records of this cause", "K001", "K002"
        )
        await seat.press("down")
        await seat.sees("1 record of this cause", "K021")
        assert "K001" not in seat.text, "records belong to the cause that is selected"
        await seat.press("enter", "enter")
        await seat.sees(
            "paper K021", "tried 1 time", "field      priority", "rule       priority, by a map of 2 values"
        )
        await seat.sees("stands in  book.yaml:10:", "target     not there", "t takes it up again")
        assert "P5" not in seat.text, "the value that was refused is on the screen"
        await seat.press("escape")
        await seat.sees("1 record of this cause")
        await seat.resize(200, 60)
        await seat.sees("1 record of this cause", "paper K021", "t takes it up again")

    with at_work(tmp_path, odd(30, BAD)) as it:
        ran(it)
        seated(it, work)


def test_one_record_is_taken_up_again_or_all_of_a_cause_as_the_focus_is(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("K001", "K002")
        playbook = it.folder / "book.yaml"
        playbook.write_text(playbook.read_text().replace('"2": low }', '"2": low, "P5": low }'))
        await seat.press("tab", "down", "t")
        await seat.sees("1  quarantined  pilot")
        await seat.comes_to(lambda: "K002" not in seat.text and "K001" in seat.text, "K002 was taken up")
        await seat.comes_to(lambda: seat.idle, "that run is over")
        await seat.press("tab", "t")
        await seat.comes_to(lambda: quarantined(it) == 1, "the rest of the cause was taken up")
        await seat.sees("1  quarantined  rest", "K021")

    with at_work(tmp_path, odd(30, BAD)) as it:
        ran(it)
        seated(it, work)


def test_an_exclusion_shows_the_exact_count_wants_a_reason_and_the_name_of_the_wave(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("K001")
        await seat.press("E")
        await seat.sees("Exclude 2 records: why?", CAUSE, "2 records of pilot: no run takes them up again.")
        await seat.type("")
        await seat.sees("Say it in a few words")
        await seat.type("test data")
        await seat.sees("Reason: test data", "Type pilot and Enter")
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert quarantined(it) == 3
        await seat.type("pilot")
        await seat.sees("2  excluded     pilot  test data", "1  quarantined  rest")
        total = it.client.get("/status", Status).total
        assert (total.quarantined, total.excluded) == (1, 2)
        assert total.planned == total.synced + total.quarantined + total.excluded
        await seat.press("end", "E")
        await seat.comes_to(lambda: "excluded already" in seat.message, "it cannot be excluded twice")
        await seat.press("t")
        await seat.sees("2  quarantined  pilot")

    with at_work(tmp_path, odd(30, BAD)) as it:
        ran(it)
        seated(it, work)


def test_esc_leaves_everything_as_it_is_and_leads_back_step_by_step(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("K001")
        for dialogs in (["E"], ["E", "x", "enter"]):
            await seat.press(*dialogs[:1])
            await seat.sees("why?")
            await seat.press(*dialogs[1:], "escape")
            await seat.sees("2 records of this cause")
        assert quarantined(it) == 3
        await seat.press("enter", "enter")
        await seat.sees("paper K001")
        for shown in ("2 records of this cause", "Tab: to the records", "overview"):
            await seat.press("escape")
            await seat.sees(shown)

    with at_work(tmp_path, odd(30, BAD)) as it:
        ran(it)
        seated(it, work)


def test_letters_narrow_the_list_in_focus_and_esc_shows_all_again(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("K001", "K002")
        await seat.press("tab", "slash", "0", "0", "2", "enter")
        await seat.comes_to(lambda: "K001" not in seat.text and "K002" in seat.text, "only K002 is shown")
        await seat.press("escape")
        await seat.sees("K001", "K002")
        await seat.press("tab", "slash", "q")
        await seat.sees("Nothing fits these letters.")
        assert seat.app.screen.name != "overview" and it.engine() is not None, "letters are letters while one types"
        await seat.press("escape")
        await seat.sees("2  quarantined  pilot")

    with at_work(tmp_path, odd(30, BAD)) as it:
        ran(it)
        seated(it, work)


def test_in_doubt_comes_first_and_says_how_to_resolve_it(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("▲", "in doubt")
        await seat.press("t")
        await seat.comes_to(lambda: "cutover resolve" in seat.message, "no retry of what may exist")
        await seat.press("E")
        await seat.comes_to(lambda: "cutover resolve" in seat.message, "no exclusion either")
        await seat.press("enter", "enter")
        await seat.sees("--created ID", "--absent")

    with at_work(tmp_path, odd(12, [9]), target=IN_DOUBT) as it:
        ran(it)
        seated(it, work)


def test_a_hostile_key_is_written_out_and_nothing_of_it_reaches_the_terminal(tmp_path: Path) -> None:
    rows = plain(12)
    rows[3] |= {"id": HOSTILE, "priority": HOSTILE}

    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("\\x1b[31malert")
        await seat.press("enter", "enter")
        await seat.sees("paper red \\x1b[31malert")
        assert not [sign for sign in OBEYED if sign in seat.text]
        await seat.press("6")
        await seat.sees("run done")
        assert not [sign for sign in OBEYED if sign in seat.text]

    with at_work(tmp_path, rows) as it:
        ran(it)
        seated(it, work)


def test_an_empty_quarantine_says_so_and_fills_when_a_run_sets_records_aside(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("Nothing is set aside.")
        await seat.press("t", "E", "tab", "enter", "down")
        await seat.sees("Nothing is set aside.")
        it.begin("run", "--detach").wait(30)
        await seat.sees("2  quarantined  pilot", "1  quarantined  rest", "K001")

    with at_work(tmp_path, odd(30, BAD)) as it:
        seated(it, work)


def test_more_records_than_one_answer_holds_are_counted(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("1,030  quarantined  rest")
        await seat.sees("1,030 records of this cause, 30 more than are listed here")
        await seat.press("tab", "end")
        await seat.sees("0 below", "K969")
        held = it.client.get("/quarantine", Quarantine)
        assert len(held.records) == 1000

    with at_work(tmp_path, odd(1050, range(20, 1050))) as it:
        ran(it)
        seated(it, work)


def test_r_runs_one_record_or_one_cause_again_and_f_all_that_failed_of_the_wave(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("4")
        await seat.sees("K001", "K002")
        playbook = it.folder / "book.yaml"
        playbook.write_text(playbook.read_text().replace('"2": low }', '"2": low, "P5": low }'))
        await seat.press("tab", "down", "R")
        await seat.sees("Run K002 of pilot again", "1 record of pilot is carried again", "1 is created")
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert quarantined(it) == 4
        await seat.type("pilot")
        await seat.comes_to(lambda: quarantined(it) == 3 and seat.idle, "only that record was carried")
        await seat.press("escape")
        await seat.sees("Tab: to the records", "1  quarantined  pilot", "K001")
        await seat.press("R")
        await seat.sees("Run one cause of pilot again", f"Cause: {CAUSE}", "1 record of pilot is carried again")
        await seat.type("pilot")
        await seat.comes_to(lambda: quarantined(it) == 2 and seat.idle, "the other of that cause, not that of rest")
        await seat.sees("2  quarantined  rest", "K021")
        await seat.press("F")
        await seat.sees("Run what failed of rest again", "2 records of rest are carried again")
        await seat.type("rest")
        await seat.comes_to(lambda: quarantined(it) == 0 and seat.idle, "all that failed of that wave")
        await seat.sees("Nothing is set aside.")
        await seat.press("F")
        await seat.comes_to(lambda: "Nothing is selected." in seat.message, "nothing is left")

    with at_work(tmp_path, odd(30, [*BAD, 22])) as it:
        ran(it)
        seated(it, work, (100, 30))
