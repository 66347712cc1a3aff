"""How checks are written down, picked and run."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import Lookup, Readback, Source, Target, Traits, Undo

Body = Callable[[Subject, Any], Awaitable[None]]
Side = type[Source] | type[Target] | type[Readback] | type[Undo] | type[Lookup]
Factory = Callable[[], AbstractAsyncContextManager[Subject]]


class Broken(AssertionError):
    """The connector does not keep a promise of the contract."""


def must(holds: bool, sentence: str) -> None:
    if not holds:
        raise Broken(sentence)


@dataclass(frozen=True)
class Check:
    """One promise. `needs` are attributes and knobs of the subject; `declares` looks at the entity's traits."""

    name: str
    side: Side
    run: Body
    needs: tuple[str, ...]
    declares: Callable[[Traits], bool]

    def __str__(self) -> str:
        return self.name


CHECKS: list[Check] = []


def _always(traits: Traits) -> bool:
    return True


def of_source(*needs: str, declares: Callable[[Traits], bool] = _always) -> Callable[[Body], Body]:
    """A check over `subject.entity`."""
    return _kept(Source, ("entity", *needs), declares)


def of_target(*needs: str, declares: Callable[[Traits], bool] = _always) -> Callable[[Body], Body]:
    """A check over `subject.target_entity`."""
    return _kept(Target, ("target_entity", *needs), declares)


def of_readback(*needs: str, declares: Callable[[Traits], bool] = _always) -> Callable[[Body], Body]:
    """A check over `subject.target_entity`, of a target that reads back."""
    return _kept(Readback, ("target_entity", *needs), declares)


def of_undo(*needs: str, declares: Callable[[Traits], bool] = _always) -> Callable[[Body], Body]:
    """A check over `subject.target_entity`, of a target that puts back."""
    return _kept(Undo, ("target_entity", *needs), declares)


def of_lookup(*needs: str, declares: Callable[[Traits], bool] = _always) -> Callable[[Body], Body]:
    """A check over `subject.target_entity`, of a target that finds what was there before."""
    return _kept(Lookup, ("target_entity", *needs), declares)


def _kept(side: Side, needs: tuple[str, ...], declares: Callable[[Traits], bool]) -> Callable[[Body], Body]:
    def keep(body: Body) -> Body:
        CHECKS.append(Check(getattr(body, "__name__", ""), side, body, needs, declares))
        return body

    return keep


async def run(check: Check, factory: Factory) -> str:
    """Run one check on a fresh subject. Returns why it does not apply, "" when it passed; raises Broken when not."""
    async with factory() as subject:
        lacking = [need for need in check.needs if not _offers(subject, need)]
        if lacking:
            return f"the subject has no {', '.join(lacking)}"
        connector = await subject.connect()
        try:
            if not isinstance(connector, check.side):
                return f"the connector is no {check.side.__name__}"
            entity = subject.entity if check.side is Source else subject.target_entity
            if not check.declares(connector.traits(entity)):
                return "the connector declares otherwise"
            with _Listening(subject.secret):
                await check.run(subject, connector)
        finally:
            await connector.close()
        taken, given = subject.pacer.turns, len(subject.pacer.answers)
        must(taken == given, f"{taken} turns were taken from the pacer and {given} given back")
    return ""


def _offers(subject: Subject, need: str) -> bool:
    mine = getattr(type(subject), need)
    if callable(mine):
        return mine is not getattr(Subject, need)
    return bool(getattr(subject, need))


class _Listening(logging.Handler):
    """Watches the log: no line may carry a value of a record."""

    def __init__(self, secret: str) -> None:
        super().__init__(logging.DEBUG)
        self.secret = secret
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if self.secret and self.secret in record.getMessage():
            self.leaks.append(f"{record.name}, line {record.lineno}")

    def __enter__(self) -> None:
        self.level_before = logging.root.level
        logging.root.addHandler(self)
        logging.root.setLevel(logging.DEBUG)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        logging.root.removeHandler(self)
        logging.root.setLevel(self.level_before)
        if kind is None:
            must(not self.leaks, f"a log line carries a value of a record: {', '.join(self.leaks)}")
