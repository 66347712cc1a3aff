"""The runbook while it is followed: whose turn it is, what is kept, what a crash leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.errands import Errands
from engine.errors import Refused
from engine.facts import Facts
from engine.model import Mark, StepState
from engine.phases import Phases
from engine.shelf import Shelf
from engine.telemetry import Telemetry
from engine.window import Windows
from engine.wire import Pause, Resume, RunbookStatus, Skip, Start, StepStatus, Tick
from tests.engine.memory_migration import Night, fill, go, night, write

PEOPLE = "people: { lead: Ada, cab: Fay }\nrunbook: runbook.yaml\n"

RUNBOOK = """
runbook: short
phases:
  - phase: ready
    title: Ready
    steps:
      - { step: notice, title: Tell everybody, owner: lead }
      - { step: backup, title: Back it up, owner: lead, evidence: the ticket, after: [notice] }
      - { step: quiet, title: No brake, gate: holds == 0, after: [backup] }
  - phase: moving
    title: Moving
    steps:
      - { step: run_pilot, title: Move the pilot, do: { run: pilot } }
      - { step: clean, title: Clean, gate: waves.pilot.quarantined == 0 && waves_left <= 1, after: [run_pilot] }
      - { step: retry, title: Again, do: { retry: pilot }, after: [run_pilot] }
      - { step: cab, title: Go?, owner: cab, approval: true, after: [clean] }
      - { step: rest, title: The rest, do: { run: all }, after: [cab] }
      - { step: tell, title: Tell, owner: lead }
