"""The engine's only door: HTTP over a Unix socket. What a key does, a verb does, `curl --unix-socket` can do.

curl --unix-socket .cutover/engine.sock http://engine/status
curl --unix-socket .cutover/engine.sock -d '{"reason": "vendor call", "by": "ana"}' http://engine/pause
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from connectors.kit.errors import ConnectorError
from engine import checks, planner, stories, trial
from engine.clock import Clock
from engine.closeup import CloseUps
from engine.comparing import Comparing
from engine.conductor import Conductor
from engine.errors import EngineError
from engine.inspector import Inspector
from engine.ledger import Ledger
from engine.live import Broadcast
from engine.phases import Phases
from engine.profiling import Profiles
from engine.repair import Repairs
from engine.rerun import Reruns
from engine.rollback import Rollbacks
from engine.signoff import SignOffs
from engine.snapshot import Snapshots
from engine.trouble import describe
from engine.verification import Verifications
from engine.watch import Watch
from engine.wire import (
    Acknowledge,
    Event,
    Events,
    Exclude,
    Pause,
    Problem,
    Profile,
    Reconcile,
    Repair,
    Rerun,
    Resolve,
    Resume,
    Retry,
    Rollback,
    Run,
    Sign,
    Skip,
    Start,
    Stop,
    Tick,
    Validate,
    Verify,
)
from runbooks.errors import LoadError

Command = TypeVar("Command", bound=BaseModel)
Answer = Callable[[Request], Awaitable[BaseModel | Response]]

_LINES = "application/x-ndjson"

log = logging.getLogger(__name__)


class Attention:
    """Whether anybody asks for anything: an engine that nobody needs may end, one that is answering may not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answering = 0
        self._last = clock.monotonic()

    @contextlib.contextmanager
    def paid(self) -> Iterator[None]:
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            self._last = self._clock.monotonic()

    def renew(self) -> None:
        """There is work: it is quiet only from its end on."""
        self._last = self._clock.monotonic()

    @property
    def quiet(self) -> float:
        """Seconds since the last answer and the last work; 0 while an answer is on its way."""
        return 0.0 if self._answering else self._clock.monotonic() - self._last


class _Stream(StreamingResponse):
    """Lines without an end. Whoever reads them wants the engine to live."""

    def __init__(self, lines: AsyncGenerator[bytes, None], attention: Attention) -> None:
        super().__init__(lines, media_type=_LINES)
        self._lines = lines
        self._attention = attention

    async def stream_response(self, send: Send) -> None:
        with self._attention.paid():
            async with contextlib.aclosing(self._lines):  # a reader that leaves ends it at once
                await super().stream_response(send)


