"""Rates, percentiles, the time left, retries and time lost, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from cockpit.client import Refusal
from connectors.kit.contract import Answer
from engine.charts import Whole
from engine.chunks import Chunks
from engine.clock import Clock
from engine.latencies import Histogram
from engine.model import Hold
from engine.pacing import Pacing
from engine.telemetry import Telemetry
from engine.waits import Waits
from engine.wire import Receipt, Run, WaveDetail
from tests.cockpit.desk import plain, until
from tests.engine.memory_migration import fill, go, night, write
from tests.engine.watching import running


class HandClock(Clock):
    """Time goes where it is put."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_000.0

    def monotonic(self) -> float:
        return self.at


def told(seconds: int, rate: float, what: str = "settled") -> tuple[Telemetry, HandClock]:
    clock = HandClock()
    telemetry = Telemetry(clock)
    telemetry.begin_run()
    for _ in range(seconds):
        telemetry.count(what, int(rate))
        clock.at += 1
    return telemetry, clock


# ---------------------------------------------------------------- rates and lines


def test_a_rate_is_that_of_its_window() -> None:
    telemetry, clock = told(100, 50, "written")
    assert telemetry.rate("written") == pytest.approx(50, rel=0.15)
    clock.at += 10
    assert telemetry.rate("written") == 0
    assert telemetry.average("written") == pytest.approx(5000 / 110)


def test_the_average_stands_when_the_run_is_over_and_starts_anew_with_the_next() -> None:
    telemetry, clock = told(100, 50, "written")
    telemetry.end_run()
    clock.at += 500
    assert telemetry.average("written") == pytest.approx(50)
    telemetry.begin_run()
    assert telemetry.average("written") == 0
    assert telemetry.whole("written").values == []


def test_a_line_of_a_whole_night_has_few_points_and_loses_no_count() -> None:
    whole = Whole(0.0)
    for second in range(36_000):
        whole.add(float(second), "written", 7)
    line = whole.line("written", 36_000.0)
    assert 120 <= len(line.values) <= 240
    assert line.step == 256
    assert line.values[0] == line.values[-1] == 7
    assert len(whole._points) <= 240


def test_a_line_with_a_long_silence_in_it_says_so() -> None:
    whole = Whole(0.0)
    whole.add(0.5, "written", 10)
    line = whole.line("written", 1_000.0)
    assert line.step == 8 and len(line.values) == 125
    assert line.values[0] == 10 / 8 and not any(line.values[1:])


def test_the_recent_line_does_not_tremble_between_two_looks() -> None:
    telemetry, clock = told(30, 20, "written")
    clock.at = 1_030.0
    one = telemetry.recent("written").values
    clock.at = 1_031.9
    other = telemetry.recent("written").values
    assert one == other
    assert one[-15:] == [20.0] * 15
    assert one[-16] is None, "the engine did not live yet"


def test_memory_does_not_grow_with_the_night() -> None:
    telemetry, clock = told(5_000, 3)
    for n in range(5_000):
        telemetry.called(f"wave {n % 3}", "jira", Answer(f"operation {n}", 0.1, 500 + n))
        clock.at += 0.01
    assert len(telemetry._recent._seconds) <= 600
    assert sum(len(reasons) for reasons in telemetry._again.values()) <= 203
    assert len(telemetry.latencies._slices[-1][1]) <= 259


# ---------------------------------------------------------------- latencies


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_right_to_five_per_cent(seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.lognormvariate(-3, 1) for _ in range(5_000)]
    histogram = Histogram()
    for value in values:
        histogram.add(value, False)
    for share in (0.5, 0.99):
        exact = sorted(values)[int(share * len(values)) - 1]
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.05)


def test_latencies_are_those_of_the_last_minutes_by_wave_system_and_operation() -> None:
    telemetry, clock = told(1, 1)
    telemetry.called("pilot", "jira", Answer("create", 10.0, 200))
    clock.at += 400
    for _ in range(99):
        telemetry.called("pilot", "jira", Answer("create", 0.05, 201))
    telemetry.called("pilot", "jira", Answer("create", 2.0, 503))
    telemetry.called("rest", "jira", Answer("create", 9.0, 200))
    seen = telemetry.latencies.of(clock.at, "pilot")
    assert list(seen) == [("jira", "create")]
    create = seen["jira", "create"]
    assert (create.calls, create.failed) == (100, 1)
    assert create.p50 == pytest.approx(50, rel=0.05)
    assert create.p99 == pytest.approx(50, rel=0.05)
    assert telemetry.latencies.of(clock.at)["jira", "create"].calls == 101


