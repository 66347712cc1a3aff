"""The memory connector, beyond what the conformance suite asks: what engine tests and benchmarks build on."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import memory
from connectors.kit.conformance import OpenPacer
from connectors.kit.contract import Connection, Doubt, Failed, Ports, Record, Rejected, Scope, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured, Throttled

_names = itertools.count()


class Stopped:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def random(self) -> float:
        return 0.5


@pytest.fixture
def held() -> Iterator[memory.Store]:
    name = f"test-{next(_names)}"
    yield memory.store(name)
    memory.forget(name)


@pytest.fixture
def clock() -> Stopped:
    return Stopped()


def system(held: memory.Store, clock: Stopped, **options: object) -> memory.Memory:
    connection = Connection("sut", "memory", f"memory:{held.name}", options=options)
    return memory.connect(connection, Ports(clock, OpenPacer()))


async def sweep(source: memory.Memory, scope: Scope, limit: int = 500) -> list[Record]:
    found: list[Record] = []
    rest: str | None = (await source.spans(scope, 1))[0]
    while rest is not None:
        page = await source.read(scope, rest, limit)
        found += page.records
        rest = page.rest
    return found


def doubt(xid: str, clock: Stopped) -> Doubt:
    return Doubt(xid, "", clock.now())


def test_edits_and_removals_lie_over_generated_records(held: memory.Store, clock: Stopped) -> None:
    held.generate(100)
    held.edit("incident", "INC000000007", {"priority": "9"})
    held.remove("incident", "INC000000008")
    held.put("incident", "INC000000009x", {"priority": "8"})
    source = system(held, clock)
    for limit in (1, 3, 8, 9, 500):
        found = asyncio.run(sweep(source, Scope("incident"), limit))
        keys = [record.key for record in found]
        assert keys == sorted(set(keys))
        assert len(keys) == 100 == asyncio.run(source.count(Scope("incident")))
        assert "INC000000008" not in keys
        by_key = {record.key: record.fields for record in found}
        assert by_key["INC000000007"]["priority"] == "9"
        assert by_key["INC000000007"]["category"] == "software"
        assert by_key["INC000000009x"] == {"priority": "8"}


def test_generated_records_are_the_same_by_page_and_by_key(held: memory.Store, clock: Stopped) -> None:
    held.generate(1000)
    source = system(held, clock)
    found = asyncio.run(sweep(source, Scope("incident", (), ("number", "state"))))
    fetched = asyncio.run(source.fetch(Scope("incident", (), ("number", "state")), [record.key for record in found]))
    assert found == fetched
    assert {frozenset(record.fields) for record in found} == {frozenset(("number", "state"))}


def test_a_million_records_pass_through_without_staying(held: memory.Store, clock: Stopped) -> None:
    held.generate(1_000_000)
    target_store = memory.store(f"{held.name}-target")
    source, target = system(held, clock), system(target_store, clock, keep=False)

    async def some() -> None:
        scope = Scope("incident")
        for span in (await source.spans(scope, 100))[::10]:
            page = await source.read(scope, span, 500)
            await target.create("issue", [Write(record.key, record.fields) for record in page.records])

    tracemalloc.start()
    asyncio.run(some())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    memory.forget(target_store.name)
    assert target_store.count("issue") == 5000
    assert peak < 4_000_000


def test_a_lagging_search_finds_a_create_only_when_it_has_settled(held: memory.Store, clock: Stopped) -> None:
    target = system(held, clock, creates="lagging", search_settle=5)

    async def work() -> None:
        await target.create("issue", [Write("X1", {})])
        assert await target.find("issue", [doubt("X1", clock)]) == {}
        clock.seconds += 5
        assert (await target.find("issue", [doubt("X1", clock)]))["X1"].xid == "X1"

    asyncio.run(work())


def test_a_late_commit_appears_after_its_delay(held: memory.Store, clock: Stopped) -> None:
    target = system(held, clock, creates="strong", late_commit=3)
    held.faults.add("late", "create", times=1, seconds=3)

    async def work() -> None:
        with pytest.raises(InDoubt):
            await target.create("issue", [Write("X1", {})])
        assert await target.find("issue", [doubt("X1", clock)]) == {}
        clock.seconds += 3
        assert "X1" in await target.find("issue", [doubt("X1", clock)])

    asyncio.run(work())
    assert held.copies("issue") == {"X1": 1}


def test_sending_twice_where_it_is_not_safe_makes_a_duplicate_that_can_be_counted(
    held: memory.Store, clock: Stopped
) -> None:
    target = system(held, clock, creates="strong")

    async def work() -> None:
        await target.create("issue", [Write("X1", {}), Write("X2", {})])
        await target.create("issue", [Write("X1", {})])

    asyncio.run(work())
    assert held.copies("issue") == {"X1": 2, "X2": 1}
    first = held.records("issue")[0]
    held.remove("issue", first.key)
    assert held.copies("issue") == {"X1": 1, "X2": 1}


def test_one_call_can_hold_written_refused_and_lost_records(held: memory.Store, clock: Stopped) -> None:
    target = system(held, clock, creates="strong")
    held.faults.add("reject", "create", where="n = 1", cause="no such choice", field="n")
    held.faults.add("fail", "create", where="n = 2")
    writes = [Write(f"X{n}", {"n": n}) for n in range(4)]
    outcomes = asyncio.run(target.create("issue", writes))
    assert [type(outcome) for outcome in outcomes] == [Written, Rejected, Failed, Written]
    assert [outcome.xid for outcome in outcomes] == ["X0", "X1", "X2", "X3"]
    assert held.copies("issue") == {"X0": 1, "X2": 1, "X3": 1}


def test_a_delete_can_be_refused_by_what_the_record_holds(held: memory.Store, clock: Stopped) -> None:
    target = system(held, clock)
    for n in range(3):
        held.put("issue", f"K{n}", {"n": n})
    held.faults.add("reject", "delete", where="n = 1", cause="locked", times=1)
    outcomes = asyncio.run(target.delete("issue", ["K0", "K1", "gone", "K2"]))
    assert [(type(outcome), outcome.xid) for outcome in outcomes] == [
        (Written, "K0"),
        (Rejected, "K1"),
        (Written, "gone"),
        (Written, "K2"),
    ]
    assert [record.key for record in held.records("issue")] == ["K1"]
    assert isinstance(asyncio.run(target.delete("issue", ["K1"]))[0], Written)
    assert held.records("issue") == []


def test_faults_can_be_written_as_options(held: memory.Store, clock: Stopped) -> None:
    rules = [{"kind": "throttle", "call": "create", "times": 1, "seconds": 7}]
    target = system(held, clock, faults=rules)
    with pytest.raises(Throttled) as caught:
        asyncio.run(target.create("issue", [Write("X1", {})]))
    assert caught.value.retry_after == 7
    assert isinstance(asyncio.run(target.create("issue", [Write("X1", {})]))[0], Written)


def test_the_feed_shows_only_what_has_settled(held: memory.Store, clock: Stopped) -> None:
    held.generate(10)
    source = system(held, clock, settle=10)
    scope = Scope("incident")

    async def work() -> None:
        position = await source.position(scope)
        held.edit("incident", "INC000000003", {"priority": "1"})
        assert (await source.changes(scope, position)).changes == []
        clock.seconds += 10
        changes = await source.changes(scope, position)
        assert [change.key for change in changes.changes] == ["INC000000003"]
        held.remove("incident", "INC000000003")
        clock.seconds += 10
        changes = await source.changes(scope, changes.position)
        assert [(change.key, change.deleted) for change in changes.changes] == [("INC000000003", True)]

    asyncio.run(work())


def test_a_canary_measures_the_lag(held: memory.Store, clock: Stopped) -> None:
    target = system(held, clock, creates="lagging", search_settle=2)
    assert 2 <= asyncio.run(target.canary("issue")) < 2.2
    assert held.records("issue") == []


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("memory:", {}, "names no store"),
        ("http://x", {}, "names no store"),
        ("memory:x", {"creats": "native"}, "did you mean creates"),
        ("memory:x", {"creates": "maybe"}, "option creates"),
        ("memory:x", {"faults": [{"kind": "explode"}]}, "option faults.0.kind"),
    ],
)
def test_what_cannot_be_is_told(url: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        memory.connect(Connection("sut", "memory", url, options=options), Ports(Stopped(), OpenPacer()))