def door(
    conductor: Conductor,
    snapshots: Snapshots,
    ledger: Ledger,
    attention: Attention,
    broadcast: Broadcast,
    closeups: CloseUps,
    watch: Watch,
    phases: Phases,
    signoffs: SignOffs,
    inspector: Inspector,
    rollbacks: Rollbacks,
    comparing: Comparing,
    repairs: Repairs,
    verifications: Verifications,
    reruns: Reruns,
    profiles: Profiles,
) -> Starlette:
    """The application behind the socket."""

    async def status(_: Request) -> BaseModel:
        return await snapshots.take()

    async def live(request: Request) -> Response:
        """Lines of JSON, one a picture, until the engine ends or the client leaves; with `once=1`, one line."""
        if request.query_params.get("once", "") not in ("", "0"):
            return Response(await broadcast.once(), media_type=_LINES)

        return _Stream(broadcast.lines(), attention)

    async def wave(request: Request) -> BaseModel:
        asked = request.query_params
        return await closeups.take(asked.get("name", ""), _number(asked.get("cells", ""), 400))

    async def runbook(_: Request) -> BaseModel:
        return await phases.required()

    async def results(_: Request) -> BaseModel:
        return await inspector.results()

    async def sign_off(request: Request) -> BaseModel:
        return await signoffs.preview(request.query_params.get("wave", ""))

    async def comparisons(_: Request) -> BaseModel:
        return await comparing.state()

    async def drift(request: Request) -> BaseModel:
        asked = request.query_params
        return await comparing.rows(wave=asked.get("wave", ""), keys=asked.getlist("key"))

    async def difference(request: Request) -> BaseModel:
        asked = request.query_params
        return await comparing.show(asked.get("key", ""), plainly=asked.get("plainly", "") not in ("", "0"))

    async def mending(request: Request) -> BaseModel:
        asked = request.query_params
        kinds, keys = asked.getlist("class"), asked.getlist("key")
        return await repairs.preview(asked.get("wave", ""), kinds, keys, asked.get("also_edited", ""))

    async def rollback(request: Request) -> BaseModel:
        return await rollbacks.preview(request.query_params.get("wave", ""))

    async def again(request: Request) -> BaseModel:
        asked = request.query_params
        return await reruns.preview(
            Rerun(
                wave=asked.get("wave", ""),
                failed=asked.get("failed", "") not in ("", "0"),
                cause=asked.get("cause", ""),
                keys=asked.getlist("key"),
                mapping=asked.get("mapping", "newest"),
                by="",
            )
        )

    async def verified(_: Request) -> BaseModel:
        return await verifications.report()

    async def profiled(request: Request) -> BaseModel:
        return profiles.report(plainly=request.query_params.get("plainly", "") not in ("", "0"))

    async def plan(_: Request) -> BaseModel:
        return await planner.plan(conductor.assembly, ledger)

    async def check(request: Request) -> BaseModel:
        return await checks.check(conductor.assembly, ledger, int(request.query_params.get("canaries", 0)))

    async def try_record(request: Request) -> BaseModel:
        asked = request.query_params
        return await trial.try_record(conductor.assembly, asked.get("record", ""), asked.get("entity", ""))

    async def quarantine(request: Request) -> BaseModel:
        asked = request.query_params
        return await stories.quarantine(
            conductor.assembly,
            ledger,
            wave=asked.get("wave", ""),
            cause=asked.get("cause", ""),
            keys=asked.getlist("key"),
        )

    async def events(request: Request) -> BaseModel:
        rows = await ledger.events(int(request.query_params.get("after", 0)))
        shaped = [
            Event(id=i, at=at, by=by, what=what, wave=wave, detail=detail) for i, at, by, what, wave, detail in rows
        ]
        return Events(events=shaped)

    def command(model: type[Command], act: Callable[[Command], Awaitable[BaseModel]]) -> Answer:
        async def answer(request: Request) -> BaseModel:
            try:
                return await act(model.model_validate_json(await request.body()))
            finally:
                broadcast.poke()

        return answer

    def route(path: str, method: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            with attention.paid():
                return await _answer(answer, request)

        return Route(path, endpoint, methods=[method])

    return Starlette(
        routes=[
            route("/status", "GET", status),
            route("/live", "GET", live),
            route("/wave", "GET", wave),
            route("/runbook", "GET", runbook),
            route("/validate", "GET", results),
            route("/validate", "POST", command(Validate, inspector.validate)),
            route("/sign", "GET", sign_off),
            route("/sign", "POST", command(Sign, signoffs.sign)),
            route("/reconcile", "GET", comparisons),
            route("/reconcile", "POST", command(Reconcile, comparing.reconcile)),
            route("/drift", "GET", drift),
            route("/difference", "GET", difference),
            route("/repair", "GET", mending),
            route("/repair", "POST", command(Repair, repairs.repair)),
            route("/rollback", "GET", rollback),
            route("/rollback", "POST", command(Rollback, rollbacks.roll_back)),
            route("/rerun", "GET", again),
            route("/rerun", "POST", command(Rerun, reruns.rerun)),
            route("/verify", "GET", verified),
            route("/verify", "POST", command(Verify, verifications.verify)),
            route("/profile", "GET", profiled),
            route("/profile", "POST", command(Profile, profiles.profile)),
            route("/plan", "GET", plan),
            route("/check", "POST", check),
            route("/map", "GET", try_record),
            route("/quarantine", "GET", quarantine),
            route("/events", "GET", events),
            route("/run", "POST", command(Run, conductor.run)),
            route("/pause", "POST", command(Pause, conductor.pause)),
            route("/resume", "POST", command(Resume, conductor.resume)),
            route("/retry", "POST", command(Retry, conductor.retry)),
            route("/exclude", "POST", command(Exclude, conductor.exclude)),
            route("/resolve", "POST", command(Resolve, conductor.resolve)),
            route("/tick", "POST", command(Tick, phases.tick)),
            route("/skip", "POST", command(Skip, phases.skip)),
            route("/start", "POST", command(Start, phases.start)),
            route("/acknowledge", "POST", command(Acknowledge, watch.acknowledge)),
            route("/stop", "POST", command(Stop, conductor.stop)),
        ]
    )


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() else otherwise


async def _answer(answer: Answer, request: Request) -> Response:
    try:
        answered = await answer(request)
        return answered if isinstance(answered, Response) else _json(answered, 200)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        hint = "If cutover was changed since this engine started, type: cutover stop"
        return _json(Problem(error=f"The command is not understood: {wrong}. {hint}"), 422)
    except LoadError as error:
        return _json(Problem(error=str(error)), 422)
    except EngineError as error:
        return _json(Problem(error=str(error)), 409)
    except ConnectorError as error:
        return _json(Problem(error=str(error)), 502)
    except Exception as error:  # noqa: BLE001 - one bad request must not end the night
        log.error("%s %s failed: %s", request.method, request.url.path, describe(error))
        return _json(Problem(error=f"An error of the engine itself: {describe(error)}. See its log."), 500)


def _json(model: BaseModel, status: int) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")