def test_failures_are_shares_of_the_last_minute_and_a_limit_is_none() -> None:
    telemetry, clock = told(1, 1)
    for status in (200, 200, 400, 429, 0, 503):
        telemetry.called("pilot", "jira", Answer("create", 0.1, status))
    telemetry.called("pilot", "jira", Answer("create", 0.1, 503, retry_after=2.0, reason="maintenance"))
    assert telemetry.error_share() == pytest.approx(2 / 7)
    again = {reason: again.calls for reason, again in telemetry.again("pilot").items()}
    assert again == {"jira: rate limit": 1, "jira: no answer": 1, "jira: answered 503": 1, "jira: maintenance": 1}
    clock.at += 61
    assert telemetry.error_share() == 0


# ---------------------------------------------------------------- the time left


def test_nothing_is_said_of_the_time_left_while_nothing_moves() -> None:
    telemetry, clock = told(60, 100)
    assert telemetry.left(0) is None
    clock.at += 61
    assert telemetry.left(1000) is None
    young, _ = told(5, 100)
    assert young.left(1000) is None


def test_a_steady_rate_gives_a_narrow_interval_around_the_truth() -> None:
    telemetry, _ = told(300, 100)
    left = telemetry.left(10_000)
    assert left is not None
    assert left.low <= 100.5 and left.high >= 99.5
    assert left.high - left.low < 10


def test_when_the_last_minute_differs_from_the_run_the_interval_spans_both() -> None:
    telemetry, clock = told(600, 100)
    for _ in range(60):
        telemetry.count("settled", 20)
        clock.at += 1
    left = telemetry.left(10_000)
    assert left is not None
    assert left.low < 10_000 / 90 and left.high > 10_000 / 25


def test_the_time_left_holds_what_it_promises() -> None:
    """Chunks of 500 that arrive whole and at random: the true time lies in the interval in at least nine of ten."""
    held = 0
    for seed in range(200):
        chance = random.Random(seed)
        clock = HandClock()
        telemetry = Telemetry(clock)
        telemetry.begin_run()
        settled = 0
        while settled < 40_000:  # of 80,000
            clock.at += chance.expovariate(0.8)
            telemetry.count("settled", 500)
            settled += 500
        left = telemetry.left(40_000)
        assert left is not None
        began = clock.at
        while settled < 80_000:
            clock.at += chance.expovariate(0.8)
            settled += 500
        held += left.low <= clock.at - began <= left.high
    print(f"the true time lay in {held} of 200 intervals")
    assert held >= 180


# ---------------------------------------------------------------- waiting


def test_time_lost_is_told_by_wave_and_while_it_goes_on() -> None:
    clock = HandClock()
    waits = Waits(clock)
    waits.begin("pilot", "hold by ben: vendor call")
    waits.begin("pilot", "hold by ben: vendor call")
    waits.begin("rest", "window closed")
    clock.at += 30
    assert waits.reasons() == {"hold by ben: vendor call": 2, "window closed": 1}
    assert waits.lost("pilot") == {"hold by ben: vendor call": 60.0}
    waits.end("pilot", "hold by ben: vendor call")
    clock.at += 10
    waits.end("pilot", "hold by ben: vendor call")
    assert waits.reasons("pilot") == {}
    assert waits.lost() == {"hold by ben: vendor call": 70.0, "window closed": 40.0}


# ---------------------------------------------------------------- chunks


def test_a_letter_stands_for_the_least_finished_of_its_chunks() -> None:
    chunks = Chunks()
    for at in range(8):
        chunks.open(f"span {at}", 10)
    for at in (0, 1, 2, 4, 5):
        chunks.close(f"span {at}", aside=at == 4)
    assert chunks.cells(4, 100, with_aside=True) == (1, "dddwsdwwtttt")
    assert chunks.cells(4, 6, with_aside=True) == (2, "dwswtt")
    assert chunks.cells(3, 3, with_aside=True) == (4, "wwt")
    assert chunks.cells(1, 3, with_aside=True) == (3, "dwt"), "the last letter holds one that is not read yet"
    assert chunks.cells(0, 100, with_aside=False).letters == "dddwddww"
    assert Chunks().cells(0, 10, with_aside=True) == (1, "")


