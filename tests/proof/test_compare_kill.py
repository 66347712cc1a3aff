"""Kill -9 at every durable point of a comparison and of a repair: what was found stays found, and is mended once."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.rehearsal.jira.control import perform
from engine.wire import Comparison, Comparisons, DriftList, Reconcile, Repair
from tests.proof.door import Shut
from tests.proof.night import KILLED, Night, full, night, until
from tests.proof.test_kill import IN_A_COMPARISON
from tests.proof.truth import proven, rows

ON_THE_WAY: dict[str, tuple[int, ...]] = {
    "compare_begin": (1,),
    "compare_at": (1,),
    "compared": (1, 2),
    "compare_end": (1,),
    "reopen": (1,),
}
CHAIN = "after:compare_begin:1 before:compared:1 before:compare_at:1 before:compare_end:1"
MENDING = "after:reopen:1"


def test_every_durable_point_of_a_comparison_is_killed_at() -> None:
    assert set(ON_THE_WAY) == {*IN_A_COMPARISON, "compared"}


@pytest.mark.timeout(300)
def test_a_comparison_and_a_repair_killed_again_and_again_find_all_that_differs_and_mend_it_once(
    tmp_path: Path,
) -> None:
    with night(tmp_path, incidents=30) as it:
        proven(it, it.drive())
        wrong = corrupted(it)
        for crash_at in CHAIN.split():
            assert compared(it, crash_at) is None, f"{crash_at} never came"
        found(it, wrong)
        for crash_at in MENDING.split():
            assert mended(it, crash_at) is None, f"{crash_at} never came"
        proven(it, it.drive("pilot"))
        nothing_differs(it)


@full
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("point", "time"), [(point, time) for point, times in ON_THE_WAY.items() for time in times])
def test_a_comparison_and_its_repair_killed_at_this_point_end_as_if_they_had_not_been(
    tmp_path: Path, when: str, point: str, time: int
) -> None:
    with night(tmp_path, incidents=30) as it:
        proven(it, it.drive())
        wrong = corrupted(it)
        crash_at = f"{when}:{point}:{time}"
        if point != "reopen":
            assert compared(it, crash_at) is None, f"{crash_at} never came"
        found(it, wrong)
        if point == "reopen":
            assert mended(it, crash_at) is None, f"{crash_at} never came"
        if (point, when) == ("reopen", "after"):
            proven(it, it.drive("pilot"))
        if point != "reopen" or when == "before":
            mended(it)
            proven(it, it.ended())
            it.end()
        nothing_differs(it)


def corrupted(it: Night) -> dict[str, str]:
    """Two records of the pilot, one gone and one changed, by our own account: {key at the source: class}."""
    pilot = rows(it, "SELECT key, target FROM entry WHERE entity = 1 AND wave = 1 AND bucket = 1 ORDER BY key LIMIT 2")
    (gone, at), (changed, there) = pilot
    perform(it.jira.site, {"op": "delete", "issue": at})
    perform(it.jira.site, {"op": "edit", "issue": there, "fields": {"summary": "cut"}})
    return {gone: "missing", changed: "changed"}


def compared(it: Night, crash_at: str = "") -> Comparison | None:
    """Compare all of the pilot, or go on with that. None when the drill killed it."""
    engine = it.start(crash_at)
    if engine.poll() is None:
        it.command("/reconcile", Reconcile(wave="pilot", full=True, by="ana"))
    until(lambda: engine.poll() is not None or not _running(it), "the comparison ends", 60, it.story)
    if engine.poll() is not None:
        assert engine.wait(10) == KILLED, it.log[-3000:]
        return None
    (one,) = it.ask("/reconcile", Comparisons).comparisons
    return one


def _running(it: Night) -> bool:
    try:
        return any(one.running for one in it.ask("/reconcile", Comparisons).comparisons)
    except Shut:
        return True  # it has just been killed: its end is waited for


def found(it: Night, wrong: dict[str, str]) -> None:
    one = compared(it)
    assert one is not None and one.ended and one.compared >= one.total - 1, one
    kept = it.ask("/drift", DriftList).rows
    assert {row.key: row.kind for row in kept if row.key == row.root and not row.field.startswith("link")} == wrong
    it.end()


def mended(it: Night, crash_at: str = "") -> None:
    """Mend what was found; None when the drill killed it."""
    engine = it.start(crash_at)
    it.command("/repair", Repair(wave="pilot", by="ana"))
    if crash_at:
        assert engine.wait(30) == KILLED, it.log[-3000:]


def nothing_differs(it: Night) -> None:
    one = compared(it)
    assert one is not None and one.ended and not one.kinds, one
    it.end()
