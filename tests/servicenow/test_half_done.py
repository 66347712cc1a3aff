"""Operations of many calls of which a later one fails: what the earlier ones did is not forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.kit.contract import Doubt, Failed, Outcome, Write
from connectors.kit.errors import Misconfigured
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.servicenow.world import double, on

QUICK = {"attempts": 1}


def kind(outcome: Outcome) -> str:
    """The outcome in one word: of a failed one, its error."""
    return type(outcome.error if isinstance(outcome, Failed) else outcome).__name__


def notes(subject: ServiceNowDouble, count: int) -> list[Write]:
    parent = subject.rows("incident")[0]["sys_id"]
    return [Write(f"N{number}", {"value": f"note {number}"}, parent=parent) for number in range(count)]


def refuse_later(subject: ServiceNowDouble, call: str, after: int, kind: str, **args: Any) -> None:
    """Lets `after` calls of this kind pass; from then on each meets the fault."""
    passing = [Rule(call, "slow", after, args={"seconds": 0.0})] if after else []
    subject.faults.add(*passing, Rule(call, kind, None, args=args))


@pytest.mark.parametrize(
    ("fault", "args"), [("status_before", {"code": 503}), ("status_before", {"code": 403}), ("throttle", {})]
)
def test_entries_that_cannot_be_read_back_are_in_doubt_and_not_sent_again(fault, args):
    subject = double(3)
    writes = [*notes(subject, 2), Write("N9", {"value": ""}, parent="0" * 32)]
    subject.faults.add(Rule("GET .*sys_journal_field", fault, None, args=args))

    async def run(connector):
        outcomes = await connector.create("comment", writes)
        subject.faults.clear()
        doubts = [Doubt(write.xid, "", datetime.now(UTC), write.parent) for write in writes]
        return outcomes, await connector.find("comment", doubts)

    outcomes, found = on(subject, run, limits={"retry_wait": 0}, **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["InDoubt", "InDoubt", "Rejected"]
    assert set(found) == {"N0", "N1"}


@pytest.mark.parametrize(
    ("fault", "args", "rest"),
    [
        ("drop_after", {}, "InDoubt"),
        ("status_before", {"code": 403}, "Misconfigured"),
        ("throttle", {}, "Throttled"),
    ],
)
def test_a_batch_that_breaks_off_keeps_what_was_serviced_before(fault, args, rest):
    subject = double(3, batch_items=50)
    writes = notes(subject, 103)
    refuse_later(subject, "POST .*batch", 2, fault, **args)

    outcomes = on(subject, lambda connector: connector.create("comment", writes), limits={"retry_wait": 0}, **QUICK)
    assert [kind(outcome) for outcome in outcomes[:100]] == ["Written"] * 100
    assert [kind(outcome) for outcome in outcomes[100:]] == [rest] * 3


def test_what_stands_behind_a_lost_batch_was_not_sent():
    subject = double(3)
    writes = notes(subject, 120)
    refuse_later(subject, "POST .*batch", 1, "drop_after")
    outcomes = on(subject, lambda connector: connector.create("comment", writes), **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["Written"] * 50 + ["InDoubt"] * 50 + ["Unavailable"] * 20
    assert len([row for row in subject.rows("sys_journal_field") if "note" in row["value"]]) == 100


def test_what_a_broken_envelope_had_left_unserviced_is_in_doubt_alone():
    subject = double(3, batch_items=3)
    writes = notes(subject, 5)
    refuse_later(subject, "POST .*batch", 1, "drop_after")
    outcomes = on(subject, lambda connector: connector.create("comment", writes), **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["Written"] * 3 + ["InDoubt"] * 2


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_records_of_a_batch_before_the_one_that_failed_keep_their_outcomes(operation):
    subject = double(3)
    writes = [Write(f"X{number:04d}", {"short_description": f"number {number}"}) for number in range(60)]

    async def run(connector):
        if operation == "create":
            refuse_later(subject, "POST .*batch", 1, "status_before", code=503)
            return await connector.create("incident", writes)
        made = [outcome.target for outcome in await connector.create("incident", writes)]
        refuse_later(subject, "POST .*batch", 1, "status_before", code=503)
        if operation == "delete":
            return await connector.delete("incident", made)
        changes = [Write(write.xid, write.fields, target) for write, target in zip(writes, made, strict=True)]
        return await connector.update("incident", changes)

    outcomes = on(subject, run, **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["Written"] * 50 + ["Unavailable"] * 10


def test_a_refused_record_that_cannot_be_looked_up_leaves_the_others_written():
    subject = double(3)
    writes = [Write("X1", {"short_description": "good"}), Write("X2", {"short_description": "bad", "state": "7"})]
    subject.faults.add(Rule("GET .*table/incident", "status_before", None, args={"code": 500}))
    outcomes = on(subject, lambda connector: connector.create("incident", writes), **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["Written", "Unavailable"]


async def pieces() -> AsyncIterator[bytes]:
    yield b"0123456789"


def test_an_attachment_that_fails_leaves_the_one_before_it_written():
    subject = double(3)
    parent = subject.rows("incident")[0]["sys_id"]
    writes = [Write(f"A{n}", {"file_name": f"{n}.bin"}, parent=parent, content=pieces) for n in range(3)]
    refuse_later(subject, "POST .*attachment", 1, "drop_after")
    outcomes = on(subject, lambda connector: connector.create("attachment", writes), **QUICK)
    assert [kind(outcome) for outcome in outcomes] == ["Written", "InDoubt", "InDoubt"]


def test_a_whole_call_that_was_not_applied_is_still_raised():
    subject = double(3)
    writes = notes(subject, 60)
    subject.faults.add(Rule("POST .*batch", "status_before", None, args={"code": 403}))
    with pytest.raises(Misconfigured):
        on(subject, lambda connector: connector.create("comment", writes), **QUICK)
    assert not [row for row in subject.rows("sys_journal_field") if "note" in row["value"]]