def test_a_million_records_make_a_map_in_a_moment() -> None:
    chunks = Chunks()
    for at in range(100_000):
        chunks.open(str(at), 10)
        chunks.close(str(at), aside=False)
    began = time.process_time()
    per, letters = chunks.cells(100_000, 400, with_aside=True)
    assert time.process_time() - began < 0.1
    assert (per, letters) == (500, "d" * 200 + "t" * 200)


def test_the_map_of_chunks_is_the_same_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, 57, bad=3)
            await it.run("pilot")
            entity = await it.ledger.entity("incident")
            wave = (await it.ledger.waves())["pilot"].id
            before = it.ledger.chunks_of(wave, entity).cells(0, 100, with_aside=True)
            assert set(before.letters) == {"s", "d"}, "one chunk holds the record that nobody mapped"
            counts = it.ledger.chunks(wave)
        async with night(tmp_path) as it:
            assert it.ledger.chunks_of(wave, entity).cells(0, 100, with_aside=True) == before
            assert it.ledger.chunks(wave) == counts

    go(scenario)


# ---------------------------------------------------------------- one wave, over the socket


def test_a_wave_looked_at_closely_shows_chunks_latencies_and_errors_by_cause(tmp_path: Path) -> None:
    rows = [row | ({"priority": "9"} if row["number"] in (3, 4) else {}) for row in plain(40)]
    with running(tmp_path, rows) as it:
        before = it.client.get("/wave", WaveDetail, name="pilot")
        assert [chunks.cells for chunks in before.chunks] == [""], "nobody has counted yet"
        it.client.post("/run", Receipt, Run(by="ana"))
        until(lambda: (status := it.status()) is not None and status.run_outcome == "done", "the run is done")
        seen = it.client.get("/wave", WaveDetail, name="pilot", cells=10)
        assert [(chunks.entity, chunks.per, len(chunks.cells)) for chunks in seen.chunks] == [("paper", 1, 8)]
        assert seen.chunks[0].cells.count("s") == 1 and set(seen.chunks[0].cells) == {"d", "s"}
        assert {(latency.system, latency.operation) for latency in seen.latencies} >= {("right", "create")}
        assert [(error.records, error.field) for error in seen.errors] == [(2, "priority")]
        assert seen.errors[0].key in ("K003", "K004") and seen.errors[0].last
        rest = it.client.get("/wave", WaveDetail, name="rest")
        assert rest.errors == []


def test_a_call_that_fails_shows_in_its_wave(tmp_path: Path) -> None:
    target = "{ faults: [{ kind: unavailable, call: create, times: 1 }, { kind: throttle, call: create, times: 1 }] }"
    with running(tmp_path, target=target) as it:
        it.client.post("/run", Receipt, Run(by="ana", waves=["pilot"]))
        until(lambda: (status := it.status()) is not None and status.run_outcome == "done", "the run is done")
        seen = it.client.get("/wave", WaveDetail, name="pilot")
        assert seen.retries == {"right: no answer": 1, "right: rate limit": 1}
        assert [(error.cause, error.calls, error.records) for error in seen.errors] == [
            ("right: no answer", 1, 0),
            ("right: rate limit", 1, 0),
        ]
        assert any(wait.reason.startswith("retry: ") and wait.seconds > 0 for wait in seen.waits)


def test_a_wave_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with running(tmp_path) as it, pytest.raises(Refusal, match=r"There is no wave pilto\. Waves: pilot, rest"):
        it.client.get("/wave", WaveDetail, name="pilto")


def test_counting_is_cheap() -> None:
    telemetry, _ = told(1, 1)
    began = time.process_time()
    for _ in range(10_000):
        telemetry.called("pilot", "jira", Answer("create", 0.05, 201))
    assert time.process_time() - began < 1.0, "100 µs a call would show at a thousand calls a second"


def test_waiting_in_the_engine_is_charged_to_its_wave() -> None:
    async def scenario() -> None:
        pacing = Pacing(Clock())
        pacing.hold(Hold("pilot", "vendor call", "ben", ""))
        waiting = asyncio.create_task(pacing.clear("pilot"))
        await asyncio.sleep(0.02)
        assert pacing.waits.reasons("pilot") == {"hold by ben: vendor call": 1}
        assert pacing.waits.reasons("rest") == {}
        pacing.lift("pilot")
        await waiting

    asyncio.run(scenario())
