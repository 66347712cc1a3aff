"""The drift screen, on a real engine: what differs, both sides of it, compared and mended by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.wire import Comparisons, DriftField, DriftList, DriftRow, DriftShow, Receipt, Reconcile
from tests.bench.engine_process import engine
from tests.cockpit import pictures
from tests.cockpit.desk import HOSTILE, OBEYED, Desk, desk, until
from tests.cockpit.seat import Seat, ran, seated
from tests.cockpit.test_cockpit_frame import a_night, refuses_when_old, watched


class Room:
    """A migration from files to files, whose target can be changed behind the engine's back."""

    def __init__(self, it: Desk) -> None:
        self.it = it
        self._file = it.folder / "right" / "issue.jsonl"

    def issues(self) -> list[dict[str, Any]]:
        """What the target holds: the last line of each record."""
        newest = {}
        for line in self._file.read_text().splitlines():
            row = json.loads(line)
            newest[row["id"]] = row
        return list(newest.values())

    def change(self, called: str, **fields: Any) -> None:
        """Somebody writes to the record of this title."""
        (row,) = (row for row in self.issues() if row["title"] == called)
        with self._file.open("a") as file:
            file.write(json.dumps({**row, **fields}) + "\n")

    def titles(self) -> list[str]:
        return [row["title"] for row in self.issues() if not row.get("_deleted")]

    def compared(self) -> None:
        self.it.client.post("/reconcile", Receipt, Reconcile(full=True, by="ana"))
        until(lambda: not any(one.running for one in self.it.client.get("/reconcile", Comparisons).comparisons), "done")


@contextmanager
def room(folder: Path, rows: Any = 12) -> Iterator[Room]:
    with desk(folder, rows) as it:
        (folder / "right").mkdir()
        migration = folder / "migration.yaml"
        old = 'right: { connector: memory, url: "memory:right", options: {} }'
        assert old in migration.read_text()
        migration.write_text(
            migration.read_text().replace(old, f"right: {{ connector: file, url: {folder / 'right'} }}")
        )
        with engine(folder) as process:
            process.wait_until_up()
            ran(it)
            yield Room(it)


def gone(it: Room, called: str) -> None:
    it.change(called, _deleted=True)


