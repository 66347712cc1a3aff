"""What can go wrong at a memory store, on demand or by chance, so that an engine can be tested without HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from connectors.kit.filters import compile_filters

Kind = Literal["unavailable", "throttle", "drop_before", "drop_after", "late", "reject", "fail"]
Call = Literal[
    "",
    "count",
    "read",
    "fetch",
    "children",
    "changes",
    "content",
    "create",
    "update",
    "find",
    "move",
    "delete",
    "stand",
    "hanging",
    "census",
    "tally",
    "others",
    "image",
    "lookup",
    "restore",
]


class Fault(BaseModel):
    """One rule. Kinds:

    - unavailable, throttle: the call is not applied, and says so
    - drop_before, drop_after: InDoubt, before or after the call was applied (on reads: Unavailable)
    - late: InDoubt, and the call is applied `seconds` later
    - reject: the records that `where` picks are refused, the rest lives
    - fail: the records that `where` picks are applied, yet come back as Failed(InDoubt)
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    call: Call = ""  # "": any
    times: int | None = None  # strikes left; None: no end
    rate: float = Field(default=1.0, ge=0, le=1)
    seconds: float = 1.0  # throttle: retry after; late: the delay
    where: str | Callable[[Mapping[str, Any]], bool] = ""  # a filter on the fields written or deleted; "": all
    cause: str = "refused by a rule"  # of reject
    field: str = ""  # of reject

    def picks(self, fields: Mapping[str, Any]) -> bool:
        if isinstance(self.where, str):
            test = compile_filters([self.where], (), "faults")
            return test is None or test(fields)
        return self.where(fields)


class Faults:
    """The rules of a store, in the order in which they were added; the first that strikes decides a call."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def add(self, kind: str, call: str = "", **rule: Any) -> Fault:
        """Add a rule: `faults.add("drop_after", "create", times=1)`. ValueError for an unknown kind."""
        if kind not in get_args(Kind):
            raise ValueError(f"there is no fault {kind}; known: {', '.join(get_args(Kind))}")
        made = Fault.model_validate({"kind": kind, "call": call, **rule})
        self.rules.append(made)
        return made

    def clear(self) -> None:
        self.rules.clear()


def of_call(
    rules: Sequence[Fault], call: str, fields: Sequence[Mapping[str, Any]], chance: Callable[[], float]
) -> Fault | None:
    """The rule that strikes this whole call, if one does. `fields` are those of its writes."""
    for rule in rules:
        if rule.kind in ("reject", "fail") or rule.call not in ("", call):
            continue
        if fields and rule.where and not any(rule.picks(one) for one in fields):
            continue
        if _strikes(rule, chance):
            return rule
    return None


def of_record(
    rules: Sequence[Fault], call: str, fields: Mapping[str, Any], chance: Callable[[], float]
) -> Fault | None:
    """The rule that strikes one record of a call."""
    for rule in rules:
        applies = rule.kind in ("reject", "fail") and rule.call in ("", call)
        if applies and rule.picks(fields) and _strikes(rule, chance):
            return rule
    return None


def _strikes(rule: Fault, chance: Callable[[], float]) -> bool:
    if rule.times == 0 or (rule.rate < 1 and chance() >= rule.rate):
        return False
    if rule.times is not None:
        rule.times -= 1
    return True
