"""The profile of a source: what is wrong is counted, and no value is told unasked."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.contract import FieldInfo, Record
from engine.clock import Clock
from engine.errors import Refused
from engine.profiling import Profiles
from engine.sketches import Distinct, Keys, Lengths
from engine.spread import Spread
from engine.wire import Profile, ProfiledEntity, ProfileReport
from tests.engine.memory_migration import Night, go, night, write

_BOOK = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    label: number
    defects:
      - { defect: p5, about: there is no five, when: { priority: "5" }, set: { priority: "4" } }
    fields:
      title: short_description
      priority: { from: priority, map: { "1": high, "4": low }, else: drop }
      kind: { from: kind, map: { a: A } }
    status: { from: state, map: { "1": open } }
    children:
      - { entity: note, target: comment, body: { from: text } }
      - { entity: file, target: attachment }
    references:
      - { from: parent, to: incident, link: Relates }
      - { from: problem, to: problem, link: Causes }
  - entity: problem
    source: { system: left, entity: problem }
    target: { system: right, entity: defect }
    fields: { title: title }
waves:
  - { wave: pilot, filters: { incident: "region = EMEA" } }
  - { wave: rest, filters: { incident: "", problem: "" } }
"""


def fill(folder: Path, n: int = 200) -> None:
    store = memory.store(f"{folder.name}-left")
    for at in range(n):
        store.put(
            "incident",
            f"I{at:04}",
            {
                "number": f"INC{at:04}" if at != 7 else "INC0006",
                "short_description": f"printer {at}" if at >= 10 else "",
                "priority": "1" if at % 2 else "4",
                "kind": "a",
                "state": "1",
                "region": "EMEA" if at < 40 else "AMER",
                "parent": f"I{at - 1:04}" if at % 10 == 9 else "",
                "problem": "P1" if at % 10 == 5 else "",
            },
        )
    store.put("problem", "P1", {"title": "the network"})
    for at in range(50):
        store.put("note", f"N{at:03}", {"text": f"called {at} times" if at else ""}, parent=f"I{at // 5:04}")
    for at in range(4):
        named = {"file_name": f"{at}.png", "size_bytes": str(at * 1_000), "content_type": "image/png"}
        store.put("file", f"F{at}", named if at < 3 else {}, parent="I0001")


def spoil(folder: Path, key: str, **fields: object) -> None:
    store = memory.store(f"{folder.name}-left")
    record = store.get("incident", key)
    assert record is not None
    store.put("incident", key, {**record.fields, **fields})


async def profiled(it: Night, *, plainly: bool = False, **asked: object) -> ProfileReport:
    profiles = Profiles(it.conductor, it.ledger, Clock())
    await profiles.profile(Profile(by="ana", **asked))  # type: ignore[arg-type]
    while profiles.busy:
        await asyncio.sleep(0.005)
    report = profiles.report(plainly=plainly)
    assert not report.problem, report.problem
    return report


def seen(folder: Path, *, plainly: bool = False, **asked: object) -> dict[str, ProfiledEntity]:
    found: dict[str, ProfiledEntity] = {}

    async def work() -> None:
        async with night(folder) as it:
            report = await profiled(it, plainly=plainly, **asked)
            found.update({each.entity: each for each in report.entities})
            assert it.copies() == {}  # nothing was written

    go(work)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, playbook=_BOOK)
    fill(tmp_path)
    return tmp_path


def test_a_clean_source_has_nothing_to_look_at_but_what_it_has(folder: Path) -> None:
    incident = seen(folder)["incident"]
    assert (incident.records, incident.whole, incident.twice, incident.same_label) == (200, True, 0, 1)
    fields = {field.field: field for field in incident.fields}
    assert set(fields) == {"number", "short_description", "priority", "kind", "state", "parent", "problem"}
    title = fields["short_description"]
    assert (title.empty, title.distinct, title.exact, title.longest) == (10, 190, True, len("printer 199"))
    assert fields["priority"].distinct == 2
    assert [tie.orphans for tie in incident.ties] == [0, 0]
    assert not incident.refused
    assert not any(each.records for each in incident.maps)


