"""The verbs for what was set aside: what people type, and what they read."""

from __future__ import annotations

from pathlib import Path

from tests.cockpit.seat import at_work, noise, odd, ran

CAUSE = "priority: value not in the map"


def test_records_are_excluded_by_what_people_type_and_taken_back_by_key(tmp_path: Path) -> None:
    with at_work(tmp_path, odd(30, [1, 2, 21])) as it:
        ran(it)
        nothing = it.type("quarantine", "exclude", "--reason", "test data")
        assert nothing.code == 2 and "say which" in nothing.err
        done = it.type("quarantine", "exclude", "--reason", "test data", "--wave", "pilot", "--cause", CAUSE)
        assert (done.code, done.out.startswith("2 records excluded.")) == (0, True)
        listed = it.type("quarantine", "list").out
        assert "2 excluded  pilot  test data" in listed and "1 quarantined  rest " in listed
        again = it.type("quarantine", "exclude", "--reason", "test data", "--key", "K001")
        assert again.code == 1 and "excluded already" in again.err
        it.type("quarantine", "retry", "--key", "K001", "--detach")
        assert "K001" in it.type("quarantine", "show", "K001").out
        assert "excluded" not in it.type("quarantine", "show", "K001").out.splitlines()[0]


def test_a_records_story_names_the_rule_and_where_it_stands(tmp_path: Path) -> None:
    with at_work(tmp_path, odd(12, [1])) as it:
        ran(it)
        assert "made by: priority, by a map of 2 values (" in it.type("quarantine", "show", "K001").out


def test_the_log_is_told_to_its_end_however_long_it_is(tmp_path: Path) -> None:
    with at_work(tmp_path) as it:
        noise(it, 210)
        assert it.type("log").out.splitlines()[-1].endswith("reason 209")
