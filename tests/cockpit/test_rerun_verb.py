"""`cutover rerun`, as typed: what would change is shown, a name is asked for, and only that changes."""

from pathlib import Path

from engine import wire
from tests.cockpit.desk import desk, plain


def test_a_rerun_shows_what_changes_asks_for_the_name_and_changes_only_that(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [*plain(5), {"id": "BAD", "ref": "PBAD", "number": 7, "priority": "9"}]) as it:
        said = it.type("rerun", "--wave", "pilot", "--preview")
        assert (said.code, "▲ it has not run. Type: cutover run --wave pilot" in said.out) == (1, True)
        assert it.type("run", "--wave", "pilot").code == 0
        book = it.folder / "book.yaml"
        book.write_text(book.read_text().replace('"1": high', '"1": loud, "9": low'))
        said = it.type("rerun", "--wave", "pilot", "--preview")
        assert said.code == 0, said.err
        assert "6 records are carried again: " in said.out
        assert "paper.priority: " in said.out
        assert "1 of them are created" in said.out
        seen = wire.RerunPreview.model_validate_json(it.type("rerun", "--wave", "pilot", "--json").out)
        assert (seen.records, seen.created, [one.field for one in seen.fields]) == (6, 1, ["priority"])
        same = it.type("rerun", "--wave", "pilot", "--mapping", "same", "--preview")
        assert "as it last ran" in same.out and "0 change" in same.out
        assert "say --yes pilot" in it.type("rerun", "--wave", "pilot").err
        assert "That is not pilot. Nothing was done." in it.type("rerun", "--wave", "pilot", "--yes", "rest").err
        assert it.type("rerun", "--wave", "pilot", "--yes", "pilot").code == 0
        after = it.type("rerun", "--wave", "pilot", "--json").json
        assert (after["unchanged"], after["changed"], after["created"]) == (6, 0, 0)


def test_a_rerun_is_of_one_kind_and_of_a_mapping_there_is(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        both = it.type("rerun", "--wave", "pilot", "--failed", "--key", "K001")
        assert (both.code, "say one of --failed, --cause and --key" in both.err) == (2, True)
        older = it.type("rerun", "--wave", "pilot", "--mapping", "older")
        assert (older.code, "say newest or same" in older.err) == (2, True)
        assert "There is no wave pliot. Did you mean pilot?" in it.type("rerun", "--wave", "pliot", "--preview").err
