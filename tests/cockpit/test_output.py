"""What reaches an eye: no control character of a record, no sign that cannot be shown, no unwanted colour."""

from __future__ import annotations

import json
from pathlib import Path

from cockpit.format import neutral
from engine.wire import Receipt, Run
from tests.cockpit.desk import HOSTILE, OBEYED, Desk, desk

REFUSING = "{ faults: [{ kind: reject, call: create, cause: CAUSE, field: FIELD }] }"


def every_verb(it: Desk, **env: str) -> str:
    verbs = ["status", "plan", "check", "log", "quarantine list", "quarantine show K1", "map try --record K1"]
    said = [it.type(*verb.split(), env=env) for verb in verbs]
    return "".join(one.out + one.err for one in said)


def hostile_desk(folder: Path):  # type: ignore[no-untyped-def]
    """Everything that others write is hostile: values, the vendor's words, names of fields, a reason, our own name."""
    target = REFUSING.replace("CAUSE", json.dumps("no: " + HOSTILE)).replace("FIELD", json.dumps(HOSTILE))
    return desk(folder, [{"id": "K1", "number": 1, "title": HOSTILE, HOSTILE: HOSTILE, "priority": "1"}], target=target)


def test_hostile_text_becomes_visible_text_wherever_it_is_printed(tmp_path: Path) -> None:
    with hostile_desk(tmp_path / "m") as it:
        run = it.type("run", env={"SUDO_USER": HOSTILE.replace("\x07", "")})
        held = it.type("pause", "--reason", HOSTILE)
        shown = run.out + run.err + held.out + every_verb(it)
        assert not any(sign in shown for sign in OBEYED)
        assert "\\x1b[31malert" in shown
        assert "\\u202etxt.exe" in shown
        refused = it.type("run", "--wave", HOSTILE)
        assert "There is no wave red \\x1b[31m" in refused.err


def test_what_nobody_sees_becomes_visible_and_what_whole_scripts_need_stays() -> None:
    assert neutral("a\u200bb\u2060c\u00add\ufeffe") == "a\\u200bb\\u2060c\\xadd\\ufeffe"
    joined = "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f4bb"
    assert neutral(joined) == joined


def test_a_list_of_verbs_fits_eighty_columns_and_says_each_to_its_end(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 1) as it:
        for verb in ("", "quarantine", "map", "manifest", "drift", "runbook"):
            said = it.type(*verb.split(), "--help", env={"COLUMNS": "80"}).out
            shortened = [line for line in said.splitlines() if line.endswith("...") and "Usage:" not in line]
            assert not shortened, verb
            assert max(map(len, said.splitlines())) <= 80


def test_hostile_text_stays_text_on_a_real_terminal_too(tmp_path: Path) -> None:
    with hostile_desk(tmp_path / "m") as it:
        assert it.type("run").code == 0
        for words in (["map", "try", "--record", "K1"], ["quarantine", "list"]):
            with it.screen(*words) as screen:
                screen.process.wait(30)
                screen.read_to_the_end()
                assert "\\x1b" in screen.text
                assert not any(sign in screen.text for sign in OBEYED)


def test_markup_in_a_value_is_no_markup(tmp_path: Path) -> None:
    value = "[red]x[/blue] :smile: \\["
    with (
        desk(tmp_path / "m", [{"id": "K1", "title": value, "priority": "1"}]) as it,
        it.screen("map", "try", "--record", "K1") as screen,
    ):
        assert screen.process.wait(30) == 0
        screen.read_to_the_end()
        assert value in screen.text


def test_where_only_ascii_can_be_shown_signs_have_an_ascii_form(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{"id": "K1", "number": 1, "title": "日本", "priority": "1"}]) as it:
        assert it.type("run").code == 0
        for env in ({"PYTHONIOENCODING": "ascii"}, {"LANG": "C"}, {"LC_ALL": "POSIX"}):
            status = it.type("status", env=env)
            assert status.out.isascii()
            assert "+ awaiting sign off" in status.out
            assert "Sum 1 = 1 synced" in status.out
        trial = it.type("map", "try", "--record", "K1", env={"PYTHONIOENCODING": "ascii"})
        assert (trial.code, "\\u65e5\\u672c" in trial.out) == (0, True)


def test_colour_is_for_terminals_that_want_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        assert it.type("run").code == 0
        assert "\x1b" not in it.type("status", env={"TERM": "xterm-256color"}).out
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            with it.screen("status", **env) as screen:
                assert screen.process.wait(30) == 0
                screen.read_to_the_end()
                assert "✔" in screen.text
                assert ("\x1b[32m" in screen.text) is coloured


def test_a_trial_fits_eighty_columns_whatever_the_record_holds(tmp_path: Path) -> None:
    big = {"id": "K1", "title": "長い題名 " * 90, "priority": "1", "notes": {"a": ["x" * 500]}}
    with desk(tmp_path / "m", [big]) as it:
        for columns in (80, 120):
            said = it.type("map", "try", "--record", "K1", env={"COLUMNS": str(columns)})
            assert said.code == 0
            assert max(map(len, said.out.splitlines())) <= columns
            assert "book.yaml:9:14" in said.out


def test_a_hold_is_told_with_its_reason_and_what_lifts_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        told = it.type("pause", "--wave", "pilot", "--reason", "the vendor calls")
        assert "Wave pilot is held." in told.out
        assert "Go on: cutover resume --wave pilot" in told.out
        it.client.post("/run", Receipt, Run(by="ana"))
        status = it.type("status").out
        assert "⏸ held" in status
        assert "pilot is held by" in status
        assert "the vendor calls → cutover resume --wave pilot" in status


def test_neutral_text_is_left_alone_and_obeyed_text_is_written_out() -> None:
    assert neutral("Größe 日本 🙂 e\u0301 שלום") == "Größe 日本 🙂 e\u0301 שלום"
    assert neutral("a\x1bb\rc\u2066d") == "a\\x1bb\\rc\\u2066d"
