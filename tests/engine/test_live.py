"""The live picture, from a real engine over its real socket; and the broadcast that hands it to all who watch."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.clock import Clock
from engine.live import Broadcast
from engine.wire import Chart, Live, Pause, Receipt, Run, Status, Stop
from tests.cockpit.desk import SLOW, until
from tests.engine.watching import Watcher, knock, running, watching


def first(watcher: Watcher, fits: Callable[[Live], bool], words: str, patience: float = 20) -> Live:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        picture = watcher.picture()
        assert picture is not None, f"the stream ended before: {words}"
        if fits(picture):
            return picture
    raise AssertionError(f"not in {patience} s: {words}")


def drawn(chart: Chart) -> float:
    return sum(value or 0 for value in chart.values) * chart.step


def test_a_picture_shows_the_run_with_its_charts(tmp_path: Path) -> None:
    with running(tmp_path) as it, watching(tmp_path) as watcher:
        idle = watcher.picture()
        assert idle is not None and idle.status.engine == "idle" and idle.average == 0
        it.client.post("/run", Receipt, Run(by="ana"))
        done = first(watcher, lambda live: live.status.run_outcome == "done", "the run is done")
        assert done.number > idle.number and done.status.total.synced == 40 and done.average > 0
        charts = {(chart.name, chart.span): chart for chart in done.charts}
        assert set(charts) == {(n, s) for n in ("written", "errors", "retries", "drift") for s in ("recent", "run")}
        later = first(watcher, lambda live: drawn(live.charts[0]) == 40, "what was written is in the chart")
        assert later.charts[0].span == "recent"
        assert later.error_share == 0 and later.window_ends == "" and later.window_margin is None


def test_one_picture_may_be_asked_for(tmp_path: Path) -> None:
    with running(tmp_path) as it:
        live = it.client.get("/live", Live, once=1)
        assert live.status.migration == "paper"


def test_a_hold_is_seen_at_once_by_everybody_who_watches(tmp_path: Path) -> None:
    with running(tmp_path, target=SLOW) as it, watching(tmp_path) as one, watching(tmp_path) as other:
        it.client.post("/run", Receipt, Run(by="ana"))
        first(one, lambda live: bool(live.status.run), "it runs")
        pressed = time.monotonic()
        it.client.post("/pause", Receipt, Pause(reason="vendor call", by="ben", wait=False))
        answered = time.monotonic()
        for watcher in (one, other):
            seen = first(watcher, lambda live: bool(live.status.holds), "the hold is seen")
            assert seen.status.holds[0].reason == "vendor call"
        assert time.monotonic() - answered < 2, f"answered after {answered - pressed:.2f} s"


def test_when_nothing_changes_a_line_comes_all_the_same_but_seldom(tmp_path: Path) -> None:
    with running(tmp_path), watching(tmp_path) as watcher:
        watcher.picture()
        began, lines = time.monotonic(), 0
        while time.monotonic() - began < 4.5:
            assert watcher.picture() is not None
            lines += 1
        assert 2 <= lines <= 4


def test_the_engine_stops_promptly_with_watchers_and_tells_them(tmp_path: Path) -> None:
    with running(tmp_path) as it, watching(tmp_path) as watcher:
        watcher.picture()
        it.client.post("/stop", Receipt, Stop(by="ana"))
        began = time.monotonic()
        while watcher.picture() is not None:
            pass
        until(lambda: not it.client.answers(), "the engine ends", 10)
        assert time.monotonic() - began < 5


def test_a_reader_who_reads_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    with running(tmp_path, target=SLOW) as it:
        asleep = knock(tmp_path)
        try:
            asleep.sendall(b"GET /live HTTP/1.1\r\nHost: engine\r\n\r\n")
            with watching(tmp_path) as watcher:
                it.client.post("/run", Receipt, Run(by="ana", waves=["pilot"]))
                first(watcher, lambda live: live.status.run_outcome == "done", "the wave is done")
            began = time.monotonic()
            it.client.post("/stop", Receipt, Stop(by="ana"))
            until(lambda: not it.client.answers(), "the engine ends", 10)
            assert time.monotonic() - began < 8
        finally:
            asleep.close()


# ---------------------------------------------------------------- the broadcast by itself


class Camera:
    """Counts the pictures it takes."""

    def __init__(self) -> None:
        self.taken = 0
        self.rate = 0.0

    async def take(self) -> Live:
        self.taken += 1
        return picture(self.taken, self.rate)


def picture(number: int, rate: float) -> Live:
    status: dict[str, Any] = dict.fromkeys(("migration", "at", "engine", "began", "run_by", "run_outcome"), "")
    status |= {name: [] for name in ("run", "holds", "waiting", "waves")} | {"eta_low": None, "eta_high": None}
    status |= {"pid": 1, "rate": rate, "retried": 0, "in_doubt_seen": 0, "total": {}}
    shown: dict[str, Any] = {"number": number, "status": Status.model_validate(status), "charts": [], "alerts": []}
    shown |= {"drift": None, "runbook": None, "error_share": 0, "average": 0, "window_ends": "", "window_margin": None}
    return Live(**shown)


class Quick(Clock):
    """Sleeps a hundredth, so that its seconds pass in a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0.001)


