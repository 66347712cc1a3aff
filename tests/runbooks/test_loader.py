"""Loading a folder: everything that is wrong at once, each with its file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.errors import LoadError
from runbooks.loader import load
from tests.runbooks.folder import MIGRATION, PLAYBOOK, change, fresh, line_of, problems


def test_the_librarys_folder_loads_without_a_warning(tmp_path: Path) -> None:
    migration = load(fresh(tmp_path))
    assert migration.name == "servicenow-to-jira" and list(migration.systems) == ["servicenow", "jira"]
    assert [wave.wave for wave in migration.playbooks[0].waves] == ["pilot", "emea", "rest"]
    assert migration.systems["jira"].limits.live_share == 0.5
    assert migration.warnings == ()


def test_a_rule_knows_where_it_stands(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    migration = load(folder)
    line = line_of(folder, PLAYBOOK, "customfield_10051:")
    at = ("entities", 0, "fields", "customfield_10051")
    assert migration.where("incidents", at) == f"{folder}/{PLAYBOOK}:{line}:7"
    assert migration.where("incidents", (*at, "cel")) == f"{folder}/{PLAYBOOK}:{line}:33"
    status = line_of(folder, PLAYBOOK, "from: state")
    for way in (("status", "from"), ("status", "rule", "from")):
        assert migration.where("incidents", ("entities", 0, *way)) == f"{folder}/{PLAYBOOK}:{status}:13"
    assert migration.where("", ("systems", "jira", "url")).startswith(f"{folder}/{MIGRATION}:")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    label: number",
            "    lable: number",
            "unknown key 'lable'; expected one of entity, source, target, label",
        ),
        (
            "    label: number",
            "    label: number\n    existing: { mach: a, by: b }",
            "unknown key 'mach'; expected one of match, by; did you mean 'match'?",
        ),
        ("    label: number", "    label: number\n    existing: { match: a }", "missing key 'by': the source field"),
        ("    label: number", "    label: number\n    existing: { match: a, from: b }", "is named by 'by'"),
        ("    label: number", "    label: number\n    existing: yes", "expected a mapping (key: value), found text"),
        ("    label: number", "    label: 12", "expected text, found a number; put it in quotes"),
        ("    label: number", "    label: [a]", "expected text, found a list"),
        ("    label: number", "    filter: active=true", "'filter' goes under 'source'"),
        ("summary: short_description", "summary:", "expected a source field's name or a rule"),
        ("playbook: incidents", "playbok: incidents", "did you mean 'playbook'?"),
        ("playbook: incidents", "", "missing key 'playbook': its name: once in a migration"),
        ("playbook: incidents", "playbook: my incidents", "expected a name of up to 64 characters, without spaces"),
        ("rich_text: { from: plain,", "rich_text: { from: plane,", "found 'plane'; did you mean 'plain'?"),
        ("person: true, else: drop }\n      assignee", "person: yes, else: drop }\n      assignee", "expected true"),
        ("target: { system: jira,", "target: { system: jra,", "unknown system 'jra'; expected one of servicenow, jira"),
        (
            "        to: incident",
            "        to: incidents",
            "unknown entity 'incidents'; expected one of incident; did you",
        ),
        ("        link: Relates", "", "becomes a 'link' or a 'field', and neither is given"),
        ("        link: Relates", "        link: Relates\n        field: parent", "and both are given"),
        (
            "    after: [pilot]",
            "    after: [pillot]",
            "unknown wave 'pillot'; expected one of pilot, emea, rest; did you",
        ),
        ("    after: [pilot]", "    after: pilot", "expected a list (lines that begin with '-'), found text"),
        ("    after: [pilot]", "    after: [rest]", "the waves wait for each other: emea → rest → emea"),
        ("    after: [pilot]", "    after: [emea]", "the waves wait for each other: emea → emea"),
        ("  - wave: emea", "  - wave: pilot", "the wave 'pilot' is named already at"),
        ('      incident: ""', '      incidents: ""', "unknown entity 'incidents'"),
        ('    filters:\n      incident: ""', "    filters: {}", "expected at least one entry, found none"),
        ("    after: [emea]", "    chunk: 0", "expected a number greater than or equal to 1"),
        ("    after: [emea]", '    chunk: "500"', "expected a whole number, found text; take quotes and units away"),
        ("        target: attachment", "        target: attachment\n        name: sys_journal_field", "the child"),
    ],
)
def test_a_mistake_in_a_playbook_is_told_with_what_was_expected(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, old, new)
    found = problems(folder)
    assert any(told in each for each in found), found
    assert all(each.startswith(f"{PLAYBOOK}:") for each in found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("      concurrency: 8", "      concurency: 8", "unknown key 'concurency'; expected one of concurrency,"),
        ("      concurrency: 8", "      concurrency: eight", "expected a whole number, found text"),
        ("      concurrency: 8\n      live_share: 50%", "      live_share: 50", "such as 50%"),
        ("      concurrency: 8\n      live_share: 50%", "      live_share: 100%", "from 0% to 95%"),
        ("    connector: jira", "", "missing key 'connector': which connector speaks to it"),
        ("    connector: jira", "    connector: jira\n    token: x", "'token' goes under 'auth'"),
        ("playbooks:\n  - playbooks/incidents.yaml", "playbooks: []", "expected at least one entry, found none"),
        ("playbooks:\n", "playbooks:\n  - playbooks/incidents.yaml\n", "is listed twice; take one out"),
        ("playbooks:\n", "playbooks:\n  - playbooks/x.yaml\n", "there is no such file; its folder has incidents.yaml"),
        ("playbooks:\n", "playbooks:\n  - playbooks\n", "this is a folder; expected a YAML file"),
        ("playbooks:\n", f"playbooks:\n  - {'x' * 300}\n", "the file cannot be read: File name too long"),
        ("playbooks:\n", "playbooks:\n  - loop.yaml\n", "the file cannot be read: Too many levels of symbolic links"),
        ("  - playbooks/incidents.yaml", "  - 7", "expected text, found a number"),
        ("migration: servicenow", "window: { from: 2026-11-21 20:00 }\nmigration: servicenow", "missing key 'until'"),
        (
            "migration: servicenow",
            "window: { from: x, until: 2026-11-21 }\nmigration: servicenow",
            "such as 2026-11-21",
        ),
        (
            "migration: servicenow",
            "window: { from: 2026-11-21 20:00, until: 2026-11-21 06:00 }\nmigration: servicenow",
            "the window closes before it opens",
        ),
        (
            "migration: servicenow",
            "window: [{ from: 2026-03-29 03:30, until: 2026-03-30 00:00, zone: Europe/Sofia }]\nmigration: servicenow",
            "2026-03-29 03:30 is skipped by the clocks of Europe/Sofia",
        ),
    ],
)
def test_a_mistake_in_the_migration_is_told_with_what_was_expected(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    folder = fresh(tmp_path)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    change(folder, MIGRATION, old, new)
    found = problems(folder)
    assert any(told in each for each in found), found


def test_a_problem_stands_exactly_where_the_mistake_is(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, "        else: Task", "        els: Task")
    line = line_of(folder, PLAYBOOK, "els: Task")
    assert problems(folder) == [
        f"{PLAYBOOK}:{line}:9: unknown key 'els'; expected one of from, constant, template, cel, list, when, map, "
        "rich_text, date, duration, person, reference, split, join, number, boolean, else, slug, default, mask, "
        "truncate; did you mean 'else'?"
    ]


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, "      concurrency: 4", "      concurrency: x")
    change(folder, MIGRATION, "    connector: jira", "    conector: jira")
    change(folder, PLAYBOOK, "summary: short_description", "summary: { form: a }")
    change(folder, PLAYBOOK, "    after: [pilot]", "    chunk: 0")
    (folder / "playbooks/broken.yaml").write_text("a: 'b\n")
    change(folder, MIGRATION, "playbooks:\n", "playbooks:\n  - playbooks/broken.yaml\n")
    found = problems(folder)
    assert [each.split(":")[0] for each in found] == [MIGRATION] * 3 + ["playbooks/broken.yaml"] + [PLAYBOOK] * 2


def test_a_mistake_inside_a_list_does_not_make_the_list_empty(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, "          - constant: migrated\n", "")
    change(folder, PLAYBOOK, "            slug: true # no spaces", "            slugg: true")
    assert len(problems(folder)) == 1


def test_references_may_point_into_another_playbook_and_names_are_used_once(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    second = (folder / PLAYBOOK).read_text().replace("playbook: incidents", "playbook: problems")
    second = second.replace("- entity: incident\n", "- entity: problem\n").replace("      incident:", "      problem:")
    for wave in ("pilot", "emea", "rest"):
        second = second.replace(f"wave: {wave}", f"wave: p-{wave}")
    (folder / "playbooks/problems.yaml").write_text(second)
    change(
        folder, MIGRATION, "  - playbooks/incidents.yaml", "  - playbooks/incidents.yaml\n  - playbooks/problems.yaml"
    )
    assert [each.name for each in load(folder).playbooks] == ["incidents", "problems"]
    (folder / "playbooks/problems.yaml").write_text((folder / PLAYBOOK).read_text())
    found = problems(folder)
    assert [each.split("' is named")[0].split(": ", 1)[1] for each in found] == [
        "the playbook 'incidents",
        "the entity 'incident",
        "the wave 'pilot",
        "the wave 'emea",
        "the wave 'rest",
    ]


def test_a_reference_rule_deep_inside_others_is_checked(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    deep = "summary: { when: [{ if: a, then: { list: [{ from: b, reference: { to: nowhere } }] } }] }"
    change(folder, PLAYBOOK, "summary: short_description", deep)
    line = line_of(folder, PLAYBOOK, "nowhere")
    assert problems(folder) == [
        f"{PLAYBOOK}:{line}:{7 + deep.index('nowhere')}: unknown entity 'nowhere'; expected one of incident"
    ]


def test_a_folder_that_is_none_is_told_so(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "gone", "does not exist"), (tmp_path / "file", "is a file"), (tmp_path, "no such")):
        if path.name == "file":
            path.write_text("")
        with pytest.raises(LoadError, match=told):
            load(path)


def test_a_warning_does_not_keep_a_folder_from_loading(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, PLAYBOOK, "        else: DESK", "        else: no")
    (warning,) = load(folder).warnings
    assert warning.line == line_of(folder, PLAYBOOK, "else: no") and "else false" in warning.text


def test_windows_open_and_close_in_utc_and_are_never_wider_than_meant(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    window = "window: { from: 2026-10-25 03:30, until: 2026-10-25 03:45, zone: Europe/Sofia }\nmigration: servicenow"
    change(folder, MIGRATION, "migration: servicenow", window)
    assert "the window closes before it opens" in problems(folder)[0]  # that hour comes twice
    change(folder, MIGRATION, "until: 2026-10-25 03:45", "until: 2026-10-25T06:00")
    (only,) = load(folder).windows
    assert only.opens.isoformat() == "2026-10-25T01:30:00+00:00"
    assert only.closes.isoformat() == "2026-10-25T04:00:00+00:00"
