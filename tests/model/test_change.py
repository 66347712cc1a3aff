"""Whatever becomes of changes on their way, the target ends as the ledger says; and an engine built wrong does not."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.model import change
from tests.model.change import STEPS, Next, State, Step, explore

FULL = bool(os.environ.get("CUTOVER_FULL"))
SIZES = [(4, 4), *([(6, 5), (5, 7)] if FULL else [])]  # things that go wrong, edits among them; runs and rollbacks


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("faults", "runs"), SIZES)
def test_every_state_within_reach_keeps_every_promise(faults: int, runs: int) -> None:
    seen = explore(faults=faults, runs=runs)
    print(f"\na record that is changed, {faults} faults and edits, {runs} runs: {seen.told}")
    assert seen.broken is None, str(seen.broken)
    assert seen.states > 1000, "something keeps the model from moving"


def test_every_step_of_the_model_is_taken_somewhere() -> None:
    taken: set[str] = set()

    def watched(name: str, step: Step) -> Step:
        def take(s: State) -> Next:
            for one in step(s):
                taken.add(name)
                yield one

        return take

    explore(faults=2, runs=3, steps={name: watched(name, step) for name, step in STEPS.items()})
    assert taken == set(STEPS)


# ---------------------------------------------------------------- engines that are built wrong


def send_without_a_mark(s: State) -> Next:
    for word, t in change.mark(s):
        yield word, t._replace(known=s.known, print=s.print)


def mark_without_the_version(s: State) -> Next:
    for word, t in change.mark(s):
        yield word, t._replace(known=s.known)


def believe_a_list_that_lags(s: State) -> Next:
    yield from change.read_late(s)
    if s.run == "carry" and not s.at and s.print == "?":
        for version in range(s.known):
            yield "read late", s._replace(hand=version, at="read")


def look_at_newer_versions_only(s: State) -> Next:
    if s.version > s.known or not s.print:
        yield from change.read(s)


def say_that_all_is_as_it_was(s: State) -> Next:
    if s.at == "doubt" and s.run == "carry":
        known, print = s.was
        yield "again", s._replace(known=known, print=print, at="", sure=False)
    else:
        yield from change.doubt(s)


def mark_after_the_change(s: State) -> Next:
    yield from change.settle(s)
    if s.at == "answered" and s.run == "carry" and s.print not in ("", "?"):
        yield "changing", s._replace(print="?")


def send_at_once(s: State) -> Next:
    for word, t in change.mark(s._replace(sure=True)):
        yield word, t._replace(sure=s.sure)


def forget_what_was_cut_off(s: State) -> Next:
    for word, t in change.begin(s):
        yield word, t._replace(sure=True)


def forget_it_before_a_rollback(s: State) -> Next:
    for word, t in change.roll_back(s):
        yield word, t._replace(sure=True)


def forget_it_after_another_run(s: State) -> Next:
    for word, t in change.another(s):
        yield word, t._replace(cut=False)


def no_doubt(s: State) -> Next:
    if s.at == "doubt":
        yield "again", s._replace(at="")


def no_word_of_what_was_stopped(s: State) -> Next:
    for word, t in change.give_up(s):
        yield word, t._replace(cut=s.cut)


def settle_before_the_answer(s: State) -> Next:
    if s.run == "carry" and s.at in ("answered", "doubt"):
        yield "settle", s._replace(known=s.hand, print=s.reads[s.hand], at="")


def the_newest_version_whatever_was_sent(s: State) -> Next:
    if s.run == "carry" and s.at == "answered":
        yield "settle", s._replace(known=s.version, print=s.reads[s.version], at="")


def restore_once(s: State) -> Next:
    if s.run == "undo" and s.at in ("answered", "doubt"):
        yield "undone", s._replace(run="", at="", sure=False, wave="undone", known=change.ORIGINAL, print="")


OVER = "an older version was written over a newer one"
OLDER, UNLIKE, UNDONE = "an older change was applied", "does not read as the ledger says", "it is not as it was"

WRONG: list[tuple[Mapping[str, Step], str]] = [
    ({"mark": send_without_a_mark}, UNLIKE),
    ({"mark": send_without_a_mark, "settle": mark_after_the_change}, UNLIKE),
    ({"mark": mark_without_the_version}, OVER),
    ({"read_late": believe_a_list_that_lags}, OVER),
    ({"read": look_at_newer_versions_only}, "never ends"),
    ({"doubt": say_that_all_is_as_it_was}, UNLIKE),
    ({"mark": send_at_once}, OLDER),
    ({"begin": forget_what_was_cut_off}, OLDER),
    ({"another": forget_it_after_another_run}, OLDER),
    ({"roll_back": forget_it_before_a_rollback}, OLDER),
    ({"doubt": no_doubt}, OLDER),
    ({"give_up": no_word_of_what_was_stopped}, OLDER),
    ({"settle": settle_before_the_answer}, UNLIKE),
    ({"settle": the_newest_version_whatever_was_sent}, UNLIKE),
    ({"end_undo": restore_once}, UNDONE),
]


@pytest.mark.parametrize(
    ("wrong", "promise"), WRONG, ids=["-".join(step.__name__ for step in wrong.values()) for wrong, _ in WRONG]
)
def test_an_engine_that_is_built_wrong_breaks_this_promise(wrong: Mapping[str, Step], promise: str) -> None:
    seen = explore(faults=3, runs=4, steps={**STEPS, **wrong})
    assert seen.broken is not None, seen.told
    print(f"\n{seen.broken}")
    assert promise in seen.broken.promise, str(seen.broken)
