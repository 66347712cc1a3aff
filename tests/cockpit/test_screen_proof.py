"""The proof of one wave, on a real engine: rules, drift, a second opinion, and the signature that ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.preview import Preview
from cockpit.screens.base import Station
from engine.wire import Receipt, RuleResult, Run, SignOff, VerifyFinding, VerifyReport, WaveStatus
from tests.cockpit import pictures
from tests.cockpit.desk import HOSTILE, OBEYED, SLOW, Desk
from tests.cockpit.seat import Seat, at_work, ran, seated
from tests.cockpit.test_cockpit_frame import a_night, refuses_when_old, watched
from tests.cockpit.test_proof_verbs import RULES


def of(it: Desk, name: str) -> WaveStatus:
    status = it.status()
    assert status is not None
    return next(wave for wave in status.waves if wave.wave == name)


def with_rules(it: Desk, rules: str = RULES) -> None:
    book = it.folder / "book.yaml"
    book.write_text(book.read_text() + rules)


def test_a_wave_is_signed_after_its_counts_and_rules_were_seen_and_its_name_was_typed(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "8")
        await seat.sees(
            "pilot", "✔ can be signed: O", "paper: 12 = 12 synced", "1 of 2 fails", "▲ all have an owner",
            "12 checked, 6 fail", "such as K000, K002", "✔ urgent ones are high", "desk", "drift", "✔ none",
            "not asked yet: y verifies",
        )  # fmt: skip
        await seat.press("O")
        await seat.sees("Sign pilot off", "Manifest: manifests/pilot-1.json", "paper: 12 = 12 synced",
                        "all have an owner", "Type pilot and Enter")  # fmt: skip
        await seat.type("rest")
        await seat.sees("That is not pilot. Nothing was done.")
        assert of(it, "pilot").state == "awaiting_sign_off"
        await seat.type("pilot")
        await seat.sees(
            "✔ signed off", "Signed: manifests/pilot-1.json", "cutover manifest verify manifests/pilot-1.json"
        )
        assert (it.folder / "manifests" / "pilot-1.json").exists()
        assert of(it, "pilot").state == "signed_off"
        await seat.press("O")
        await seat.sees("it is signed off already", "Esc leaves everything as it is.")
        await seat.press("escape", "l")
        await seat.sees("rest", "‹ 2 of 2 ›")

    with at_work(tmp_path) as it:
        with_rules(it)
        ran(it)
        seated(it, work, (120, 40))


def test_where_a_gate_fails_a_reason_is_wanted_and_the_manifest_keeps_it(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.sees("ATTENTION", "gate: owned", "Press 8.")
        await seat.press("down", "8")
        await seat.sees("▲ only with a reason: O", "✘ all have an owner", "gate")
        await seat.press("O")
        await seat.sees("▲ the rule owned fails", "Say why it is signed all the same")
        await seat.type("owners come later")
        await seat.sees("Reason: owners come later", "Type pilot and Enter")
        await seat.press("escape")
        assert of(it, "pilot").state == "needs_human"
        await seat.press("O")
        await seat.sees("Say why it is signed all the same")
        await seat.type("owners come later")
        await seat.type("pilot")
        await seat.sees("✔ signed off")
        assert "owners come later" in (it.folder / "manifests" / "pilot-1.json").read_text()

    with at_work(tmp_path) as it:
        with_rules(it, RULES.replace("owned,", "owned, gate: true,"))
        ran(it)
        seated(it, work)


def test_v_asks_the_rules_again_as_the_playbook_has_them_now(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "8")
        await seat.sees("none was asked")
        await seat.press("v")
        await seat.comes_to(lambda: "No rule was asked" in seat.message, "it has none")
        with_rules(it)
        await seat.press("v")
        await seat.comes_to(lambda: "1 rule fails, 1 holds." in seat.message, "they were asked")
        await seat.sees("▲ all have an owner", "12 checked, 6 fail")

    with at_work(tmp_path) as it:
        ran(it)
        seated(it, work)


def test_y_has_it_verified_by_other_code_and_shows_what_that_says(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "8")
        await seat.sees("not asked yet")
        await seat.press("y")
        await seat.sees("Verify pilot", "Reads both systems by a way of its own")
        await seat.type("a few")
        await seat.comes_to(lambda: "is no number of records" in seat.message, "no such sample")
        await seat.press("y")
        await seat.type("")
        await seat.sees("✔ nothing differs", "paper: 12 read = 12 compared; no difference", "By ana@jump1")
        await seat.press("colon", *"verify", "enter")
        await seat.sees("Verify pilot")

    with at_work(tmp_path) as it:
        ran(it)
        seated(it, work)


def test_a_wave_that_has_not_run_cannot_be_signed_and_says_why(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("O")
        await seat.sees("Select one wave: a signature is for one wave.")
        await seat.press("down", "O")
        await seat.sees("✘", "cutover run --wave pilot", "Esc leaves everything as it is.")
        await seat.type("pilot")
        assert isinstance(seat.app.screen, Preview), "there is nothing to agree to"
        await seat.press("escape", "8")
        assert isinstance(seat.app.screen, Station)
        await seat.sees("✘ cannot be signed yet")

    with at_work(tmp_path) as it:
        seated(it, work)


def test_a_wave_at_work_is_not_signed(tmp_path: Path) -> None:
    async def work(seat: Seat) -> None:
        await seat.press("down", "8", "O")
        await seat.sees("part of the run that goes on", "Esc leaves everything as it is.")
        await seat.press("escape")

    with at_work(tmp_path, 200, target=SLOW) as it:
        it.client.post("/run", Receipt, Run(by="ana"))
        seated(it, work)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_hostile_words_of_rules_and_findings_are_written_out(tmp_path: Path, size: tuple[int, int]) -> None:
    night = a_night()
    proven = pictures.proven()
    sign, report = proven["/sign"], proven["/verify"]
    assert isinstance(sign, SignOff) and isinstance(report, VerifyReport)
    rule: RuleResult = pictures.rule_result(
        HOSTILE, HOSTILE, "warning", failed=1, sample=[HOSTILE], note=HOSTILE, owner=HOSTILE
    )
    night.replies["/sign"] = sign.model_copy(update={"rules": [rule], "despite": [HOSTILE], "note": HOSTILE})
    finding = VerifyFinding(entity="incident", key=HOSTILE, kind="changed", field=HOSTILE, root=HOSTILE, by=HOSTILE)
    said = report.waves[0].model_copy(update={"findings": [finding], "disagrees_with_reconcile": [HOSTILE]})
    night.replies["/verify"] = report.model_copy(update={"waves": [said], "problem": HOSTILE})

    async def look(seat: Seat) -> None:
        await seat.press("down", "down", "8")
        await seat.sees("\\x1b[31malert")
        assert not [sign for sign in OBEYED if sign in seat.text]
        await seat.press("end")
        assert not [sign for sign in OBEYED if sign in seat.text]
        await seat.press("O")
        await seat.sees("Manifest: manifests/emea-1.json")
        assert not [sign for sign in OBEYED if sign in seat.text]

    watched(tmp_path, night, size, look)


def test_an_old_proof_screen_asks_signs_and_undoes_nothing(tmp_path: Path) -> None:
    night = a_night()

    async def look(seat: Seat) -> None:
        await seat.press("8")
        await seat.sees("only with a reason: O", "second opinion")
        await refuses_when_old(seat, night)
        assert "only with a reason: O" in seat.text, "what was known stays in sight"

    watched(tmp_path, night, (120, 40), look)


def test_what_was_asked_stands_beside_what_is_signed_where_there_is_room(tmp_path: Path) -> None:
    async def look(seat: Seat) -> None:
        await seat.press("8")
        await seat.sees("sign-off", "second opinion")
        lines = seat.text.splitlines()
        assert any("sign-off" in line and "rules" in line for line in lines)
        assert not any("sign-off" in line and "second opinion" in line for line in lines)
        await seat.resize(120, 40)
        await seat.comes_to(lambda: not any("sign-off" in line and "rules" in line for line in seat.text.splitlines()),
                            "below each other where there is none")  # fmt: skip

    watched(tmp_path, a_night(), (200, 60), look)