def test_nobody_watching_means_no_picture_and_many_share_one() -> None:
    async def scenario() -> None:
        camera = Camera()
        broadcast = Broadcast(camera.take, Clock())
        await asyncio.sleep(0.05)
        assert camera.taken == 0
        streams = [broadcast.lines() for _ in range(20)]
        lines = await asyncio.gather(*(anext(stream) for stream in streams))
        assert camera.taken == 1
        assert all(line is lines[0] for line in lines), "one picture, put into bytes once"
        for stream in streams:
            await stream.aclose()
        await broadcast.close()

    asyncio.run(scenario())


def test_a_slow_reader_gets_the_newest_and_none_of_those_between() -> None:
    async def scenario() -> None:
        camera = Camera()
        broadcast = Broadcast(camera.take, Quick())
        slow, fast = broadcast.lines(), broadcast.lines()
        await anext(slow)
        for rate in range(5):
            camera.rate = rate + 1.0
            broadcast.poke()
            newest = Live.model_validate_json(await anext(fast))
            while newest.status.rate != rate + 1.0:
                newest = Live.model_validate_json(await anext(fast))
        assert Live.model_validate_json(await anext(slow)).status.rate == 5.0
        for stream in (slow, fast):
            await stream.aclose()
        await broadcast.close()

    asyncio.run(scenario())


def test_a_picture_that_fails_does_not_end_those_that_succeed() -> None:
    async def scenario() -> None:
        camera = Camera()
        failures = iter([True, False, True])

        async def take() -> Live:
            camera.rate += 1
            if next(failures, False):
                raise OSError("of the disk")
            return await camera.take()

        broadcast = Broadcast(take, Quick())
        stream = broadcast.lines()
        for _ in range(3):
            broadcast.poke()
            await asyncio.wait_for(anext(stream), 5)
        await stream.aclose()
        await broadcast.close()

    asyncio.run(scenario())


def test_a_client_that_leaves_is_forgotten(tmp_path: Path) -> None:
    """An engine that somebody watches lives; when the last has left, it may end."""
    with running(tmp_path) as it:
        for _ in range(70):  # more than could queue at the door, had each left something behind
            watcher = Watcher(tmp_path)
            assert watcher.picture() is not None
            watcher.close()
        assert it.client.get("/live", Live, once=1).number > 0


def test_the_lines_say_what_they_are(tmp_path: Path) -> None:
    with running(tmp_path):
        line = knock(tmp_path)
        line.sendall(b"GET /live?once=1 HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert answer.read().count(b"\n") == 1
        answer.close()
        line.close()