def test_what_differs_is_listed_by_class_and_both_sides_are_masked_until_asked_for(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("2 records differ in 1 wave", "missing", "▼ 1 record", "paper K004", "edited at target",
                        "paper K003", "title", "somebody")  # fmt: skip
        await seat.press("end", "enter")
        await seat.sees("paper K003", "✘ title", "should be  p… (7 characters)", "is         o… (3 characters)",
                        "alike", "u shows them")  # fmt: skip
        assert "odd" not in seat.text and "paper 3" not in seat.text
        await seat.press("u")
        await seat.sees("should be  paper 3", "is         odd", "u masks")
        await seat.press("u")
        await seat.sees("p… (7 characters)")
        await seat.press("u")
        await seat.sees("is         odd")
        await seat.press("escape", "home", "end", "u")
        await seat.sees("is         odd")
        await seat.press("escape", "1", "7", "enter")
        await seat.sees("o… (3 characters)")
        assert "odd" not in seat.text, "who comes back does not see the values of before"

    with room(tmp_path) as it:
        it.change("paper 3", title="odd")
        gone(it, "paper 4")
        it.compared()
        seated(it.it, work)


def test_c_compares_and_m_mends_after_a_preview_and_the_name_of_the_wave(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("Nothing differs, as far as was compared.")
        await seat.press("M")
        await seat.comes_to(lambda: "No difference is selected." in seat.message, "nothing to mend")
        gone(it, "paper 4")
        await seat.press("c")
        await seat.sees("Compare every wave that has begun", "full: all of it", "Enter to do it")
        await seat.type("all of it")
        await seat.comes_to(lambda: "neither full nor a number" in seat.message, "no such scope")
        await seat.press("c")
        await seat.type("full")
        await seat.sees("1 record differs in 1 wave", "missing", "paper K004")
        await seat.press("M")
        await seat.sees("Mend missing of pilot", "1 record of pilot", "1 to create again", "Type pilot and Enter")
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert "paper 4" not in it.titles()
        await seat.type("pilot")
        await seat.sees("No difference is known")
        assert it.titles().count("paper 4") == 1

    with room(tmp_path) as it:
        seated(it.it, work, (120, 40))


def test_what_somebody_edited_is_overwritten_only_where_exactly_that_is_selected(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("edited at target", "paper K003")
        await seat.press("M")
        await seat.sees("Mend missing of pilot", "1 to create again")
        assert "overwritten" not in seat.text
        await seat.press("escape", "end", "M")
        await seat.sees("Mend K003", "1 to update", "1 title", "▲ What somebody else wrote there is overwritten.")
        await seat.press("escape")
        assert "odd" in it.titles()
        await seat.press("M")
        await seat.sees("1 to update")
        await seat.type("pilot")
        await seat.comes_to(lambda: "paper 3" in it.titles() and "odd" not in it.titles(), "it is written again")
        assert "paper 4" not in it.titles(), "only what was selected is mended"

    with room(tmp_path) as it:
        it.change("paper 3", title="odd")
        gone(it, "paper 4")
        it.compared()
        seated(it.it, work, (100, 30))


def row(number: int, kind: str = "changed", **more: str) -> DriftRow:
    known = {"wave": "emea", "entity": "incident", "key": f"a91c{number}", "kind": kind, "field": "title",
             "target": f"SUP-{number}", "root": f"a91c{number}", "by": "", "at": "", "found": pictures.AT}  # fmt: skip
    return DriftRow.model_validate(known | more)


def test_many_differences_are_folded_by_class_and_letters_find_one(tmp_path: Path) -> None:
    night = a_night()
    rows = [row(at) for at in range(300)]
    night.replies["/drift"] = DriftList(kinds={"emea": {"changed": 300}}, rows=rows)

    async def look(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("300 records differ", "▶ 300 records", "title 300")
        assert "a91c7" not in seat.text
        await seat.press("enter")
        await seat.sees("▼ 300 records", "a91c7", "below")
        await seat.press("enter", "slash", *"sup-123", "enter")
        await seat.sees("a91c123")
        assert "a91c124" not in seat.text
        await seat.press("escape")
        await seat.sees("▶ 300 records")

    watched(tmp_path, night, (80, 24), look)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_hostile_names_and_values_are_written_out(tmp_path: Path, size: tuple[int, int]) -> None:
    night = a_night()
    one = row(1, key=HOSTILE, field=HOSTILE, target=HOSTILE, by=HOSTILE, at=pictures.AT, root=HOSTILE)
    field = DriftField(field=HOSTILE, differs=True, wanted=HOSTILE, there=HOSTILE * 40)
    night.replies["/drift"] = DriftList(kinds={"emea": {"changed": 1}}, rows=[one])
    night.replies["/difference"] = DriftShow(
        rows=[one], entity="incident", key=HOSTILE, target=HOSTILE, masked=False, fields=[field], note=HOSTILE
    )

    async def look(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("\\x1b[31malert")
        await seat.press("end", "u")
        await seat.sees("should be")
        assert not [sign for sign in OBEYED if sign in seat.text]
        await seat.press("escape", "M")
        await seat.sees("Mend red")
        assert not [sign for sign in OBEYED if sign in seat.text]

    watched(tmp_path, night, size, look)


def test_tab_goes_nowhere(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        for digit in ("1", "2", "3", "5", "6", "7"):
            await seat.press(digit)
            before = seat.app.screen.focused
            await seat.press("tab", "shift+tab")
            assert seat.app.screen.focused is before
        await seat.press("colon", "tab", *"quarant")
        await seat.sees("What was set aside, by cause.")
        assert "The audit trail." not in seat.text, "letters go on narrowing the list"

    watched(tmp_path, a_night(), (120, 40), look)


def test_an_old_drift_screen_compares_mends_and_unmasks_nothing(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("3 records differ", "incident a91c0f7")
        await seat.press("down", "enter")
        await seat.sees("P… (412 characters)")
        await refuses_when_old(seat, night)
        assert "P… (412 characters)" in seat.text, "what was known stays in sight"

    watched(tmp_path, night, (120, 40), look)


def test_a_class_says_what_it_means_beside_the_list(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("7")
        await seat.sees("changed in emea: 2 records", "is known to have changed it.", "2  description",
                        "shows what mending them would do")  # fmt: skip
        await seat.press("end", "up")
        await seat.sees("edited at target in emea: 1 record", "Somebody else changed it after us")

    watched(tmp_path, a_night(), (120, 40), look)
