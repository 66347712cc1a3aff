"""One call to a memory store as a vendor's would be: permitted or not, paced, late when told so, struck by faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from connectors.kit.contract import Answer, Creates, Ports, Write
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Throttled, Unavailable
from connectors.memory.faults import Fault, of_call
from connectors.memory.options import Options
from connectors.memory.store import Store

Result = TypeVar("Result")

_WRITES = ("create", "update", "move", "delete", "restore")


class Calls:
    """The store, what it was told to be, and the world."""

    def __init__(self, held: Store, options: Options, ports: Ports) -> None:
        self.store = held
        self.options = options
        self._clock, self._pacer = ports
        self._rules = [rule.model_copy() for rule in options.faults]
        held.clock = ports.clock

    def _denied(self, right: str) -> bool:
        return right in self.store.denied or right in self.options.denied

    def _permit(self, call: str, entity: str) -> None:
        right = f"{call} {entity}"
        if self._denied(right):
            hint = f'Take "{right}" out of the option denied of this system'
            raise Misconfigured(f"{self.store.name}: this account may not {right}", hint=hint)

    def _faults(self) -> list[Fault]:
        return [*self.store.faults.rules, *self._rules]

    def _struck(self, call: str, fields: Sequence[Mapping[str, Any]]) -> Fault | None:
        return of_call(self._faults(), call, fields, self._clock.random)

    async def _call(self, call: str, entity: str, work: Callable[[], Result], writes: Sequence[Write] = ()) -> Result:
        await self._pacer.turn(call)
        started = self._clock.monotonic()
        status, wait = 0, None
        try:
            await self._clock.sleep(self.options.latency)
            self.store.calls[call] += 1
            self.store.apply_late()
            fault = self._struck(call, [write.fields for write in writes]) if self._faults() else None
            if fault is None:
                result = work()
                status = 200
                return result
            if fault.kind == "throttle":
                status, wait = 429, fault.seconds
                raise Throttled(f"{call} {entity}: told to wait", retry_after=fault.seconds, scope=call)
            if fault.kind == "drop_after" and call in _WRITES:
                work()
            elif fault.kind == "late" and call == "create":
                native = self.options.creates is Creates.NATIVE
                self.store.create_late(entity, writes, fault.seconds, once=native)
            elif fault.kind == "late" and call in _WRITES:
                self.store.later(fault.seconds, work)
            raise _error(fault.kind, call, entity)
        finally:
            self._pacer.done(Answer(call, self._clock.monotonic() - started, status, retry_after=wait))


def _error(kind: str, call: str, entity: str) -> ConnectorError:
    if kind == "unavailable" or call not in _WRITES:
        return Unavailable(f"{call} {entity}: the store does not answer; nothing was applied")
    return InDoubt(f"{call} {entity}: the call went out and no answer came")
