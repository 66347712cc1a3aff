"""Why work waits now: holds, the window, rate limits, latency. A pause is one more reason to wait, nothing else.

Two questions are asked here, and only here:
- may a step of this wave begin? (`Pacing.step`: holds and the window)
- may a call to this system begin? (`SystemPacer.turn`: holds again, then concurrency and rate limits)
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from connectors.kit.contract import Answer, Ports
from engine.clock import Clock
from engine.model import Hold
from engine.waits import Waits

ALL = ""
"""The wave name of a hold on all waves."""

_HOUR = 3600.0
_RECHECK = 1.0  # seconds between looks at a window or a limit that may have been lifted meanwhile

# Gradient2 (Netflix concurrency-limits), with a floor of 1: batch work must be able to go that low.
_TOLERANCE, _QUEUE, _LONG = 1.5, 4.0, 600

_wave: ContextVar[str] = ContextVar("wave", default="")


@dataclass(slots=True)
class Allowance:
    """How many calls a window allows in one scope, and how many of them are ours by now."""

    limit: float
    window: float  # seconds
    ends: float  # monotonic
    used: float = 0
    reason: str = ""


class SystemPacer:
    """Paces the calls to one system. Implements `connectors.kit.contract.Pacer`.

    Concurrency is found between 1 and the declared maximum: down at once on 429, 503 and lost calls (AIMD), down or up
    by the gradient of latency (Gradient2). Known limits leave `live_share` of themselves to other users.
    """

    def __init__(self, name: str, limits: Mapping[str, Any], pacing: Pacing) -> None:
        self._name = name
        self._pacing = pacing
        self._clock = pacing.clock
        self.most = max(1, int(limits.get("concurrency", 8)))
        self.live_share = _share(limits.get("live_share", 0))
        self.width = float(min(self.most, 4))
        self._starting = True  # doubling each round until the first sign of trouble
        self._running = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._blocked: dict[str, tuple[float, str]] = {}  # scope -> (until, reason)
        self._known: dict[str, Allowance] = {}  # scope -> what the system told
        self._declared = list(self._allowances(limits))
        self._shrunk = -1e9
        self._long = 0.0  # mean latency over about the last 600 calls, seconds
        self._round: list[float] = []  # latencies of this round

    def _allowances(self, limits: Mapping[str, Any]) -> Iterable[Allowance]:
        now = self._clock.monotonic()
        for key, window in (("requests_per_second", 1.0), ("requests_per_hour", _HOUR)):
            if limits.get(key):
                limit = float(limits[key]) * (1 - self.live_share)
                longer = window / min(1.0, limit)  # half a call a second is one in two seconds
                yield Allowance(max(1.0, limit), longer, now + longer, reason=f"declared {key}")

    # ------------------------------------------------------------ the port

    async def turn(self, scope: str) -> None:
        """Wait until a call in `scope` may start."""
        pacing, wave = self._pacing, _wave.get()
        while True:
            if wave and pacing.braked(wave):  # a hold stops waves; what a person asks meanwhile is answered
                pacing.blocked[wave] += 1
                try:
                    await pacing.clear(wave)
                finally:
                    pacing.blocked[wave] -= 1
            elif (wait := self._wait_for(scope)) is not None:
                seconds, reason = wait
                await pacing.wait(f"{self._name}: {reason}", self._clock.sleep(min(seconds, _RECHECK)))
            elif self._running >= int(self.width):
                await self._queue_up()
                self._running -= 1  # the place is kept: nobody runs between here and the next look
                if (wave and pacing.braked(wave)) or self._wait_for(scope) is not None:
                    self._wake_next()  # it cannot be used now: whoever can shall have it
            else:
                break
        self._running += 1
        pacing.calls[wave] += 1
        for allowance in self._declared:
            allowance.used += 1
        if (known := self._known.get(scope)) is not None:
            known.used += 1

    def done(self, answer: Answer) -> None:
        """Give the turn back, and learn from the answer."""
        self._running -= 1
        wave = _wave.get()
        self._pacing.calls[wave] -= 1
        self._pacing.called(wave, self._name, answer)
        self._learn(answer)
        self._adapt(answer)
        self._wake_next()

    # ------------------------------------------------------------ waiting

    def _wake_next(self) -> None:
        while self._queue and self._running < int(self.width):
            waiter = self._queue.popleft()
            if not waiter.done():
                self._running += 1
                waiter.set_result(None)

    async def _queue_up(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._running -= 1
                self._wake_next()
            else:
                turn.cancel()
            raise

    def _wait_for(self, scope: str) -> tuple[float, str] | None:
        """Seconds and the reason why a call in `scope` must wait; None when it may go."""
        if not (self._blocked or self._declared or self._known):
            return None
        now = self._clock.monotonic()
        for key in (scope, "*"):
            if key in self._blocked:
                until, reason = self._blocked[key]
                if until > now:
                    return until - now, reason
                del self._blocked[key]
        for allowance in (*self._declared, *([self._known[scope]] if scope in self._known else [])):
            if now >= allowance.ends:
                allowance.ends, allowance.used = now + allowance.window, 0
            if allowance.used + 1 > allowance.limit:
                return allowance.ends - now, allowance.reason
        return None

    def trouble(self) -> str:
        """Why a call that failed is not made again at once."""
        now = self._clock.monotonic()
        return next((reason for until, reason in self._blocked.values() if until > now), "trying again in a moment")

    # ------------------------------------------------------------ learning

    def _learn(self, answer: Answer) -> None:
        now = self._clock.monotonic()
        if answer.retry_after is not None and (answer.status in (429, 503) or answer.retry_after > 0):
            reason = answer.reason or ("retry-after" if answer.status != 429 else "rate limit")
            until = now + max(answer.retry_after, 0.05)
            if until > self._blocked.get(answer.scope, (0.0, ""))[0]:
                self._blocked[answer.scope] = (until, reason)
        if answer.limit is None:
            return
        window = _HOUR if answer.reset is None else max(answer.reset, _RECHECK)
        known = self._known.get(answer.scope)
        share = max(1.0, answer.limit * (1 - self.live_share))
        reason = answer.reason or "rate limit"
        if known is None or known.limit != share:
            known = self._known[answer.scope] = Allowance(share, window, now + window, 1, f"{reason} (live share kept)")
        known.ends = now + window
        if answer.remaining is not None:
            # Others use the same quota: what is left of it counts, whoever spent it.
            known.used = max(0.0, share - max(0.0, answer.remaining - answer.limit * self.live_share))

    def _adapt(self, answer: Answer) -> None:
        if answer.status in (0, 429, 503):
            now = self._clock.monotonic()
            if now - self._shrunk > 1.0:  # one bad moment answers many calls at once: shrink once for it
                self._shrunk = now
                self.width = max(1.0, self.width * 0.7)
            self._starting = False
            self._round.clear()
            return
        self._round.append(answer.latency)
        if len(self._round) < self.width:
            return
        short = sum(self._round) / len(self._round)
        weight = min(1.0, len(self._round) / _LONG * 2) if self._long else 1.0
        self._long += (short - self._long) * weight
        gradient = max(0.5, min(1.0, _TOLERANCE * self._long / max(short, 1e-6)))
        self._starting = self._starting and gradient == 1.0 and self.width < self.most
        grown = self.width * 2 if self._starting else 0.8 * self.width + 0.2 * (self.width * gradient + _QUEUE)
        self.width = max(1.0, min(float(self.most), grown))
        self._round.clear()


class SystemClock:
    """The clock of one system's connector: whenever it sleeps, it says why. See `connectors.kit.contract.Clock`."""

    def __init__(self, name: str, pacer: SystemPacer, pacing: Pacing) -> None:
        self._name = name
        self._pacer = pacer
        self._pacing = pacing
        self.now = pacing.clock.now
        self.monotonic = pacing.clock.monotonic
        self.random = pacing.clock.random

    async def sleep(self, seconds: float) -> None:
        await self._pacing.wait(f"{self._name}: {self._pacer.trouble()}", self._pacing.clock.sleep(seconds))


