"""Why work waits, how long, and that it goes on again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from connectors.kit.contract import Answer
from engine.clock import Clock
from engine.model import Hold
from engine.pacing import Pacing, SystemPacer


class QuickClock(Clock):
    """Time passes only by sleeping, and sleeping takes none."""

    def __init__(self) -> None:
        super().__init__(1)
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


def paced(limits: dict[str, object], work: Callable[[SystemPacer, Pacing, QuickClock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = QuickClock()
        pacing = Pacing(clock)
        await work(pacing.system("jira", limits), pacing, clock)

    asyncio.run(main())


async def call(pacer: SystemPacer, scope: str = "issue", latency: float = 0.02, **answer: object) -> None:
    await pacer.turn(scope)
    pacer.done(Answer(scope, latency, **{"status": 200, **answer}))  # type: ignore[arg-type]


HOLD = Hold("pilot", "vendor call", "ana", "2026-11-21T21:00:00+00:00")


def test_a_declared_rate_is_kept() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        began = clock.time
        for _ in range(100):
            await call(pacer)
        assert 9 <= clock.time - began <= 11
        assert pacing.waited["jira: declared requests_per_second"] > 8

    paced({"requests_per_second": 10}, work)


def test_the_live_share_of_a_declared_limit_is_left_to_people() -> None:
    async def work(pacer: SystemPacer, _: Pacing, clock: QuickClock) -> None:
        began = clock.time
        for _n in range(101):
            await call(pacer)
        assert clock.time - began >= 3600

    paced({"requests_per_hour": 200, "live_share": "50%"}, work)


def test_retry_after_stops_its_scope_and_no_other() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        await call(pacer, "search", status=429, retry_after=30.0, reason="jira-burst-based")
        began = clock.time
        await call(pacer, "issue")
        assert clock.time == began
        await call(pacer, "search")
        assert clock.time - began >= 30
        assert "jira: jira-burst-based" in pacing.waited

    paced({}, work)


def test_a_quota_that_others_use_up_stops_us_before_the_live_share() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        await call(pacer, limit=1000.0, remaining=800.0, reset=600.0)
        began = clock.time
        await call(pacer, limit=1000.0, remaining=499.0, reset=590.0)  # somebody else spent 300 at once
        assert clock.time == began
        await call(pacer)
        assert clock.time - began >= 590, "the half that is left belongs to the people who work there"

    paced({"live_share": 0.5}, work)


def test_concurrency_falls_at_once_on_429_and_grows_again_while_all_is_well() -> None:
    async def work(pacer: SystemPacer, _: Pacing, clock: QuickClock) -> None:
        for _n in range(300):
            await call(pacer)
        grown = pacer.width
        assert grown == 16
        await call(pacer, status=429, retry_after=0.0)
        assert pacer.width < grown
        fallen = pacer.width
        await call(pacer, status=429, retry_after=0.0)
        assert pacer.width == fallen, "one bad moment is answered once"
        for _n in range(300):
            await call(pacer)
        assert pacer.width == 16

    paced({"concurrency": 16}, work)


def test_concurrency_falls_when_answers_take_much_longer() -> None:
    async def work(pacer: SystemPacer, _: Pacing, clock: QuickClock) -> None:
        for _n in range(600):
            await call(pacer, latency=0.02)
        for _n in range(200):
            await call(pacer, latency=2.0)
        assert pacer.width < 16

    paced({"concurrency": 16}, work)


def test_no_more_calls_run_than_the_width_allows() -> None:
    async def work(pacer: SystemPacer, _: Pacing, clock: QuickClock) -> None:
        running = most = 0

        async def one() -> None:
            nonlocal running, most
            await pacer.turn("issue")
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            pacer.done(Answer("issue", 0.02, 200))

        await asyncio.gather(*(one() for _ in range(200)))
        assert most <= 5

    paced({"concurrency": 5}, work)


def test_a_cancelled_wait_gives_its_place_back() -> None:
    async def work(pacer: SystemPacer, _: Pacing, clock: QuickClock) -> None:
        await pacer.turn("issue")
        waiting = [asyncio.create_task(pacer.turn("issue")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting[:4]:
            task.cancel()
        await asyncio.gather(*waiting[:4], return_exceptions=True)
        pacer.done(Answer("issue", 0.02, 200))
        await asyncio.wait_for(waiting[4], 1)
        pacer.done(Answer("issue", 0.02, 200))
        await asyncio.wait_for(call(pacer), 1)

    paced({"concurrency": 1}, work)


def test_a_hold_keeps_calls_that_wait_for_a_limit_from_leaving() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        left = 0

        async def step() -> None:
            nonlocal left
            async with pacing.step("pilot"):
                await pacer.turn("issue")
                left += 1
                pacer.done(Answer("issue", 0.02, 200))

        await pacer.turn("issue")
        waiting = asyncio.create_task(step())
        await asyncio.sleep(0)
        assert not pacing.at_rest("pilot")
        pacing.hold(HOLD)
        pacer.done(Answer("issue", 0.02, 200))
        for _ in range(10):
            await asyncio.sleep(0)
        assert left == 0
        assert pacing.at_rest("pilot"), "nothing is on the way: the pause is in force"
        assert pacing.reasons() == {"hold by ana: vendor call": 1}
        pacing.lift("pilot")
        await waiting
        assert left == 1

    paced({"concurrency": 1}, work)


def test_a_hold_on_one_wave_leaves_the_others_alone() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        pacing.hold(HOLD)
        async with pacing.step("rest"):
            await call(pacer)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pacing.clear("pilot"), 0.05)

    paced({}, work)


def test_a_closed_window_is_a_reason_to_wait_and_opens_by_itself() -> None:
    async def main() -> None:
        clock = QuickClock()
        opens = clock.time + 90
        pacing = Pacing(clock, lambda: max(0.0, opens - clock.time))
        async with pacing.step("pilot"):
            assert clock.time >= opens
        assert pacing.waited["window closed"] >= 89

    asyncio.run(main())


def test_a_window_that_is_over_by_the_answers_word_does_not_last_an_hour() -> None:
    async def work(pacer: SystemPacer, pacing: Pacing, clock: QuickClock) -> None:
        await call(pacer, limit=100.0, remaining=0.0, reset=0.0)
        began = clock.time
        await call(pacer)
        assert clock.time - began < 5

    paced({}, work)


def test_a_connector_that_sleeps_says_why() -> None:
    async def main() -> None:
        pacing = Pacing(QuickClock())
        clock, pacer = pacing.ports("jira", {})
        await clock.sleep(2.0)
        await pacer.turn("issue")
        pacer.done(Answer("issue", 0.02, 429, retry_after=30.0, reason="jira-burst-based"))
        await clock.sleep(30.0)
        assert pacing.waited == {"jira: trying again in a moment": 2.0, "jira: jira-burst-based": 30.0}
        assert pacing.reasons() == {}

    asyncio.run(main())


def test_the_reasons_of_a_bad_night_stay_few() -> None:
    async def main() -> None:
        pacing = Pacing(QuickClock())
        for n in range(1000):
            await pacing.wait(f"retry: call {n}", pacing.clock.sleep(1.0))
        assert len(pacing.waited) < 100
        assert sum(pacing.waited.values()) == 1000

    asyncio.run(main())
