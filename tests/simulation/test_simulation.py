"""Whole nights of the engine on a simulated clock: no promise is broken, and a seed is the same night every time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.ledger import Ledger
from engine.model import Intent
from engine.undos import Undos
from tests.simulation.loop import Loop, Stuck
from tests.simulation.night import play
from tests.simulation.plan import SIZED, TWISTED, draw
from tests.simulation.seeds import REGRESSIONS
from tests.simulation.twists import TWISTS
from tests.simulation.world import Met

ROOT = Path(__file__).parent.parent.parent
FIRST = 100
SEEDS = 2_000 if os.environ.get("CUTOVER_FULL") else 24
PART = 6


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", [*range(FIRST, FIRST + SEEDS, PART), *range(SIZED, SIZED + SEEDS, PART)])
def test_a_night_breaks_no_promise(first: int) -> None:
    broken = {seed: verdict.violations for seed in range(first, first + PART) if not (verdict := play(draw(seed))).held}
    assert broken == {}, "tell one: make night SEED=N MINIMISE=1"


@pytest.mark.parametrize("seed", range(TWISTED, TWISTED + (400 if os.environ.get("CUTOVER_FULL") else 8)))
def test_a_night_that_turns_for_the_worse_breaks_no_promise(seed: int) -> None:
    assert play(draw(seed)).violations == []


def test_every_turn_for_the_worse_is_drawn_by_some_seed() -> None:
    assert {word for seed in range(TWISTED, TWISTED + 60) for word in draw(seed).twists} == set(TWISTS)


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_what_a_seed_once_broke_stays_mended(seed: int) -> None:
    assert play(draw(seed)).violations == [], REGRESSIONS[seed]


async def _nothing(*_: object, **__: object) -> None:
    return None


@pytest.mark.parametrize(
    ("kept_back", "said"),
    [
        ((Ledger, "changing"), "leaves while the ledger still says what it shows"),
        ((Undos, "intend"), "leaves, and no rollback had said so"),
    ],
    ids=["changing", "undo_intend"],
)
def test_a_call_of_which_the_ledger_does_not_know_is_seen_to_leave(
    monkeypatch: pytest.MonkeyPatch, kept_back: tuple[type, str], said: str
) -> None:
    monkeypatch.setattr(*kept_back, _nothing)
    told = [what for seed in range(60_000_000, 60_000_020) for what in play(draw(seed)).violations]
    assert any(said in what for what in told), told


def test_a_create_without_an_intent_is_seen_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    intend = Ledger.intend

    async def all_but_the_first(
        self: Ledger, wave: int, entity: int, keys: Sequence[tuple[str, str]], mark: str
    ) -> Intent:
        return await intend(self, wave, entity, keys[1:], mark)

    monkeypatch.setattr(Ledger, "intend", all_but_the_first)
    assert "leaves without an intent" in play(draw(60_000_000)).violations[0]


def test_a_seed_is_the_same_night_twice_and_in_another_process() -> None:
    here = [play(draw(3)), play(draw(3))]
    assert here[0].digest == here[1].digest
    assert here[0].story == here[1].story
    script = (
        "from tests.simulation.night import play; from tests.simulation.plan import draw; print(play(draw(3)).digest)"
    )
    for hashing in ("1", "2"):  # no order of a set may show
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        told = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert told.stdout.split()[-1] == here[0].digest


def test_nights_of_all_kinds_are_drawn() -> None:
    plans = [draw(seed) for seed in range(SIZED, SIZED + 200)]
    assert max(plan.records for plan in plans) > 50
    assert sum(plan.records < 10 for plan in plans) > 100
    assert sum(plan.plain for plan in plans) > 10
    assert sum(plan.by_door for plan in plans) > 20
    assert sum(bool(draw(seed).twists) for seed in range(1_000_000_000, 1_000_000_200)) > 10


def test_nights_held_against_the_model_have_something_to_carry_in_one_wave_and_in_two() -> None:
    plans = [plan for plan in map(draw, range(1_000_000_000, 1_000_000_150)) if plan.plain]
    assert {len(plan.waves) for plan in plans} == {1, 2}
    stories = [play(plan).story for plan in plans]
    nights = [story[: next(n for n, line in enumerate(story) if "dawn:" in line)] for story in stories]
    assert sum(any(" create issue" in line for line in night) for night in nights) > 0.7 * len(nights)


def test_what_a_night_met_is_counted() -> None:
    met = Met()
    for seed in [seed for seed in range(SIZED, SIZED + 200) if draw(seed).plain and draw(seed).by_door][:3]:
        met.add(play(draw(seed)).met)
    assert {promise for promise in ("I1", "I2", "I4", "I8", "model", "door") if not met.checked[promise]} == set()
    assert met.commands.total() > 0


def test_another_seed_is_another_night() -> None:
    assert play(draw(3)).digest != play(draw(4)).digest


def test_a_night_in_which_nothing_can_happen_any_more_is_told_and_not_waited_for() -> None:
    loop = Loop(100)
    try:
        with pytest.raises(Stuck):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
