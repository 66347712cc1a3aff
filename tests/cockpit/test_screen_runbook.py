"""The runbook screen, on a real engine: what is to be done, ticked, refused, skipped and started."""

from __future__ import annotations

from pathlib import Path

from tests.cockpit.seat import Seat, at_work, odd, ran, seated

BOOK = """
runbook: night
phases:
  - phase: readiness
    title: Readiness
    steps:
      - { step: notice, title: Send the freeze notice, owner: lead, minutes: 90, evidence: the ticket }
      - { step: backup, title: Back up the target, about: into the vault, owner: ops }
      - { step: later, title: Tell the others, owner: ops, after: [notice] }
      - { step: clean, title: Nothing is set aside, gate: "quarantined == 0 && in_doubt == 0", after: [backup] }
      - { step: cab, title: Go for the night?, owner: lead, approval: true }
  - phase: waves
    title: Waves
    steps:
      - { step: move, title: Move the pilot, do: { run: pilot } }
"""
PEOPLE = "people: { lead: Priya, ops: Ben }\n"
SHORT = """
runbook: short
phases:
  - phase: waves
    title: Waves
    steps:
      - { step: move, title: Move the pilot, do: { run: pilot } }
      - { step: look, title: Look at it, owner: ops, after: [move] }
"""


def test_it_opens_on_what_needs_a_person_and_shows_who_when_and_what_is_wanted(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3")
        await seat.sees("1 Readiness", "0 of 5", "open", "2 Waves", "0 of 1", "waiting")
        await seat.sees("☐ ready", "lead (Priya)", "1 h 30 min", "evidence   the ticket", "Space ticks it")
        await seat.press("j")
        await seat.sees("into the vault", "ops (Ben)")
        await seat.press("j")
        await seat.sees("☐ notice (ready)", "It waits for what comes before it")

    with at_work(tmp_path, book=BOOK, people=PEOPLE) as it:
        seated(it, work)


def test_a_tick_asks_for_the_evidence_that_is_wanted_and_is_done_at_once_where_none_is(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "space")
        await seat.sees("notice is done?", "The note must hold: the ticket")
        await seat.type("")
        await seat.sees("Say it in a few words")
        await seat.press("escape")
        assert seat.step("notice").state == "ready", "Esc leaves everything as it is"
        await seat.press("space")
        await seat.type("CHG 4711")
        await seat.comes_to(lambda: seat.step("notice").state == "done", "the notice is done")
        await seat.press("up")
        await seat.sees("✔ done", "ana@jump1", "note       CHG 4711")
        assert (seat.step("notice").by, seat.step("notice").note) == ("ana@jump1", "CHG 4711")
        await seat.press("home", "down", "space")
        await seat.comes_to(lambda: seat.step("backup").state == "done", "the backup is done, nobody asked")

    with at_work(tmp_path, book=BOOK) as it:
        seated(it, work)


def test_the_screen_shows_the_engines_refusal_and_not_its_own_wish(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "home", "j", "j", "space")
        await seat.comes_to(lambda: "comes after notice" in seat.message, "the refusal")
        assert seat.step("later").state == "waiting"

    with at_work(tmp_path, book=BOOK) as it:
        seated(it, work)


def test_a_gate_shows_its_sentence_the_live_facts_and_whether_each_holds(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "home", "j", "space")
        await seat.comes_to(lambda: seat.step("backup").state == "done", "it is the gate's turn")
        await seat.press("j", "j")
        await seat.sees(
            "quarantined == 0 && in_doubt == 0", "✘ quarantined is 2: does not hold", "✔ in_doubt is 0: holds"
        )
        await seat.sees("■ blocked", "Nothing is set aside: quarantined is 2")
        await seat.press("space")
        await seat.comes_to(lambda: "passes by itself when it holds" in seat.message, "what a gate is")

    with at_work(tmp_path, odd(12, [1, 2]), book=BOOK) as it:
        ran(it)
        seated(it, work, (120, 40))


def test_a_no_go_needs_a_reason_and_holds_the_phase_until_somebody_says_go(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "n")
        await seat.comes_to(lambda: "no approval" in seat.message, "only an approval has a no-go")
        await seat.press("end", "up", "n")
        await seat.sees("No-go at cab: why?")
        await seat.type("the vendor is away")
        await seat.comes_to(lambda: seat.step("cab").note == "the vendor is away", "no-go")
        assert seat.step("cab").state == "blocked"
        await seat.sees("no-go", "the vendor is away")
        await seat.press("space")
        await seat.sees("Go at cab?")
        await seat.type("")
        await seat.comes_to(lambda: seat.step("cab").state == "done", "go")

    with at_work(tmp_path, book=BOOK) as it:
        seated(it, work)


def test_a_skip_wants_a_reason_and_lets_go_on_what_comes_after(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "x")
        await seat.sees("Skip notice: why?")
        await seat.type("")
        await seat.sees("Say it in a few words")
        await seat.type("was sent yesterday")
        await seat.comes_to(lambda: seat.step("notice").state == "skipped", "skipped")
        assert seat.step("notice").note == "was sent yesterday"
        await seat.comes_to(lambda: seat.step("later").state == "ready", "what comes after is ready")

    with at_work(tmp_path, book=BOOK) as it:
        seated(it, work)


def test_an_automatic_step_shows_what_it_does_and_starts_when_its_waves_name_is_typed(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "space")
        await seat.comes_to(lambda: "press S" in seat.message, "how it is started")
        await seat.press("S")
        await seat.sees(
            "Start move",
            "cutover run --wave pilot",
            "pilot: 12 records, left:paper → right:issue",
            "Type pilot and Enter",
        )
        await seat.type("yes")
        await seat.sees("That is not pilot. Nothing was done.")
        assert seat.step("move").state == "ready"
        await seat.type("pilot")
        await seat.comes_to(lambda: seat.step("move").state == "done", "the pilot is moved")
        await seat.press("S")
        await seat.comes_to(lambda: "is done" in seat.message, "it is not started twice")
        assert it.status() is not None

    with at_work(tmp_path, book=SHORT) as it:
        seated(it, work)


def test_a_migration_without_a_runbook_says_how_to_get_one(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3")
        await seat.sees("This migration has no runbook.", "runbook: runbook.yaml")
        await seat.press("space", "n", "x", "S", "down", "G")
        await seat.sees("This migration has no runbook.")

    with at_work(tmp_path) as it:
        seated(it, work)


def test_the_selected_step_and_its_detail_are_in_sight_at_every_size(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("3", "end")
        await seat.sees("Move the pilot", "the engine does it", "cutover run --wave pilot")
        await seat.resize(40, 10)
        for size in ((60, 14), (80, 24), (120, 40), (200, 60)):
            await seat.resize(*size)
            await seat.press("home")
            await seat.sees("1 Readiness", "Send the freeze notice", "evidence   the ticket", "Space ticks it")
            await seat.press("end")
            await seat.sees("cutover run --wave pilot")

    with at_work(tmp_path, book=BOOK) as it:
        seated(it, work)
