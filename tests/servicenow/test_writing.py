"""Writing: created once whatever becomes of the answer, read back, refused with a cause and no value."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from connectors.kit.contract import Creates, Doubt, Failed, Move, Rejected, Scope, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured
from connectors.rehearsal.faults import Rule
from connectors.servicenow.values import chosen_id
from tests.servicenow.world import double, on, written

INCIDENT = Scope("incident")


def writes(count: int, **fields) -> list[Write]:
    return [Write(f"X{n:04d}", {"short_description": f"number {n} ü", **fields}) for n in range(count)]


def created(subject) -> list[dict]:
    return [row for row in subject.rows("incident") if row["correlation_id"].startswith("X")]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_records_are_created_with_their_external_ids(count):
    subject = double(3)
    asked = writes(count)
    outcomes = on(subject, lambda c: c.create("incident", asked))
    assert [outcome.xid for outcome in outcomes] == [write.xid for write in asked]
    assert written(outcomes) == [chosen_id("incident", write.xid) for write in asked]
    rows = {row["correlation_id"]: row for row in created(subject)}
    assert {xid: row["short_description"] for xid, row in rows.items()} == {
        write.xid: write.fields["short_description"] for write in asked
    }


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("kind", ["drop_after", "status_after", "truncated", "html_200", "drop_before"])
def test_a_lost_answer_makes_no_duplicate(kind, count):
    subject = double(3)
    subject.faults.add(Rule("POST ", kind))
    asked = writes(count)
    outcomes = on(subject, lambda c: c.create("incident", asked))
    written(outcomes)
    assert subject.faults.fired[kind] == 1
    assert len(created(subject)) == count


def test_creating_again_says_that_it_was_there():
    subject = double(3)

    async def run(connector):
        await connector.create("incident", writes(3))
        return await connector.create("incident", writes(4))

    outcomes = on(subject, run)
    assert [outcome.created for outcome in outcomes] == [False, False, False, True]
    assert len(created(subject)) == 4


def test_a_sys_id_that_belongs_to_another_is_a_duplicate_key():
    subject = double(3)
    subject.write("insert", "incident", sys_id=chosen_id("incident", "X0000"), fields={"correlation_id": "theirs"})
    (outcome,) = on(subject, lambda c: c.create("incident", writes(1)))
    assert outcome == Rejected("X0000", "duplicate key", "sys_id")


def test_what_a_batch_leaves_unserviced_is_sent_again():
    subject = double(3, batch_items=4)
    outcomes = on(subject, lambda c: c.create("incident", writes(18)))
    written(outcomes)
    assert len(created(subject)) == 18
    assert subject.calls["POST /api/now/v1/batch"] == 5


def test_one_refused_record_leaves_the_others():
    subject = double(3)
    asked = writes(4)
    asked[1] = Write("X0001", {"short_description": "CANARY", "state": "7"})
    asked[2] = Write("X0002", {"short_descripton": "CANARY"})
    asked[3] = Write("X0003", {"short_description": {"a": "CANARY"}})
    outcomes = on(subject, lambda c: c.create("incident", asked))
    assert isinstance(outcomes[0], Written)
    assert outcomes[1] == Rejected("X0001", "mandatory fields are missing")
    assert outcomes[2] == Rejected("X0002", "no such field", "short_descripton")
    assert outcomes[3] == Rejected("X0003", "value has a shape that the field cannot hold", "short_description")
    assert "CANARY" not in repr(outcomes)


@pytest.mark.parametrize("count", [1, 2])
def test_a_field_that_is_dropped_silently_is_reported(count):
    subject = double(3, unwritable=["incident.subcategory"])
    outcomes = on(subject, lambda c: c.create("incident", writes(count, subcategory="vpn")))
    assert outcomes == [Rejected(f"X{n:04d}", "field not writable", "subcategory") for n in range(count)]


def test_a_computed_priority_is_reported_and_its_causes_are_written():
    async def run(connector):
        return await connector.create(
            "incident", [Write("X1", {"priority": "1", "impact": "3", "urgency": "3"}), Write("X2", {"impact": "1"})]
        )

    outcomes = on(double(3), run)
    assert outcomes[0] == Rejected("X1", "field not writable", "priority")
    assert isinstance(outcomes[1], Written)


def test_what_is_there_already_is_told_so_and_a_dropped_field_shows_when_it_is_updated():
    async def run(connector):
        await connector.create("incident", writes(1, subcategory="vpn"))
        (there,) = await connector.create("incident", writes(1, subcategory="vpn"))
        return there, await connector.update(
            "incident", [writes(1, subcategory="vpn")[0]._replace(target=there.target)]
        )

    there, (outcome,) = on(double(3, unwritable=["incident.subcategory"]), run)
    assert isinstance(there, Written) and not there.created
    assert outcome == Rejected("X0000", "field not writable", "subcategory")


def test_an_update_changes_only_what_it_names():
    subject = double(6)
    keys = sorted(row["sys_id"] for row in subject.rows("incident"))
    before = {row["sys_id"]: row for row in subject.rows("incident")}
    asked = [Write(f"U{n}", {"short_description": f"new {n}", "knowledge": True}, key) for n, key in enumerate(keys)]
    gone = Write("U9", {"short_description": "x"}, "0" * 32)
    outcomes = on(subject, lambda c: c.update("incident", [*asked, gone]))
    assert written(outcomes[:-1]) == keys
    assert outcomes[-1] == Rejected("U9", "gone at target")
    for row in subject.rows("incident"):
        changed = {name for name in row if row[name] != before[row["sys_id"]][name]}
        assert changed <= {"short_description", "knowledge", "sys_updated_on", "sys_updated_by", "sys_mod_count"}


def test_find_tells_which_creates_were_applied():
    async def run(connector):
        await connector.create("incident", writes(2))
        doubts = [Doubt(f"X{n:04d}", "", datetime.now(UTC)) for n in range(4)]
        return await connector.find("incident", doubts)

    found = on(double(3), run)
    assert {xid: outcome.target for xid, outcome in found.items()} == {
        xid: chosen_id("incident", xid) for xid in ("X0000", "X0001")
    }


def test_a_status_is_reached_by_its_name_once():
    subject = double(3)

    async def run(connector):
        (key, *_) = written(await connector.create("incident", writes(1)))
        closing = {"close_code": "Duplicate", "close_notes": "done"}
        first = await connector.move("incident", [Move("X", key, "closed", closing)])
        calls = sum(subject.calls.values())
        second = await connector.move("incident", [Move("X", key, "Closed", closing)])
        refused = await connector.move(
            "incident", [Move("X", key, "Nirvana"), Move("X", "0" * 32, "Closed"), Move("X", key, "2")]
        )
        return key, first, second, refused, sum(subject.calls.values()) - calls

    key, first, second, refused, _ = on(subject, run)
    assert first == [Written("X", key, False)]
    assert second == [Written("X", key, False)]
    assert refused[:2] == [Rejected("X", "no such status", "state"), Rejected("X", "gone at target")]
    assert isinstance(refused[2], Written | Rejected)
    (row,) = created(subject)
    assert row["sys_mod_count"] in ("1", "2")


def test_a_status_that_a_rule_forbids_is_refused_with_its_cause():
    async def run(connector):
        (key,) = written(await connector.create("incident", writes(1)))
        return await connector.move("incident", [Move("X", key, "Closed")])

    assert on(double(3), run) == [Rejected("X", "mandatory fields are missing")]


def test_deleting_twice_counts_as_deleted():
    subject = double(3)

    async def run(connector):
        keys = written(await connector.create("incident", writes(3)))
        return keys, await connector.delete("incident", keys), await connector.delete("incident", keys)

    keys, first, second = on(subject, run)
    assert first == second == [Written(key, key, False) for key in keys]
    assert created(subject) == []


def test_journal_entries_are_found_again_by_their_mark():
    subject = double(3)
    parent = subject.rows("incident")[0]["sys_id"]
    asked = [
        Write("N1", {"value": "first\nline ^ 🙂", "element": "comments"}, parent=parent),
        Write("N2", {"value": "secret", "element": "work_notes"}, parent=parent),
        Write("N3", {"value": ""}, parent=parent),
        Write("N4", {"value": "lost"}, parent="0" * 32),
    ]

    async def run(connector):
        outcomes = await connector.create("sys_journal_field", asked)
        doubts = [Doubt(write.xid, "", datetime.now(UTC), write.parent) for write in asked]
        return outcomes, await connector.find("sys_journal_field", doubts)

    outcomes, found = on(subject, run)
    assert [type(outcome) for outcome in outcomes] == [Written, Written, Rejected, Rejected]
    rows = {row["sys_id"]: row for row in subject.rows("sys_journal_field")}
    assert rows[outcomes[0].target]["value"].startswith("first\nline ^ 🙂")
    assert rows[outcomes[1].target]["element"] == "work_notes"
    assert {xid: outcome.target for xid, outcome in found.items()} == {o.xid: o.target for o in outcomes[:2]}


def test_a_journal_entry_without_an_answer_is_in_doubt_and_not_repeated():
    subject = double(3)
    parent = subject.rows("incident")[0]["sys_id"]
    note = Write("N1", {"value": "once"}, parent=parent)
    subject.faults.add(Rule("POST .*batch", "drop_after"))

    async def run(connector):
        with pytest.raises(InDoubt):
            await connector.create("comment", [note])
        return await connector.find("comment", [Doubt("N1", "", datetime.now(UTC), parent)])

    assert set(on(subject, run)) == {"N1"}
    assert sum("once" in row["value"] for row in subject.rows("sys_journal_field")) == 1


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield b"0123456789" * 100


HASH = hashlib.sha256(b"0123456789" * 500).hexdigest()


def test_an_attachment_is_streamed_and_not_repeated_when_its_hash_is_known():
    subject = double(3)
    parent = subject.rows("incident")[0]["sys_id"]
    fields = {"file_name": 'größe & "maß".csv', "content_type": "text/csv", "hash": HASH}
    write = Write("A1", fields, parent=parent, content=pieces)

    async def run(connector):
        return [await connector.create("attachment", [write]) for _ in range(2)]

    (first,), (second,) = on(subject, run)
    assert (first.created, second.created) == (True, False)
    (row,) = subject.rows("sys_attachment")
    assert (row["file_name"], row["size_bytes"], row["hash"], row["table_name"]) == (
        'größe & "maß".csv',
        "5000",
        HASH,
        "incident",
    )


def test_an_attachment_without_an_answer_is_found_by_what_it_is():
    subject = double(3)
    parent = subject.rows("incident")[0]["sys_id"]
    write = Write("A1", {"file_name": "a.bin", "size_bytes": "5000"}, parent=parent, content=pieces)
    subject.faults.add(Rule("POST .*attachment", "drop_after"))

    async def run(connector):
        sent = datetime.now(UTC)
        (outcome,) = await connector.create("attachment", [write])
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, InDoubt)
        doubts = [Doubt("A1", "", sent, parent, write.fields), Doubt("A2", "", sent, parent, {"file_name": "b.bin"})]
        found = await connector.find("attachment", doubts)
        await connector.delete("attachment", [outcome.target for outcome in found.values()])
        return found

    assert set(on(subject, run)) == {"A1"}
    assert subject.rows("sys_attachment") == []


def test_traits_say_what_a_resend_would_do():
    async def run(connector):
        return {name: connector.traits(name) for name in ("incident", "sys_journal_field", "attachment")}

    traits = on(double(1), run)
    assert traits["incident"].creates is Creates.NATIVE
    assert traits["sys_journal_field"].creates is traits["attachment"].creates is Creates.STRONG
    assert traits["attachment"].bulk == 1


def test_rights_and_traps_are_findings_with_a_hint():
    subject = double(40, plain=False, journal_readable=False)

    async def run(connector):
        reads = [
            Scope("incident", ("priority>=4",), ("number", "caller_id.email")),
            Scope("incident", ("prio>=4",)),
            Scope("nowhere"),
            Scope("u_vault"),
            Scope("sys_journal_field"),
            Scope("attachment"),
        ]
        return await connector.check(reads, ["incident", "u_vault", "attachment"])

    findings = on(subject, run)
    by_subject = [(finding.subject, finding.ok) for finding in findings]
    assert by_subject == [
        ("reach", True),
        ("credentials", True),
        ("time zone", True),
        ("read incident", True),
        ("read incident", False),
        ("read nowhere", False),
        ("read u_vault", False),
        ("read sys_journal_field", False),
        ("read attachment", True),
        ("write incident", True),
        ("write u_vault", False),
        ("write attachment", True),
        ("read sys_audit", True),
    ]
    assert all(finding.hint for finding in findings if not finding.ok)


def test_wrong_credentials_are_a_finding():
    async def run(connector):
        return await connector.check([INCIDENT], [])

    findings = on(double(1), run, auth={"kind": "basic", "user": "cutover", "password": "wrong"})
    assert [(finding.subject, finding.ok) for finding in findings] == [("reach", True), ("credentials", False)]
    assert "wrong" not in repr(findings)


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "api_key", "key": "rehearsal-key"},
        {"kind": "oauth2", "client_id": "cutover-client", "client_secret": "rehearsal", "user": "cutover",
         "password": "rehearsal"},
    ],
)  # fmt: skip
def test_it_signs_in_by_key_and_by_token_and_survives_a_token_that_ends(auth):
    subject = double(3)
    if auth["kind"] == "oauth2":
        subject.faults.add(Rule("/incident", "token_expired"))
    assert on(subject, lambda c: c.count(INCIDENT), auth=auth) == 3


def test_the_canary_leaves_nothing_behind():
    subject = double(3)
    assert 0 <= on(subject, lambda c: c.canary("incident")) < 5
    assert len(subject.rows("incident")) == 3


def test_a_canary_that_is_refused_says_why():
    async def run(connector):
        with pytest.raises(Misconfigured, match="canary"):
            await connector.canary("sys_user_group")

    on(double(3), run)


def test_a_storm_of_faults_ends_with_each_record_once():
    subject = double(3)
    for kind in ("drop_before", "drop_after", "status_before", "status_after", "truncated", "html_200"):
        subject.faults.add(Rule("(POST|GET) ", kind, times=None, rate=0.04))

    async def run(connector):
        chunks = [[Write(f"X{n * 20 + m}", {"short_description": "s"}) for m in range(20)] for n in range(20)]
        done = await asyncio.gather(*(connector.create("incident", chunk) for chunk in chunks))
        return [outcome for outcomes in done for outcome in outcomes]

    outcomes = on(subject, run, attempts=10)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert len(written(outcomes)) == len(created(subject)) == 400
