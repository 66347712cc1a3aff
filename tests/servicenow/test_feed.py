"""Changes: none missed, none past the settle horizon, none told for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from connectors.kit.contract import Scope
from connectors.kit.errors import Misconfigured
from connectors.rehearsal.servicenow import User
from connectors.servicenow import feed
from tests.servicenow.world import double, on

INCIDENT = Scope("incident")


async def until(connector, position, wanted, scope=INCIDENT, seconds=15):
    """Follows the feed until every key in `wanted` was told: {key: change}, position, times each was told."""
    told, times, deadline = {}, {}, time.monotonic() + seconds
    while not wanted <= told.keys():
        assert time.monotonic() < deadline, f"missing {wanted - told.keys()}"
        piece = await connector.changes(scope, position)
        position = piece.position
        for change in piece.changes:
            told[change.key] = change
            times[change.key] = times.get(change.key, 0) + 1
        if piece.caught_up:
            await asyncio.sleep(0.2)
    return told, position, times


def test_a_change_after_the_position_is_told_once_it_has_settled():
    subject = double(30)
    keys = [row["sys_id"] for row in subject.rows("incident")][:3]

    async def run(connector):
        position = await connector.position(INCIDENT)
        for key in keys:
            subject.write("update", "incident", sys_id=key, fields={"short_description": "changed"})
        first = await connector.changes(INCIDENT, position)
        told, position, times = await until(connector, position, set(keys))
        fetched = {record.key: record for record in await connector.fetch(INCIDENT, keys)}
        for _ in range(3):  # told already: the overlap brings no repetition
            again = await connector.changes(INCIDENT, position)
            position = again.position
            assert again.changes == []
        return first, told, times, fetched

    first, told, times, fetched = on(subject, run, settle=1.0)
    assert first.changes == [], "younger than the settle horizon"
    assert times == dict.fromkeys(keys, 1)
    assert all(told[key].version == fetched[key].version for key in keys)


def test_the_same_position_tells_the_same_again():
    subject = double(30)
    key = subject.rows("incident")[0]["sys_id"]

    async def run(connector):
        start = await connector.position(INCIDENT)
        subject.write("update", "incident", sys_id=key, fields={"impact": "1", "short_description": "x"})
        await until(connector, start, {key})
        return await connector.changes(INCIDENT, start), await connector.changes(INCIDENT, start)

    one, two = on(subject, run, settle=1.0)
    assert one.changes == two.changes
    assert [change.key for change in one.changes] == [key]


def test_a_second_with_more_changes_than_a_page_is_walked_through():
    subject = double(0)
    stamp = "2026-11-01 10:00:00"
    total = feed.PAGE + 300
    for number in range(total):
        row = subject.write("insert", "incident", sys_id=f"{number * 7919:032x}", fields={"short_description": "x"})
        subject.write("update", "incident", sys_id=row["sys_id"], fields={"sys_updated_on": stamp}, raw=True)

    async def run(connector):
        start = feed.encode(feed.Position("2026-11-01 00:00:00", "2026-11-01 00:00:00", "", {}))
        told, _, times = await until(connector, start, {row["sys_id"] for row in subject.rows("incident")})
        return told, times

    told, times = on(subject, run, settle=1.0)
    assert len(told) == total
    assert set(times.values()) == {1}


def test_deletions_are_told_where_the_audit_tells_them():
    subject = double(10)
    key = subject.rows("incident")[0]["sys_id"]

    async def run(connector):
        (before,) = await connector.fetch(INCIDENT, [key])
        position = await connector.position(INCIDENT)
        subject.write("delete", "incident", sys_id=key)
        told, position, _ = await until(connector, position, {key})
        later = await connector.changes(INCIDENT, position)
        return before, told[key], later

    before, change, later = on(subject, run, settle=1.0)
    assert change.deleted
    assert change.version > before.version
    assert later.changes == []


def test_an_account_outside_utc_is_refused_because_it_would_miss_changes():
    subject = double(10, users={"cutover": User("rehearsal", zone="America/Los_Angeles")})

    async def run(connector):
        with pytest.raises(Misconfigured, match="GMT"):
            await connector.position(INCIDENT)
        findings = {finding.subject: finding for finding in await connector.check([INCIDENT], [])}
        assert not findings["time zone"].ok
        assert "GMT" in findings["time zone"].hint

    on(subject, run)


def test_filters_narrow_the_feed():
    subject = double(40)
    rows = subject.rows("incident")
    mine, other = (next(r["sys_id"] for r in rows if r["impact"] == impact) for impact in "12")
    scope = Scope("incident", ("impact=1^ORimpact=9",))

    async def run(connector):
        position = await connector.position(scope)
        for key in (other, mine):
            subject.write("update", "incident", sys_id=key, fields={"short_description": "changed"})
        return await until(connector, position, {mine}, scope)

    told, _, _ = on(subject, run, settle=1.0)
    assert set(told) == {mine}


def test_a_position_from_elsewhere_is_refused():
    async def run(connector):
        for text in ("", "x", "[1]", '["a","b","c",{}]'):
            with pytest.raises(Misconfigured, match="position"):
                await connector.changes(INCIDENT, text)

    on(double(1), run)


def test_now_is_the_instances_clock():
    assert abs(on(double(1), lambda c: c.now()).timestamp() - time.time()) < 5
