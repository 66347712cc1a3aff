"""One instance as source and target at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from connectors.kit.contract import Ports, Scope, Write
from tests.kit.ports import NarrowPacer, RealClock
from tests.servicenow.world import double, on, written

DATA = b"0123456789abcdef" * 50_000


async def pieces() -> AsyncIterator[bytes]:
    yield DATA


@pytest.mark.parametrize("concurrency", [1, 2])
def test_attachments_go_from_one_record_to_another_of_the_same_instance(concurrency):
    subject = double(3)
    here, there = (row["sys_id"] for row in subject.rows("incident")[:2])
    pacer = NarrowPacer(concurrency)

    async def run(connector):
        for number in range(4):
            fields = {"file_name": f"{number}.bin"}
            written(await connector.create("attachment", [Write(f"A{number}", fields, parent=here, content=pieces)]))
        records = await connector.children(Scope("attachment"), [here])
        writes = [
            Write(record.key, record.fields, parent=there, content=connector.content("attachment", record))
            for record in records
        ]
        async with asyncio.timeout(20):
            return await asyncio.gather(*(connector.create("attachment", [write]) for write in writes))

    outcomes = on(subject, run, ports=Ports(RealClock(), pacer))
    assert len({target for some in outcomes for target in written(some)}) == 4
    rows = [row for row in subject.rows("sys_attachment") if row["table_sys_id"] == there]
    assert [row["hash"] for row in rows] == [hashlib.sha256(DATA).hexdigest()] * 4
    assert pacer.running == 0
    assert pacer.most <= concurrency