def test_values_outside_a_map_are_counted_and_named_only_where_asked_for(folder: Path) -> None:
    for at in range(5):
        spoil(folder, f"I{at:04}", priority="urgent!")
    spoil(folder, "I0009", kind="secret kind")
    incident = seen(folder)["incident"]
    maps = {(each.field, each.target): each for each in incident.maps}
    assert set(maps) == {("priority", "priority"), ("kind", "kind"), ("state", "status")}
    priority = maps["priority", "priority"]
    assert (priority.records, priority.otherwise) == (5, "drop")
    assert [(each.value, each.records) for each in priority.values] == [("u… (7 characters)", 5)]
    assert incident.refused == {"kind: value not in the map": 1}
    assert "secret" not in incident.model_dump_json()
    spoil(folder, "I0020", kind="x")
    assert [each.value for each in seen(folder)["incident"].maps[1].values] == ["s… (11 characters)", "… (1 character)"]
    spoil(folder, "I0020", kind="a")
    shown = seen(folder, plainly=True)["incident"]
    assert [each.value for each in shown.maps[1].values] == ["secret kind"]
    assert b"secret kind" not in b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


def test_of_a_very_long_value_the_beginning_is_held(folder: Path) -> None:
    spoil(folder, "I0009", kind="x" * 1_000_000)
    assert [each.value for each in seen(folder)["incident"].maps[1].values] == ["x… (1,000,000 characters)"]
    (shown,) = seen(folder, plainly=True)["incident"].maps[1].values
    assert shown.value == "x" * 200 + "… (1,000,000 characters)"


def test_a_known_defect_is_counted_and_its_remedy_is_what_the_rules_see(folder: Path) -> None:
    spoil(folder, "I0001", priority="5")
    incident = seen(folder)["incident"]
    assert incident.defects == {"p5": 1}
    assert not any(each.records for each in incident.maps)


def test_damaged_text_is_counted_by_what_happened_to_it(folder: Path) -> None:
    spoil(folder, "I0011", short_description="caf\ufffd")
    spoil(folder, "I0012", short_description="cafÃ© zu")
    spoil(folder, "I0013", short_description="itâ€™s")
    spoil(folder, "I0014", short_description="nul\x00nul")
    spoil(folder, "I0015", short_description="Ça va, São Paulo, 5 £, Ã, â")
    title = next(field for field in seen(folder)["incident"].fields if field.field == "short_description")
    assert (title.replaced, title.mojibake, title.nul) == (1, 2, 1)


def test_references_that_lead_out_of_what_moves_are_orphans(folder: Path) -> None:
    spoil(folder, "I0009", parent="I9999")
    spoil(folder, "I0015", problem="P2")
    ties = {tie.to: tie for tie in seen(folder)["incident"].ties}
    assert (ties["incident"].references, ties["incident"].orphans, ties["incident"].by) == (20, 1, "scope")
    assert (ties["problem"].references, ties["problem"].orphans, ties["problem"].by) == (20, 1, "scope")


def test_where_not_all_was_read_the_source_is_asked_for_the_other_end(folder: Path) -> None:
    spoil(folder, "I0015", problem="P2")
    found = seen(folder, entity="incident", wave="pilot", children=False)
    incident = found["incident"]
    assert (list(found), incident.records) == (["incident"], 40)
    (problem,) = (tie for tie in incident.ties if tie.to == "problem")
    assert (problem.looked_up, problem.orphans, problem.by) == (4, 1, "source")


def test_what_hangs_on_records_is_counted_by_the_record(folder: Path) -> None:
    found = seen(folder)
    assert list(found) == ["incident", "incident/note", "incident/file", "problem"]
    notes, files = found["incident/note"], found["incident/file"]
    assert (notes.records, notes.whole, notes.twice) == (50, True, 0)
    assert notes.hanging is not None
    assert files.hanging is not None
    assert (notes.hanging.of, notes.hanging.bare, notes.hanging.median, notes.hanging.most) == (200, 190, 0, 5)
    assert (notes.hanging.empty, notes.hanging.astray, notes.hanging.files) == (1, 0, None)
    (text,) = notes.fields
    assert (text.field, text.empty, text.longest) == ("text", 1, len("called 49 times"))
    assert (files.hanging.of, files.hanging.bare, files.hanging.most, files.hanging.empty) == (200, 199, 4, 1)
    of = files.hanging.files
    assert of is not None
    assert (of.size, of.largest, of.unsized, of.kinds) == (3_000, 2_000, 1, {"image": 3, "unknown": 1})
    assert found["incident"].hanging is None


