"""The engine's door without a socket: a request goes in as a server would hand it in, an answer comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.applications import Starlette

from engine.closeup import CloseUps
from engine.control import Attention, door
from engine.errands import Errands
from engine.errors import EngineError
from engine.facts import Facts
from engine.inspector import Inspector
from engine.live import Broadcast, Pictures
from engine.phases import Phases
from engine.profiling import Profiles
from engine.shelf import Shelf
from engine.telemetry import Telemetry
from engine.watch import Watch
from engine.window import Windows
from engine.wire import Problem, Receipt

if TYPE_CHECKING:
    from tests.simulation.engine import Life


class Refused(EngineError):
    """The door's word for whatever a room would have raised."""


def doorway(life: Life, telemetry: Telemetry) -> Starlette:
    """Assembled as the engine's process assembles it; what only looks at the engine has nobody to look."""
    conductor, ledger, clock = life.conductor, life.ledger, life.world.engine_clock
    migration = conductor.assembly.migration
    windows = Windows(lambda: migration.windows, clock)
    facts = Facts(telemetry, windows, clock)
    return door(
        conductor,
        life.snapshots,
        ledger,
        Attention(clock),
        Broadcast(Pictures(life.snapshots, telemetry, windows).take, clock),
        CloseUps(conductor, ledger, life.pacing, telemetry, clock),
        Watch(life.snapshots, telemetry, life.pacing, ledger, windows, clock, migration.folder),
        Phases(Shelf(migration), Errands(conductor, ledger), ledger, life.snapshots, facts, clock),
        life.signoffs,
        Inspector(conductor, ledger, clock),
        life.rollbacks,
        life.comparing,
        life.repairs,
        life.verifications,
        life.reruns,
        Profiles(conductor, ledger, clock),
    )


async def give(app: Starlette, command: BaseModel) -> Receipt:
    """`Run(...)` goes to /run. Raises Refused with the door's word; an error of the engine itself is none of these."""
    sent: list[dict[str, Any]] = []
    path = f"/{type(command).__name__.lower()}"
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": command.model_dump_json().encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = sent[0]["status"]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    if status == 200:
        return Receipt.model_validate_json(body)
    problem = Problem.model_validate_json(body).error
    if status == 500:
        raise AssertionError(problem)
    raise Refused(problem)
