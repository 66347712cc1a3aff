"""One record on trial: what it would become, with what hangs on it, and nothing is sent."""

from __future__ import annotations

from pathlib import Path

from cockpit.trial import trial_lines
from engine.trial import try_record
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write


def test_comments_of_the_record_are_tried_with_it_and_one_that_is_refused_says_why(tmp_path: Path) -> None:
    async def work() -> None:
        once = "{ from: text, map: { called 5 times: once } }"
        write(tmp_path, playbook=PLAYBOOK.replace("fields: { body: text }", f"fields: {{ body: {once} }}"))
        async with night(tmp_path) as it:
            fill(it.left, 10)
            trial = await try_record(it.conductor.assembly, "I0005")
            assert [(child.entity, child.key, child.target) for child in trial.children] == [
                ("incident/comment", "C0005", {"body": "once"}),
                ("incident/comment", "C0015", {}),
            ]
            lines = trial_lines(trial, 80)
            hanging = lines[lines.index("What hangs on it") + 1 :]
            assert hanging == [
                "  ✔ incident/comment C0005: body: once",
                "  ✘ incident/comment C0015: would be quarantined. body: value not in the map",
            ]
            assert it.copies("comment") == {}

    go(work)
