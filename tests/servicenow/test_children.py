"""Journals and attachments: whole, oldest first, and never silently missing."""

from __future__ import annotations

import hashlib

import pytest

from connectors.kit.contract import Scope
from connectors.kit.errors import Misconfigured, Unavailable
from connectors.rehearsal.faults import Rule
from tests.servicenow.world import double, on

JOURNAL, FILES, INCIDENT = Scope("sys_journal_field"), Scope("attachment"), Scope("incident")


def test_journal_entries_belong_to_their_records_oldest_first():
    subject = double(300, plain=False)
    rows = subject.rows("sys_journal_field")
    parents = sorted({row["element_id"] for row in rows})

    records = on(subject, lambda c: c.children(JOURNAL, parents))
    assert {record.key for record in records} == {row["sys_id"] for row in rows}
    assert {record.parent for record in records} == set(parents)
    for parent in parents:
        stamps = [record.fields["sys_created_on"] for record in records if record.parent == parent]
        assert stamps == sorted(stamps)


def test_a_filter_narrows_the_journal():
    subject = double(60, plain=False)
    parents = [row["sys_id"] for row in subject.rows("incident")]
    scope = Scope("sys_journal_field", ("element=work_notes",))
    records = on(subject, lambda c: c.children(scope, parents))
    assert {record.fields["element"] for record in records} == {"work_notes"}


def test_a_journal_that_may_not_be_read_is_misconfigured_and_not_empty():
    subject = double(60, plain=False, journal_readable=False)
    commented = [row["element_id"] for row in subject.rows("sys_journal_field")][:5]
    silent = [r["sys_id"] for r in double(60).rows("incident")]
    silent = [key for key in silent if key not in {row["element_id"] for row in subject.rows("sys_journal_field")}]

    async def run(connector):
        await connector.count(INCIDENT)
        assert await connector.children(JOURNAL, silent[:5]) == []
        with pytest.raises(Misconfigured, match="history would be lost"):
            await connector.children(JOURNAL, [*silent[:5], *commented])

    on(subject, run)


def test_attachments_come_whole_and_are_checked():
    subject = double(120, plain=False)
    rows = {row["sys_id"]: row for row in subject.rows("sys_attachment")}
    parents = sorted({row["table_sys_id"] for row in rows.values()})

    async def run(connector):
        records = await connector.children(FILES, parents)
        contents = {}
        for record in records:
            contents[record.key] = b"".join([piece async for piece in connector.content("attachment", record)()])
        return records, contents

    records, contents = on(subject, run)
    assert {record.key for record in records} == set(rows)
    assert any(not content for content in contents.values()), "an empty file is a file"
    for record in records:
        assert record.parent == rows[record.key]["table_sys_id"]
        assert hashlib.sha256(contents[record.key]).hexdigest() == rows[record.key]["hash"]


@pytest.mark.parametrize("early_close", [True, False])
def test_a_cut_attachment_is_noticed(early_close):
    subject = double(120, plain=False)
    parents = [row["table_sys_id"] for row in subject.rows("sys_attachment") if int(row["size_bytes"]) > 100]
    subject.faults.add(Rule("GET .*/file", "truncated", args={"early_close": early_close}))

    async def run(connector):
        record = next(r for r in await connector.children(FILES, parents) if int(r.fields["size_bytes"]) > 100)
        with pytest.raises(Unavailable):
            async for _ in connector.content("attachment", record)():
                pass
        whole = b"".join([piece async for piece in connector.content("attachment", record)()])
        assert len(whole) == int(record.fields["size_bytes"])

    on(subject, run)


def test_nothing_else_hangs_on_records():
    async def run(connector):
        with pytest.raises(Misconfigured, match="attachment"):
            await connector.children(Scope("problem"), ["x"])

    on(double(1), run)