class Pacing:
    """All reasons to wait, of all waves and systems."""

    def __init__(
        self,
        clock: Clock,
        window_wait: Callable[[], float] | None = None,
        called: Callable[[str, str, Answer], None] | None = None,
    ) -> None:
        """`called` hears of every call that came to its end: the wave it was for, the system, and what it told."""
        self.clock = clock
        self.called = called or (lambda _wave, _system, _answer: None)
        self._window_wait = window_wait or (lambda: 0.0)
        self._holds: dict[tuple[str, str], Hold] = {}  # (wave, who): one hand each
        self._lifted = asyncio.Event()
        self._steps: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()  # calls on the way, by wave
        self.blocked: Counter[str] = Counter()  # calls that a hold keeps from leaving, by wave
        self.systems: dict[str, SystemPacer] = {}
        self.waits = Waits(clock)

    def system(self, name: str, limits: Mapping[str, Any]) -> SystemPacer:
        self.systems[name] = SystemPacer(name, limits, self)
        return self.systems[name]

    def ports(self, name: str, limits: Mapping[str, Any]) -> Ports:
        """The world of one system's connector."""
        pacer = self.system(name, limits)
        return Ports(SystemClock(name, pacer, self), pacer)

    def hold(self, hold: Hold) -> None:
        """Take effect of a hold that is durable already."""
        self._holds[hold.wave, hold.by] = hold

    def lift(self, wave: str) -> None:
        self._holds = {slot: hold for slot, hold in self._holds.items() if slot[0] != wave}
        self._lifted.set()
        self._lifted = asyncio.Event()

    def held(self, wave: str) -> Hold | None:
        """The hold that stops this wave, if any."""
        return next((hold for name in (wave, ALL) for slot, hold in self._holds.items() if slot[0] == name), None)

    def braked(self, wave: str) -> bool:
        return bool(self._holds) and self.held(wave) is not None

    def at_rest(self, wave: str) -> bool:
        """A hold on this wave (or on all) is effective: no call is on the way, no step goes on."""
        if wave == ALL:
            return all(self.at_rest(name) for name in tuple(self._steps) if name != ALL)
        return self._steps[wave] == 0 or (self.calls[wave] == 0 and self.blocked[wave] > 0)

    def reasons(self) -> dict[str, int]:
        """Why work waits at this moment: reason -> how many wait."""
        return self.waits.reasons()

    @property
    def waited(self) -> dict[str, float]:
        """Seconds lost to each reason, by all who waited."""
        return self.waits.lost()

    @asynccontextmanager
    async def step(self, wave: str) -> AsyncIterator[None]:
        """Around each step of a wave: begins when nothing holds it, and is waited for by a pause."""
        await self.clear(wave)
        token = _wave.set(wave)
        self._steps[wave] += 1
        try:
            yield
        finally:
            self._steps[wave] -= 1
            _wave.reset(token)

    async def clear(self, wave: str) -> None:
        """Wait until no hold and no closed window stands in the way of this wave."""
        while True:
            if (hold := self.held(wave)) is not None:
                await self.wait(f"hold by {hold.by}: {hold.reason}", self._lifted.wait(), wave)
            elif (seconds := self._window_wait()) > 0:
                await self.wait("window closed", self.clock.sleep(min(seconds, _RECHECK)), wave)
            else:
                return

    async def wait(self, reason: str, until: Awaitable[object], wave: str = "") -> None:
        """Wait for `until`, and say why; outside of a step, say also for which wave."""
        wave = wave or _wave.get()
        self.waits.begin(wave, reason)
        try:
            await until
        finally:
            self.waits.end(wave, reason)


def _share(value: object) -> float:
    """50 % as '50%', 50 or 0.5; a share of the limit that is not ours."""
    if isinstance(value, str):
        return min(0.99, float(value.strip().rstrip("%")) / 100)
    share = float(value or 0)  # type: ignore[arg-type]
    return min(0.99, share / 100 if share >= 1 else share)
