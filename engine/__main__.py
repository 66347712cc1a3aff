"""Starts one engine on one migration folder: `python -m engine DIR`. Assembly only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import uvicorn
import uvloop

from connectors.kit.errors import ConnectorError
from engine import garbage, metrics
from engine.assembly import Assembly, assemble
from engine.clock import Clock
from engine.closeup import CloseUps
from engine.comparing import Comparing
from engine.conductor import Conductor
from engine.control import Attention, door
from engine.errands import Errands
from engine.errors import EngineError, Occupied
from engine.facts import Facts
from engine.inspector import Inspector
from engine.ledger import Ledger
from engine.live import Broadcast, Pictures
from engine.manifest import Seal
from engine.pacing import Pacing
from engine.phases import Phases
from engine.premises import Premises
from engine.profiling import Profiles
from engine.repair import Repairs
from engine.rerun import Reruns
from engine.rollback import Rollbacks
from engine.sampling import Sampler
from engine.shelf import Shelf
from engine.signoff import SignOffs
from engine.snapshot import Snapshots
from engine.systems import Systems
from engine.telemetry import Telemetry
from engine.trouble import describe, log_discreetly, tell_in_the_background
from engine.verification import Verifications
from engine.watch import Watch
from engine.window import Windows
from engine.wire import BAD_FOLDER, OCCUPIED
from runbooks.errors import LoadError
from runbooks.loader import load
from runbooks.migration import Migration

_IDLE = 15.0  # seconds without work and without a request after which an engine ends by itself

log = logging.getLogger("engine")


async def serve(folder: Path, *, witness_from: str = "") -> None:
    """Run until told to stop, or idle for a while."""
    clock = Clock()
    premises = Premises(folder)
    with premises.locked():
        ledger = Ledger(premises.ledger, clock, premises.witness(witness_from))
        await ledger.open()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(ledger.close)
            secret = premises.secret(clock)
            telemetry = Telemetry(clock)
            windows = Windows(lambda: conductor.assembly.migration.windows, clock)
            pacing = Pacing(clock, windows.wait, telemetry.called)
            systems = Systems(pacing)
            stack.push_async_callback(systems.close)

            async def assembled(migration: Migration) -> Assembly:
                return await assemble(migration, ledger, systems, clock, secret)

            async def afresh() -> Assembly:
                return await assembled(load(folder))

            conductor = Conductor(ledger, pacing, clock, telemetry, secret, await afresh(), afresh)
            await conductor.take_up_holds()
            stack.enter_context(garbage.collected_seldom(clock))
            attention = Attention(clock)
            snapshots = Snapshots(conductor, ledger, pacing, telemetry, clock)
            facts = Facts(telemetry, windows, clock)
            shelf = Shelf(conductor.assembly.migration)
            phases = Phases(shelf, Errands(conductor, ledger), ledger, snapshots, facts, clock)
            await stack.enter_async_context(phases.followed())
            watch = Watch(snapshots, telemetry, pacing, ledger, windows, clock, premises.folder)
            await stack.enter_async_context(watch.kept())
            sampler = Sampler(conductor, ledger, pacing, telemetry, clock, secret)
            await stack.enter_async_context(sampler.kept())
            pictures = Pictures(
                snapshots, telemetry, windows, alerts=watch.alerts, runbook=phases.status, drift=sampler.drift
            )
            live = Broadcast(pictures.take, clock)
            closeups = CloseUps(conductor, ledger, pacing, telemetry, clock)
            inspector = Inspector(conductor, ledger, clock)
            rollbacks = Rollbacks(conductor, ledger)
            comparing = Comparing(conductor, ledger, pacing, clock, secret)
            await stack.enter_async_context(comparing.kept())
            verifications = Verifications(conductor, ledger, clock)
            stack.push_async_callback(verifications.end)
            profiles = Profiles(conductor, ledger, clock)
            stack.push_async_callback(profiles.end)
            signoffs = SignOffs(conductor, ledger, lambda: Seal(premises.signing_key(clock)), clock)
            app = door(
                conductor,
                snapshots,
                ledger,
                attention,
                live,
                closeups,
                watch,
                phases,
                signoffs,
                inspector,
                rollbacks,
                comparing,
                Repairs(conductor, ledger, clock),
                verifications,
                Reruns(conductor, ledger, secret, assembled),
                profiles,
            )
            server = uvicorn.Server(
                uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
            )
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(tell_in_the_background)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, lambda: asyncio.ensure_future(conductor.end()))
            loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the terminal went away: that is no reason to end
            asked = conductor.assembly.migration.metrics
            await stack.enter_async_context(metrics.served(asked, pictures.take, telemetry))
            with premises.socket() as listening:  # last: who finds the door open finds all behind it ready
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                log.info("engine %s serves %s", os.getpid(), conductor.assembly.migration.name)
                while not conductor.stopped.is_set():
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(conductor.stopped.wait(), 1.0)
                    if conductor.busy or phases.busy or comparing.busy or verifications.busy or profiles.busy:
                        attention.renew()
                    elif attention.quiet > _IDLE:
                        await conductor.end()
                await live.close()
                server.should_exit = True
                await serving
    log.info("engine %s ended", os.getpid())


def main() -> int:
    log_discreetly()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    try:
        uvloop.run(serve(folder, witness_from=os.environ.get("CUTOVER_CRASH_AT", "")))
    except Occupied as error:
        log.error("%s", error)
        return OCCUPIED
    except (EngineError, LoadError, ConnectorError) as error:
        log.error("%s", error)
        return BAD_FOLDER
    except Exception as error:  # noqa: BLE001 - the log must never hold the message of an unforeseen error
        log.error("the engine ended by an error of its own: %s", describe(error))
        return 70
    return 0


if __name__ == "__main__":
    sys.exit(main())
