"""Every state of a small wave and its rollback keeps the promises; and a wave that is built wrong does not."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.model import wave
from tests.model.promises import explore
from tests.model.wave import LAGGING, NATIVE, STEPS, STRONG, Next, Shape, State, Step

FULL = bool(os.environ.get("CUTOVER_FULL"))
PAIR: tuple[int | None, ...] = (None, 0)  # a record and its comment
THREE: tuple[int | None, ...] = (None, None, 0)  # two records, and a comment on the first

# Shape, things that go wrong, waves begun (the second one after a rollback)
SIZES = [(PAIR, 2, 2), (THREE, 1, 1)]
LARGE = [(PAIR, 5, 2), (THREE, 2, 2), (THREE, 3, 1)]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("creates", [STRONG, LAGGING, NATIVE])
@pytest.mark.parametrize(("parents", "faults", "runs"), SIZES + (LARGE if FULL else []))
def test_every_state_within_reach_keeps_every_promise(
    parents: tuple[int | None, ...], faults: int, runs: int, creates: str
) -> None:
    seen = explore(Shape(parents, creates), faults=faults, runs=runs)
    print(f"\n{creates}, {len(parents)} items, {faults} faults, {runs} runs: {seen.told}")
    assert seen.broken is None, str(seen.broken)
    assert seen.states > 1000, "something keeps the model from moving"


def test_every_step_of_the_model_is_taken_somewhere() -> None:
    taken: set[str] = set()

    def watched(name: str, step: Step) -> Step:
        def take(shape: Shape, s: State, i: int) -> Next:
            for word, t in step(shape, s, i):
                taken.add(name)
                yield word, t

        return take

    for creates in (STRONG, NATIVE, LAGGING):
        explore(Shape(PAIR, creates), faults=2, runs=2, steps={n: watched(n, s) for n, s in STEPS.items()})
    assert taken == set(STEPS)


# ---------------------------------------------------------------- waves that are built wrong


def intend_without_writing(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.intend(shape, s, i):
        yield word, t.put(i, intent=False)


def resend_blindly(shape: Shape, s: State, i: int) -> Next:
    for _, t in wave.resolve(shape, s, i):
        yield "again", t.put(i, at="ready", intent=True)


def absent_at_once(shape: Shape, s: State, i: int) -> Next:
    one = s.items[i]
    yield from wave.resolve(shape, s, i)
    if one.at == "doubt" and not wave.shown(one):
        yield "absent too soon", s.put(i, at="", intent=False)


def answer_the_intent_first(shape: Shape, s: State, i: int) -> Next:
    """Two writes where one would do."""
    one = s.items[i]
    if one.at == "answered" and one.intent:
        yield "intent gone", s.put(i, intent=False)
    elif one.at == "answered":
        yield from wave.settle(shape, s, i)


def forget_what_was_perhaps_created(shape: Shape, s: State, i: int) -> Next:
    """The answer to a second attempt is taken for the answer to the first."""
    for word, t in wave.settle(shape, s, i):
        yield word, t.put(i, intent=False)


def close_while_under_way(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "working" and s.chunk == "open" and wave.idle(s):
        yield "close_chunk", s._replace(chunk="done")


def load_without_a_sum(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "working" and s.chunk and wave.idle(s):
        yield "loaded", s._replace(wave="loaded")


def finish_without_children(_: Shape, s: State, i: int) -> Next:
    if s.wave == "working" and s.items[i].entry == "in_flight" and not s.items[i].at:
        yield "finish", s.put(i, entry="synced")


def clear_up_without_a_look(_: Shape, s: State, i: int) -> Next:
    if s.items[i].intent and not s.items[i].at and (s.chunk == "done" or s.wave == "rolling_back"):
        yield "clear_up", s.put(i, intent=False)


def nothing(_: Shape, s: State, i: int) -> Next:
    yield from ()


def kill_that_takes_the_hold(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.kill(shape, s, i):
        yield word, t._replace(hold=False)


def send_under_a_hold(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.send(shape, s._replace(hold=False), i):
        yield word, t._replace(hold=s.hold)


def roll_back_at_once(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.roll_back(shape, s, i):
        yield word, t._replace(stage=1)


def survey_at_once(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "rolling_back" and not s.stage:
        yield "undo_at", s._replace(stage=1)


def undo_without_a_look(shape: Shape, s: State, i: int) -> Next:
    """What was intended before a kill is gone on with, whatever happened since."""
    if s.wave == "rolling_back" and s.items[i].undo and not s.items[i].at and shape.parents[i] is None:
        yield "go on", s.put(i, at="undo")
    else:
        yield from wave.judge(shape, s, i)


def undo_what_was_edited(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.judge(shape, s, i):
        yield (word, t) if word != "edited" else ("judge", s.put(i, at="judged"))


def forget_what_was_edited(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.judge(shape, s, i):
        yield word, t if word != "edited" else wave.forgotten(shape, s, i)


def forget_before_removing(shape: Shape, s: State, i: int) -> Next:
    for word, t in wave.intend_undo(shape, s, i):
        yield word, wave.forgotten(shape, t, i)


def remove_the_record_only(shape: Shape, s: State, i: int) -> Next:
    if s.items[i].at == "undo":
        yield "delete", s.put(i, at="undone", copies=0)


def end_too_soon(shape: Shape, s: State, i: int) -> Next:
    if i == 0 and s.wave == "rolling_back" and s.stage and wave.idle(s):
        yield "undo_end", s.all(passed=False, undo=False, intent=False)._replace(wave="rolled_back", chunk="", stage=0)


def judge_while_something_is_late(shape: Shape, s: State, i: int) -> Next:
    certain = s._replace(items=tuple(one._replace(late=0) for one in s.items))
    for word, t in wave.judge(shape, certain, i):
        late = [one.late for one in s.items]
        yield word, t._replace(items=tuple(one._replace(late=n) for one, n in zip(t.items, late, strict=True)))


TWICE, LOST, CLOSED = "something is there twice", "something is lost", "the sum is not closed"
UNKNOWN, STAYS, STUCK = "the ledger does not know something of ours", "something of it stays", "it never ends"

WRONG: list[tuple[str, Mapping[str, Step], str]] = [
    (STRONG, {"intend": intend_without_writing}, TWICE),
    (STRONG, {"resolve": resend_blindly}, TWICE),
    (STRONG, {"resolve": absent_at_once}, TWICE),
    (LAGGING, {"resolve": absent_at_once}, TWICE),
    (STRONG, {"resolve": nothing}, STUCK),
    (STRONG, {"settle": answer_the_intent_first}, TWICE),
    (STRONG, {"close": close_while_under_way}, STUCK),
    (STRONG, {"close": close_while_under_way, "prove": load_without_a_sum}, CLOSED),
    (STRONG, {"prove": load_without_a_sum}, CLOSED),
    (STRONG, {"finish": finish_without_children}, CLOSED),
    (STRONG, {"clear_up": clear_up_without_a_look}, UNKNOWN),
    (STRONG, {"clear_up": nothing}, STUCK),
    (STRONG, {"sweep": nothing}, STUCK),
    (STRONG, {"kill": kill_that_takes_the_hold}, "a pause that was acknowledged is forgotten"),
    (STRONG, {"send": send_under_a_hold}, "a call began under a hold"),
    (STRONG, {"roll_back": roll_back_at_once}, STAYS),
    (STRONG, {"survey": survey_at_once}, STAYS),
    (NATIVE, {"intend": intend_without_writing}, UNKNOWN),
    (NATIVE, {"settle": forget_what_was_perhaps_created}, STAYS),
    (NATIVE, {"survey": survey_at_once}, STAYS),
    (NATIVE, {"judge": judge_while_something_is_late}, STAYS),
    (STRONG, {"judge": undo_without_a_look}, "what a person edited was removed"),
    (STRONG, {"judge": undo_what_was_edited}, "what a person edited was removed"),
    (STRONG, {"judge": forget_what_was_edited}, "the ledger does not know what stays"),
    (STRONG, {"intend_undo": forget_before_removing}, STAYS),
    (STRONG, {"remove": remove_the_record_only}, STAYS),
    (STRONG, {"end": end_too_soon}, STAYS),
    (STRONG, {"outcome": nothing}, STUCK),
]


@pytest.mark.parametrize(
    ("creates", "wrong", "promise"),
    WRONG,
    ids=[f"{creates}-{'-'.join(f'{n}={step.__name__}' for n, step in wrong.items())}" for creates, wrong, _ in WRONG],
)
def test_a_wave_that_is_built_wrong_breaks_this_promise(creates: str, wrong: Mapping[str, Step], promise: str) -> None:
    seen = explore(Shape(PAIR, creates), faults=2, runs=1, steps={**STEPS, **wrong})
    assert seen.broken is not None, seen.told
    assert promise in seen.broken.promise, str(seen.broken)
