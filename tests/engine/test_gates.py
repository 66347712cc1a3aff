"""Gates against facts: the catalogue and the engine agree, and nothing that is not known lets anything pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clock import Clock
from engine.facts import Facts, Value
from engine.gates import Judge
from engine.model import WaveState
from engine.telemetry import Telemetry
from engine.window import Windows
from runbooks.facts import CATALOGUE, WAVE_STATES, names, word
from runbooks.gates import GateError, parse
from runbooks.migration import Window
from tests.engine.memory_migration import go, night, write

KNOWN = names(["pilot", "us-east"], ["cab"])
NIGHT: dict[str, Value | None] = {
    "quarantined": 7,
    "in_doubt": 0,
    "to_do": 0,
    "records": 700,
    "error_share": 0.013,
    "window.minutes_left": None,
    "window.open": True,
    "approvals.cab": "granted",
    "waves.pilot.state": "awaiting_sign_off",
    "waves.us_east.held": False,
}

HOLD = [
    "quarantined <= 7",
    "in_doubt == 0 && to_do == 0",
    "error_share < 0.02",
    "error_share < 1",
    'waves.pilot.state == "awaiting_sign_off"',
    "waves.pilot.state in ['signed_off', 'awaiting_sign_off']",
    "approvals.cab == granted",
    "quarantined * 100 <= records",
    "quarantined + in_doubt - 1 < 10",
    "window.open",
    "!waves.us_east.held && window.open == true",
    "quarantined > 100 || (in_doubt == 0 && to_do == 0)",
    "quarantined > -1",
]
FAIL = [
    "quarantined <= 5",
    "in_doubt == 0 && quarantined <= 5",
    "error_share > 0.02",
    "approvals.cab == refused",
    'waves.pilot.state != "awaiting_sign_off"',
    "window.minutes_left > 60",
    "window.minutes_left > 60 || window.open",
    "waves.us_east.held",
]


@pytest.mark.parametrize(("sentence", "holds"), [(s, True) for s in HOLD] + [(s, False) for s in FAIL])
def test_a_gate_means_what_it_says(sentence: str, holds: bool) -> None:
    assert Judge(parse(sentence, KNOWN)).ask(NIGHT).holds is holds


def test_each_fact_says_whether_its_part_holds() -> None:
    verdict = Judge(parse("in_doubt == 0 && quarantined <= 5", KNOWN)).ask(NIGHT)
    assert [(f.name, f.value, f.holds) for f in verdict.facts] == [("in_doubt", "0", True), ("quarantined", "7", False)]
    assert verdict.why == "quarantined is 7"
    verdict = Judge(parse("quarantined <= 5 || in_doubt == 0", KNOWN)).ask(NIGHT)
    assert verdict.holds and [f.holds for f in verdict.facts] == [None, None], "neither can be judged alone"
    verdict = Judge(parse("quarantined > 2 && quarantined < 5", KNOWN)).ask(NIGHT)
    assert [f.holds for f in verdict.facts] == [False], "one of its two parts does not hold"


def test_what_is_not_known_yet_lets_nothing_pass_and_is_said() -> None:
    verdict = Judge(parse("window.minutes_left > 60", KNOWN)).ask(NIGHT)
    assert (verdict.holds, verdict.why) == (False, "window.minutes_left is not known yet")
    assert not Judge(parse("window.minutes_left > 60", KNOWN)).ask({}).holds


def test_a_gate_of_many_brackets_or_letters_is_refused_and_not_run() -> None:
    for sentence in ("(" * 200 + "holds == 0" + ")" * 200, "holds == 0 && " * 60 + "holds == 0", "!" * 300 + "running"):
        with pytest.raises(GateError):
            parse(sentence, KNOWN)


def test_the_engine_fills_in_every_fact_of_the_catalogue_and_no_other(tmp_path: Path) -> None:
    async def story() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            clock = Clock()
            facts = Facts(Telemetry(clock), Windows(lambda: (), clock), clock)
            gathered = facts.gather(await it.snapshots.take(), {"cab": "open"})
            assert set(gathered) == set(names(["pilot", "rest"], ["cab"]))
            kinds = {"whole": int, "number": float, "text": str, "boolean": bool}
            for name, kind in names(["pilot", "rest"], ["cab"]).items():
                value = gathered[name]
                assert value is None or type(value) is kinds[kind.kind], name
            unknown = {name for name, value in gathered.items() if value is None}
            assert unknown == {"error_share", "window.minutes_left"}

    go(story)


def test_the_states_of_a_wave_are_those_that_gates_may_name() -> None:
    assert set(WAVE_STATES) == {state.value for state in WaveState}


def test_minutes_are_counted_to_the_end_of_the_open_window(tmp_path: Path) -> None:
    clock = Clock()
    span = Window.model_validate({"from": "2020-01-01 00:00", "until": "2099-01-01 00:00"})
    facts = Facts(Telemetry(clock), Windows(lambda: (span,), clock), clock)

    async def story() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            gathered = facts.gather(await it.snapshots.take(), {})
            left = gathered["window.minutes_left"]
            assert isinstance(left, int) and left > 60 and gathered["window.open"] is True

    go(story)


def test_names_are_written_as_gates_can_write_them() -> None:
    assert word("us-east") == "us_east" and word("2024") == "_2024" and word("pilot") == "pilot"


def test_the_reference_lists_every_fact() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/runbook.md").read_text()
    missing = [kind.name for kind in CATALOGUE if f"`{kind.name}`" not in text or kind.about not in text]
    assert not missing