"""


@dataclass
class Followed:
    night: Night
    phases: Phases
    shelf: Shelf

    async def picture(self) -> RunbookStatus:
        status = await self.phases.status()
        assert status is not None
        return status

    async def step(self, name: str) -> StepStatus:
        return next(s for phase in (await self.picture()).phases for s in phase.steps if s.id == name)

    async def until(self, name: str, state: str) -> StepStatus:
        async with asyncio.timeout(20):
            while (found := await self.step(name)).state != state:
                await asyncio.sleep(0.02)
        return found

    async def tick(self, *steps: str, note: str = "T-1") -> None:
        for step in steps:
            await self.phases.tick(Tick(step=step, note=note, by="ana"))

    async def refused(self, command: Tick | Skip | Start) -> str:
        verbs: dict[type, Callable[[object], Awaitable[object]]] = {
            Tick: self.phases.tick,  # type: ignore[dict-item]
            Skip: self.phases.skip,  # type: ignore[dict-item]
            Start: self.phases.start,  # type: ignore[dict-item]
        }
        with pytest.raises(Refused) as caught:
            await verbs[type(command)](command)
        return str(caught.value)

    async def told(self) -> list[tuple[str, str, str]]:
        """(by, what, detail) of the audit trail, as far as it is about steps."""
        words = ("step", "approval", "gate")
        return [(by, what, d) for _, _, by, what, _, d in await self.night.ledger.events() if what.startswith(words)]


@asynccontextmanager
async def following(folder: Path) -> AsyncIterator[Followed]:
    clock = Clock()
    async with night(folder) as it:
        windows = Windows(lambda: it.conductor.assembly.migration.windows, clock)
        facts = Facts(Telemetry(clock), windows, clock)
        shelf = Shelf(it.conductor.assembly.migration)
        phases = Phases(shelf, Errands(it.conductor, it.ledger), it.ledger, it.snapshots, facts, clock)
        async with phases.followed():
            yield Followed(it, phases, shelf)


def prepare(folder: Path, runbook: str = RUNBOOK, *, target: str = "{}") -> Path:
    write(folder, target=target)
    with (folder / "migration.yaml").open("a") as file:
        file.write(PEOPLE)
    (folder / "runbook.yaml").write_text(runbook)
    return folder


def test_a_phase_opens_when_the_one_before_it_is_done(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            picture = await it.picture()
            assert (picture.runbook, picture.phase) == ("short", "ready")
            assert [phase.state for phase in picture.phases] == ["open", "waiting"]
            assert [step.state for step in picture.phases[0].steps] == ["ready", "waiting", "waiting"]
            assert {step.state for step in picture.phases[1].steps} == {"waiting"}
            assert picture.phases[0].steps[0].owner == "lead (Ada)"
            await it.tick("notice", "backup")
            picture = await it.picture()
            assert picture.phase == "moving", "the gate passed by itself"
            assert (await it.step("run_pilot")).state == "ready"
            assert (await it.step("clean")).state == "waiting"

    go(story)


def test_a_tick_is_kept_by_the_ledger_with_who_when_and_note(tmp_path: Path) -> None:
    async def story() -> None:
        folder = prepare(tmp_path)
        async with following(folder) as it:
            await it.tick("notice")
            assert ("ana", "step done", "notice: T-1") in await it.told()
        async with following(folder) as it:
            step = await it.step("notice")
            assert (step.state, step.by, step.note) == ("done", "ana", "T-1") and step.at

    go(story)


def test_what_makes_no_sense_now_is_refused_with_what_to_type(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            said = await it.refused(Tick(step="backup", note="x", by="ana"))
            assert "comes after notice" in said and "cutover runbook skip notice --reason" in said
            assert "Phase moving is not open yet" in await it.refused(Tick(step="tell", by="ana"))
            assert "Phase moving is not open yet" in await it.refused(Start(step="run_pilot", by="ana"))
            assert "Did you mean notice?" in await it.refused(Tick(step="notise", by="ana"))
            assert "cutover runbook show" in await it.refused(Tick(step="xyz", by="ana"))
            assert "cutover runbook start run_pilot" in await it.refused(Tick(step="run_pilot", by="ana"))
            assert "passes by itself" in await it.refused(Tick(step="quiet", by="ana"))
            assert "is no approval" in await it.refused(Tick(step="notice", go=False, note="x", by="ana"))
            assert "cutover runbook tick notice" in await it.refused(Start(step="notice", by="ana"))
            assert "Say why" in await it.refused(Skip(step="notice", reason=" ", by="ana"))
            await it.tick("notice")
            assert "done already: by ana" in await it.refused(Tick(step="notice", by="ben"))
            assert "done already: by ana" in await it.refused(Skip(step="notice", reason="x", by="ben"))
            said = await it.refused(Tick(step="backup", by="ana"))
            assert "wants a note that holds: the ticket" in said and "--note" in said

    go(story)


def test_a_gate_blocks_until_it_holds_and_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            await it.night.conductor.pause(Pause(reason="vendor call", by="ben", wait=False))
            await it.tick("notice", "backup")
            gate = await it.step("quiet")
            assert (gate.state, gate.note, gate.gate) == ("blocked", "holds is 1", "holds == 0")
            assert [(fact.name, fact.value, fact.holds) for fact in gate.facts] == [("holds", "1", False)]
            assert (await it.picture()).phase == "ready"
            await it.night.conductor.resume(Resume(by="ben"))
            gate = await it.until("quiet", "done")
            assert (gate.by, gate.note) == ("engine", "holds was 0")
            assert [(fact.value, fact.holds) for fact in gate.facts] == [("0", True)]
            assert ("engine", "gate passed", "quiet: holds was 0") in await it.told()
            await it.night.conductor.pause(Pause(reason="again", by="ben", wait=False))
            assert (await it.step("quiet")).facts[0].value == "0", "as it was when it passed"

    go(story)


def test_a_gate_is_skipped_only_with_a_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            await it.night.conductor.pause(Pause(reason="vendor call", by="ben", wait=False))
            await it.tick("notice", "backup")
            receipt = await it.phases.skip(Skip(step="quiet", reason="the hold is meant", by="ana"))
            assert receipt.durable and "Next: run_pilot" in receipt.message
            assert (await it.step("quiet")).state == "skipped"
            assert ("ana", "step skipped", "quiet: the hold is meant") in await it.told()

    go(story)


async def to_the_pilot(it: Followed) -> None:
    await it.tick("notice", "backup")
    await it.until("quiet", "done")


def test_an_automatic_step_runs_and_ends_with_its_run(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            fill(it.night.left, bad=0)
            await to_the_pilot(it)
            receipt = await it.phases.start(Start(step="run_pilot", by="ana"))
            assert receipt.durable and "run --wave pilot" in receipt.message
            step = await it.until("run_pilot", "done")
            assert (step.by, step.verb) == ("ana", "run --wave pilot")
            assert (await it.until("clean", "done")).by == "engine"
            assert "done already" in await it.refused(Start(step="run_pilot", by="ana"))
            await it.phases.start(Start(step="retry", by="ana"))
            assert (await it.step("retry")).note == "nothing was quarantined"
            words = [(by, what) for by, what, _ in await it.told() if what.startswith("step")]
            assert words[-3:] == [("ana", "step running"), ("engine", "step done"), ("ana", "step done")]

    go(story)


def test_a_retry_takes_quarantined_records_up_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            fill(it.night.left, bad=1)
            await to_the_pilot(it)
            await it.phases.start(Start(step="run_pilot", by="ana"))
            await it.until("run_pilot", "done")
            gate = await it.until("clean", "blocked")
            assert gate.note == "waves.pilot.quarantined is 1"
            assert {fact.name: fact.holds for fact in gate.facts} == {
                "waves.pilot.quarantined": False,
                "waves_left": True,
            }
            it.night.left.put(
                "incident", "I0000", {"short_description": "x", "priority": "1", "state": "1", "region": "EMEA"}
            )
            await it.phases.start(Start(step="retry", by="ana"))
            await it.until("retry", "done")
            await it.until("clean", "done")

    go(story)


def test_a_no_go_stops_its_phase_until_it_is_granted(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            fill(it.night.left, bad=0)
            await to_the_pilot(it)
            await it.phases.start(Start(step="run_pilot", by="ana"))
            await it.until("clean", "done")
            assert "Say why not" in await it.refused(Tick(step="cab", go=False, by="fay"))
            await it.phases.tick(Tick(step="cab", go=False, note="the vendor is down", by="fay"))
            cab = await it.step("cab")
            assert (cab.state, cab.note, cab.by) == ("blocked", "the vendor is down", "fay")
            tell = await it.step("tell")
            assert (tell.state, tell.note) == ("blocked", "no-go at cab")
            assert "cab says no-go" in await it.refused(Tick(step="tell", by="ana"))
            await it.phases.tick(Tick(step="cab", by="fay"))
            assert (await it.step("tell")).state == "ready"
            assert (await it.step("rest")).state == "ready"
            told = [(by, what, detail) for by, what, detail in await it.told() if what.startswith("approval")]
            assert told == [("fay", "approval no-go", "cab: the vendor is down"), ("fay", "approval granted", "cab")]

    go(story)


def test_a_granted_approval_can_be_withdrawn_while_its_phase_is_open(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            await to_the_pilot(it)
            for step in ("run_pilot", "clean", "retry"):
                await it.phases.skip(Skip(step=step, reason="test", by="ana"))
            await it.tick("cab")
            await it.phases.tick(Tick(step="cab", go=False, note="wait", by="fay"))
            assert (await it.step("rest")).state == "waiting"

    go(story)


def test_a_run_that_fails_fails_its_step_and_can_be_started_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(
            prepare(tmp_path, target="{ creates: none, faults: [{ kind: drop_after, call: create, times: 1 }] }")
        ) as it:
            fill(it.night.left, bad=0)
            await to_the_pilot(it)
            await it.phases.start(Start(step="run_pilot", by="ana"))
            step = await it.until("run_pilot", "failed")
            assert "needs_human" in step.note and "cutover runbook start run_pilot" in step.note
            await it.phases.start(Start(step="run_pilot", by="ana"))
            await it.until("run_pilot", "failed")

    go(story)


def test_a_step_whose_engine_died_is_failed_and_not_running_for_ever(tmp_path: Path) -> None:
    async def story() -> None:
        folder = prepare(tmp_path)
        async with following(folder) as it:
            await to_the_pilot(it)
            run = await it.night.ledger.start_run(["pilot"], "ana", "x")
            await it.night.ledger.mark(
                Mark("run_pilot", StepState.RUNNING, "ana", "2026-11-21T20:00:00", run=run), "step running"
            )
        async with following(folder) as it:
            step = await it.step("run_pilot")
            assert step.state == "failed" and "it was interrupted" in step.note
            assert "cutover runbook start run_pilot" in step.note
            await it.phases.start(Start(step="run_pilot", by="ana"))
            await it.until("run_pilot", "done")

    go(story)


def test_a_run_that_ended_before_the_engine_died_is_done(tmp_path: Path) -> None:
    async def story() -> None:
        folder = prepare(tmp_path)
        async with following(folder) as it:
            await to_the_pilot(it)
            ledger = it.night.ledger
            run = await ledger.start_run(["pilot"], "ana", "x")
            await ledger.mark(
                Mark("run_pilot", StepState.RUNNING, "ana", "2026-11-21T20:00:00", run=run), "step running"
            )
            await ledger.end_run(run, "done")
        async with following(folder) as it:
            assert (await it.step("run_pilot")).state == "done"

    go(story)


def test_ticks_survive_an_edited_file_and_steps_that_are_gone(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            before = (await it.picture()).content
            await it.tick("notice", "backup")
            await it.until("quiet", "done")
            edited = RUNBOOK.replace("- { step: notice, title: Tell everybody, owner: lead }\n      ", "")
            (tmp_path / "runbook.yaml").write_text(edited.replace(", after: [notice]", ""))
            picture = await it.picture()
            assert picture.content != before and [s.id for s in picture.phases[0].steps] == ["backup", "quiet"]
            assert (await it.step("backup")).by == "ana"
            assert "not in the runbook any more" in await it.refused(Tick(step="notice", by="ana"))
            assert "notice" in await it.night.ledger.marks()

    go(story)


def test_a_file_that_is_wrong_is_told_and_the_one_of_before_counts(tmp_path: Path) -> None:
    async def story() -> None:
        async with following(prepare(tmp_path)) as it:
            (tmp_path / "runbook.yaml").write_text(RUNBOOK.replace("holds == 0", "hold == 0"))
            problem = (await it.picture()).problem
            assert "runbook.yaml:9:47: unknown fact" in problem and "did you mean 'holds'?" in problem
            await it.tick("notice")
            (tmp_path / "runbook.yaml").write_text(RUNBOOK)
            assert (await it.picture()).problem == ""

    go(story)


def test_a_migration_without_a_runbook_says_how_to_have_one(tmp_path: Path) -> None:
    async def story() -> None:
        write(tmp_path)
        async with following(tmp_path) as it:
            assert await it.phases.status() is None
            assert "runbook: runbook.yaml" in await it.refused(Tick(step="x", by="ana"))

    go(story)


def test_pause_check_and_resume_are_done_when_they_are_said(tmp_path: Path) -> None:
    steps = """
      - { step: stop, title: Everybody stops, do: { pause: all } }
      - { step: look, title: Check, do: { check: 0 }, after: [stop] }
      - { step: go_on, title: Go on, do: { resume: all }, after: [look] }
"""

    async def story() -> None:
        runbook = "runbook: r\nphases:\n  - phase: a\n    title: A\n    steps:" + steps
        async with following(prepare(tmp_path, runbook)) as it:
            await it.phases.start(Start(step="stop", by="ana"))
            hold = (await it.night.ledger.holds())[0]
            assert (hold.wave, hold.by, hold.reason) == ("", "ana", "runbook, stop: Everybody stops")
            await it.phases.start(Start(step="look", by="ana"))
            assert "all well" in (await it.until("look", "done")).note
            await it.phases.start(Start(step="go_on", by="ana"))
            assert await it.night.ledger.holds() == []
            assert (await it.picture()).phase == ""

    go(story)
