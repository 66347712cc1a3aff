"""What a migration folder becomes, and what is said when it cannot become anything."""

from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.errors import Misconfigured
from engine import planner
from engine.mapping import MappingError
from engine.wire import Plan
from runbooks.errors import LoadError
from tests.engine.memory_migration import PLAYBOOK, fill, go, night, write


def test_what_is_referred_to_goes_first_and_circles_do_no_harm(tmp_path: Path) -> None:
    book = """
playbook: b
entities:
  - entity: case
    source: { system: left, entity: case }
    target: { system: right, entity: case }
    fields: { title: t }
    references: [{ from: account, to: account, link: Belongs }]
  - entity: account
    source: { system: left, entity: account }
    target: { system: right, entity: account }
    fields: { title: t }
    references: [{ from: owner, to: person, link: Owns }, { from: main_case, to: case, link: Main }]
  - entity: person
    source: { system: left, entity: person }
    target: { system: right, entity: person }
    fields: { title: t }
waves:
  - { wave: last, after: [first], filters: { case: "" } }
  - { wave: first, filters: { case: "", account: "", person: "" } }
"""
    write(tmp_path, playbook=book)

    async def work() -> None:
        async with night(tmp_path) as it:
            waves = it.conductor.assembly.waves
            assert list(waves) == ["first", "last"]
            assert [part.flow.name for part in waves["first"].parts] == ["person", "account", "case"]

    go(work)


def test_a_plan_counts_what_each_wave_would_move_and_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    fill(memory.store(f"{tmp_path.name}-left"))

    async def work() -> None:
        async with night(tmp_path) as it:
            plan = await planner.plan(it.conductor.assembly, it.ledger)
            assert [(wave.wave, wave.records, wave.entities[0].chunks) for wave in plan.waves] == [
                ("pilot", 15, 2),
                ("rest", 57, 6),
            ]
            assert plan.waves[0].seconds_low is None, "a time was guessed before anything was measured"
            assert it.right.count("issue") == 0
            assert Plan.model_validate_json(plan.model_dump_json()) == plan

    go(work)


def test_a_plan_knows_the_time_once_a_wave_was_measured(tmp_path: Path) -> None:
    write(tmp_path)
    fill(memory.store(f"{tmp_path.name}-left"), 400, bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            rest = (await planner.plan(it.conductor.assembly, it.ledger)).waves[1]
            assert rest.seconds_low is not None
            assert rest.seconds_high is not None
            assert 0 < rest.seconds_low < rest.seconds_high

    go(work)


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (
            lambda y, b: (y.replace("connector: memory", "connector: memroy", 1), b),
            Misconfigured,
            "Did you mean memory",
        ),
        (lambda y, b: (y, b.replace("title: short_description", "title: { cel: 'a +' }")), MappingError, "book.yaml:8"),
        (lambda y, b: (y, b.replace("system: left", "system: lft")), LoadError, "left"),
        (lambda y, b: (y.replace("migration: rehearsal", "migration: [1"), b), LoadError, "migration.yaml:"),
    ],
)
def test_what_is_wrong_with_a_folder_is_told_with_its_place_or_the_right_word(
    tmp_path: Path, spoil: object, error: type[Exception], says: str
) -> None:
    write(tmp_path)
    files = [tmp_path / "migration.yaml", tmp_path / "book.yaml"]
    for path, text in zip(files, spoil(*(path.read_text() for path in files)), strict=True):  # type: ignore[operator]
        path.write_text(text)

    async def work() -> None:
        async with night(tmp_path):
            pytest.fail("it was assembled all the same")

    with pytest.raises(error, match=says):
        go(work)


def test_a_mapping_is_read_anew_by_each_run_and_every_run_records_what_it_ran(tmp_path: Path) -> None:
    write(tmp_path)
    fill(memory.store(f"{tmp_path.name}-left"), bad=0)

    async def work() -> None:
        async with night(tmp_path) as it:
            first = (await it.run("pilot")).waves[0].playbook
            (tmp_path / "book.yaml").write_text(PLAYBOOK.replace("title: short_description", "title: state"))
            second = (await it.run("rest")).waves[1].playbook
            assert first != second
            assert {issue.fields["title"] for issue in it.right.records("issue")} > {"1", "2", "6"}

    go(work)
