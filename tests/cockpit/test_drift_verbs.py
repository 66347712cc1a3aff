"""The verbs of comparing: what people type, and what they read."""

from __future__ import annotations

from pathlib import Path

from cockpit import codes
from tests.cockpit.desk import desk


def test_both_sides_are_compared_by_what_people_type_whole_in_part_or_only_what_is_new(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 12) as it:
        early = it.type("reconcile")
        assert early.code == codes.FAILED and "No wave has begun" in early.err
        it.type("run", "--wave", "pilot")
        plain = it.type("reconcile")
        assert (plain.code, plain.err) == (codes.DONE, "")
        assert "✔ pilot (dirty): 0 records compared, none differs" in plain.out
        assert "12 records compared, none differs" in it.type("reconcile", "--full").out
        assert "3 records compared, none differs" in it.type("reconcile", "--sample", "3").out
        assert it.type("reconcile", "--sample", "0").code == codes.USAGE
        assert "there is nothing to mend" in it.type("repair", "--wave", "pilot").out
