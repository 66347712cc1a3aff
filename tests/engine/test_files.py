"""Files as a source: no feed in a CSV, and still nothing is missed when the wave runs again."""

import os
from pathlib import Path

from tests.engine.memory_migration import go, night, write

BOOK = """
playbook: b
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields: { title: short_description }
waves:
  - { wave: all, filters: { incident: "" }, chunk: 2 }
"""


def export(folder: Path, rows: dict[str, str]) -> None:
    text = "id,short_description\n" + "".join(f"{key},{title}\n" for key, title in rows.items())
    (folder / "incident.csv").write_text(text)


def test_a_csv_moves_and_its_next_export_is_taken_over(tmp_path: Path) -> None:
    write(tmp_path, playbook=BOOK)
    yaml = (tmp_path / "migration.yaml").read_text()
    old = f'connector: memory, url: "memory:{tmp_path.name}-left", options: {{}}'
    (tmp_path / "migration.yaml").write_text(yaml.replace(old, "connector: file, url: export, options: { key: id }"))
    folder = tmp_path / "export"
    folder.mkdir()
    export(folder, {"a": "one", "b": "two", "c": "three"})

    async def work() -> None:
        async with night(tmp_path) as it:
            status = await it.run()
            assert status.run_outcome == "done", status.waves[0].cause
            export(folder, {"a": "one", "b": "second", "d": "four"})
            later = (folder / "incident.csv").stat().st_mtime + 10
            os.utime(folder / "incident.csv", (later, later))
            status = await it.run("all")
            assert status.run_outcome == "done", status.waves[0].cause
            assert {issue.fields["title"] for issue in it.right.records("issue")} == {"one", "second", "three", "four"}
            assert (status.total.synced, status.total.left) == (3, 1)

    go(work)