def test_of_a_wave_or_a_sample_what_hangs_on_its_records_is_read(folder: Path) -> None:
    found = seen(folder, wave="pilot", entity="incident")
    assert {name: each.records for name, each in found.items()} == {
        "incident": 40,
        "incident/note": 50,
        "incident/file": 4,
    }
    sampled = seen(folder, sample=50)["incident/note"]
    assert sampled.hanging is not None
    assert (sampled.hanging.of, sampled.whole) == (50, False)


def test_what_hangs_on_nothing_that_was_asked_for_is_astray_and_no_type_is_told_but_of_known_names() -> None:
    spread = Spread(files=True)
    of = {"size": 7, "mimeType": "secret/thing"}
    spread.add(["A", "B"], [Record("1", "1", of, "A"), Record("2", "1", of, "C")])
    told = spread.told()
    assert (told.of, told.bare, told.most, told.astray) == (2, 1, 1, 1)
    assert told.files is not None
    assert (told.files.size, told.files.kinds) == (14, {"other": 2})


def test_a_sample_comes_from_everywhere_and_says_that_it_is_one(folder: Path) -> None:
    incident = seen(folder, sample=50)["incident"]
    assert (incident.records, incident.whole) == (50, False)


def test_a_text_longer_than_the_target_takes_is_counted(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK)
    fill(tmp_path)
    memory.store(f"{tmp_path.name}-right").declare("issue", [FieldInfo("title", "Title", "string", max_length=20)])
    spoil(tmp_path, "I0020", short_description="a printer that has very much to say")
    (title,) = seen(tmp_path)["incident"].lengths
    assert (title.target, title.limit, title.records, title.longest) == ("title", 20, 1, 35)


def test_a_name_that_does_not_exist_is_refused_with_the_nearest(folder: Path) -> None:
    async def work() -> None:
        async with night(folder) as it:
            with pytest.raises(Refused, match="Did you mean incident"):
                await profiled(it, entity="incidents")
            with pytest.raises(Refused, match="Did you mean pilot"):
                await profiled(it, wave="pilots")
            with pytest.raises(Refused, match="Wave pilot moves no problem"):
                await profiled(it, wave="pilot", entity="problem")

    go(work)


def test_a_source_that_fails_ends_the_profile_with_its_words(tmp_path: Path) -> None:
    write(tmp_path, playbook=_BOOK, source="{ faults: [{ kind: unavailable, call: read, times: 100 }] }")
    fill(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            profiles = Profiles(it.conductor, it.ledger, Clock())
            await profiles.profile(Profile(by="ana"))
            while profiles.busy:
                await asyncio.sleep(0.005)
            report = profiles.report()
            assert report.problem.startswith("The profile did not come to its end")
            assert not any(each.whole for each in report.entities)

    go(work)


# ---------------------------------------------------------------- sketches


@pytest.mark.parametrize("n", [0, 1, 1_000, 20_000])
def test_different_values_are_counted_exactly_when_few_and_closely_when_many(n: int) -> None:
    distinct = Distinct()
    for at in range(2 * n):
        distinct.add(f"value {at % n}")
    counted, exact = distinct.count()
    assert exact == (n < 4_096)
    assert abs(counted - n) <= (0 if exact else 0.05 * n)


def test_the_median_length_is_close_and_the_longest_exact() -> None:
    chance, lengths = random.Random(1), Lengths()
    some = [round(chance.lognormvariate(6, 1)) for _ in range(5_001)]
    for each in some:
        lengths.add(each)
    assert lengths.longest == max(some)
    assert abs(lengths.median() - sorted(some)[2_500]) <= 0.1 * sorted(some)[2_500]


def test_keys_know_what_came_before_and_what_is_not_among_others() -> None:
    some, others = Keys(), Keys()
    for key in ("a", "b", "b", "c"):
        some.add(key)
    for key in ("a", "b"):
        others.add(key)
    assert (len(some), some.again(), some.not_in(others), others.not_in(some)) == (4, 1, 1, 0)
    assert Keys().not_in(some) == 0
