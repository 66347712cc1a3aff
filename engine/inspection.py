"""From an assembled migration to the questions of its rules, at the end of a wave and on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from connectors.kit.contract import Clock
from engine.assembly import Assembly
from engine.inquiry import Ask, Inquiry
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.rulings import keep_ruling
from engine.validation import gate_cause, judge

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def inquiry_of(assembly: Assembly, row: WaveRow, ledger: Ledger, clock: Clock, ask: Ask) -> Inquiry:
    planned = assembly.waves[row.name]
    return Inquiry(
        wave=row.id,
        wave_name=row.name,
        playbook=planned.playbook,
        ledger=ledger,
        clock=clock,
        ask=ask,
        scopes={part.flow.name: (part.flow, part.scope) for part in planned.parts},
        entities_by_wave={name: [part.flow for part in wave.parts] for name, wave in assembly.waves.items()},
    )


async def rules_hold(assembly: Assembly, row: WaveRow, ledger: Ledger, clock: Clock, ask: Ask, notes: str) -> str:
    """Ask the wave's rules and keep what they say. Gives why the wave needs a person; "" when every gate holds."""
    ruling = await judge(inquiry_of(assembly, row, ledger, clock, ask), assembly.waves[row.name].rules)
    await keep_ruling(ledger, row.name, ruling)
    return gate_cause(row.name, ruling, notes)


async def ask_once(
    call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """For a person who waits: what fails is told at once."""
    return await call(*args, **kwargs)
