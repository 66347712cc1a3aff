"""ServiceNow, read back: what stands there, whose it is, who else touched it, and how it is put back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.contract import Standing, Write, Written
from connectors.kit.errors import Misconfigured
from connectors.servicenow.connector import ServiceNow
from connectors.servicenow.values import chosen_id
from tests.servicenow.world import double, on, written


def write(number: int, **fields: Any) -> Write:
    return Write(f"X{number:04d}", {"short_description": f"number {number}", **fields})


async def made(connector: ServiceNow, *writes: Write) -> list[str]:
    return written(await connector.create("incident", list(writes)))


async def whole_census(connector: ServiceNow, limit: int) -> list[Standing]:
    found: list[Standing] = []
    rest: str | None = ""
    while rest is not None:
        page = await connector.census("incident", rest, limit)
        found, rest = found + page.standings, page.rest
    return found


PERSON = "6816f79cc0a8016401c5a33be04be441"
SENT = st.fixed_dictionaries(
    {"short_description": st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=150)},
    optional={
        "description": st.lists(st.text("ab ü<&", max_size=20), max_size=4).map("\r\n".join) | st.none(),
        "urgency": st.sampled_from([1, "2", 3.0]),
        "severity": st.sampled_from(["1", 2]) | st.none(),
        "knowledge": st.booleans() | st.none() | st.sampled_from(["true", "1", "0"]),
        "watch_list": st.lists(st.sampled_from([PERSON, "a" * 32, "b" * 32]), max_size=3),
        "assigned_to": st.just(PERSON) | st.just("") | st.none(),
        "due_date": st.datetimes().filter(lambda at: 1970 < at.year < 2100).map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}")
        | st.none(),
        "escalation": st.integers(-5, 10**9),
    },
)


@settings(max_examples=8, deadline=None)
@given(st.lists(SENT, min_size=1, max_size=20))
def test_whatever_is_sent_stands_as_it_was_sent(sent: list[dict[str, Any]]) -> None:
    async def run(connector: ServiceNow) -> None:
        await connector.learn("incident")
        writes = [Write(f"X{number:04d}", one) for number, one in enumerate(sent)]
        for target, one in zip(await made(connector, *writes), writes, strict=True):
            there = (await connector.stand("incident", [target], list(one.fields)))[target]
            assert there.fields == connector.canonical("incident", one.fields)
            assert there.xid == one.xid

    on(double(3), run)


def test_a_correlation_id_of_another_integration_is_not_ours() -> None:
    subject = double(3)
    foreign = subject.write("insert", "incident", fields={"correlation_id": "MON-1"}, user="admin")["sys_id"]
    copied = subject.write("insert", "incident", fields={"correlation_id": "X0001"}, user="admin")["sys_id"]

    async def run(connector: ServiceNow) -> None:
        [mine] = await made(connector, write(1))
        there = await connector.stand("incident", [foreign, copied, mine], [])
        assert [there[key].xid for key in (foreign, copied, mine)] == ["", "", "X0001"]
        assert [one.target for one in await whole_census(connector, 1)] == [mine]
        assert await connector.tally("incident") == 1

    on(subject, run)


def test_a_record_keeps_being_ours_when_its_stamps_are_those_of_the_past() -> None:
    subject = double(3)

    async def run(connector: ServiceNow) -> None:
        [mine] = await made(connector, write(1))
        subject.write("update", "incident", sys_id=mine, fields={"sys_created_by": "ada"}, user="admin", raw=True)
        assert (await connector.stand("incident", [mine], []))[mine].xid == "X0001"
        assert mine == chosen_id("incident", "X0001")

    on(subject, run)


def test_who_changed_a_record_before_us_is_told_by_the_audit() -> None:
    subject = double(3)

    async def run(connector: ServiceNow) -> None:
        one, two, three, four = await made(connector, *(write(number) for number in range(4)))
        subject.write("update", "incident", sys_id=one, fields={"description": "hers"}, user="ada")
        subject.write("update", "incident", sys_id=two, fields={"work_notes": "hers"}, user="ada")
        written(await connector.update("incident", [write(0)._replace(target=one), write(3)._replace(target=four)]))
        written(await connector.update("incident", [Write("X0002", {"short_description": "ours"}, three)]))
        told = await connector.others("incident", [one, two, three, four])
        assert {key: touch.by for key, touch in told.items()} == {one: "ada", two: "ada"}
        assert await connector.me() == "cutover"

    on(subject, run)


def test_without_the_audit_the_last_change_is_still_told() -> None:
    subject = double(3, audit_readable=False)

    async def run(connector: ServiceNow) -> None:
        one, two = await made(connector, write(1), write(2))
        subject.write("update", "incident", sys_id=one, fields={"description": "hers"}, user="ada")
        assert {key: touch.by for key, touch in (await connector.others("incident", [one, two])).items()} == {
            one: "ada"
        }

    on(subject, run)


def test_a_check_says_what_a_closed_audit_costs() -> None:
    async def run(connector: ServiceNow) -> None:
        told = {finding.subject: finding for finding in await connector.check([], ["incident"])}
        assert told["read sys_audit"].ok and "rollback" in told["read sys_audit"].detail
        assert "Grant" in told["read sys_audit"].hint

    on(double(3, audit_readable=False), run)


def test_notes_are_told_apart_by_their_marks_and_without_them() -> None:
    subject = double(3)

    async def run(connector: ServiceNow) -> None:
        [mine] = await made(connector, write(1))
        subject.write("update", "incident", sys_id=mine, fields={"comments": "hers"}, user="ada")
        note = Write("N1", {"value": "ours\r\n"}, parent=mine)
        [target] = written(await connector.create("comment", [note]))
        there = {one.xid: one for one in await connector.hanging("incident", "comment", [mine])}
        assert {xid: one.fields["value"] for xid, one in there.items()} == {"": "hers", "N1": "ours"}
        assert there[""].by == "ada"
        standing = (await connector.stand("comment", [target], ["value"]))[target]
        assert standing.fields == connector.canonical("comment", note.fields) == {"value": "ours"}

    on(subject, run)


def test_the_journal_cannot_be_taken_back_and_says_so() -> None:
    async def run(connector: ServiceNow) -> None:
        assert not connector.traits("comment").deletes
        with pytest.raises(Misconfigured, match="only grows"):
            await connector.delete("comment", ["a" * 32])

    on(double(3), run)


def test_an_emptied_boolean_is_no_refusal() -> None:
    async def run(connector: ServiceNow) -> None:
        [mine] = await made(connector, write(1, knowledge=True))
        [outcome] = await connector.update("incident", [Write("X0001", {"knowledge": None}, mine)])
        assert isinstance(outcome, Written)
        assert (await connector.stand("incident", [mine], ["knowledge"]))[mine].fields == {}

    on(double(3), run)


def test_a_restored_record_is_what_it_was_without_our_mark() -> None:
    subject = double(3)

    async def run(connector: ServiceNow) -> None:
        before = dict(subject.rows("incident")[0])
        target = before["sys_id"]
        names = ["short_description", "description", "severity", "assigned_to", "comments"]
        image = (await connector.image("incident", [target], names))[target]
        assert "comments" not in image
        change = {"short_description": "ours", "description": "", "severity": "1", "assigned_to": PERSON}
        written(await connector.update("incident", [Write("X1", {**change, "correlation_id": "X1"}, target)]))
        for _ in range(2):
            written(await connector.restore("incident", [Write("", image, target)]))
        after = next(dict(row) for row in subject.rows("incident") if row["sys_id"] == target)
        stamps = ("sys_updated_on", "sys_updated_by", "sys_mod_count")
        assert {**after, **dict.fromkeys(stamps)} == {**before, **dict.fromkeys(stamps)}

    on(subject, run)
