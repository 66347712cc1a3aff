"""`runbook.yaml`: who does what in which order, what the engine does, what must hold, who says go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from runbooks.base import Items, Model, Name, Text, digest, wrong

ALL = "all"
"""Instead of a wave's name: every wave."""

StepKind = Literal["manual", "automatic", "gate", "approval"]

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


def _id(value: Any) -> Any:
    if isinstance(value, str) and not _ID.match(value):
        raise wrong(f"'{value[:64]}' is no id; expected small letters, digits and _, such as freeze_notice")
    return value


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Id = Annotated[str, BeforeValidator(_id)]
"""What people type to tick a step, and gates write: small letters, digits and _."""

WaveNames = Annotated[
    Items[Name], BeforeValidator(_names, json_schema_input_type=Name | list[Name]), Field(min_length=1)
]
"""A wave's name, a list of them, or `all`."""


class Do(Model):
    """What the engine does when an automatic step is started: one verb, and what it is for."""

    run: WaveNames | None = None
    """Run this wave, or these; `all`: those that are not loaded."""
    retry: Name | None = None
    """Take up the quarantined records of this wave again; `all`: of every wave."""
    pause: Name | None = None
    """Hold this wave; `all`: every wave."""
    resume: Name | None = None
    """Lift the hold of this wave; `all`: every hold."""
    check: Annotated[int, Field(ge=0, le=20)] | None = None
    """Check all systems, with so many canaries at the target; 0 writes none."""

    @property
    def waves(self) -> tuple[str, ...]:
        """The waves it names; none for all of them."""
        named = self.run or tuple(name for name in (self.retry, self.pause, self.resume) if name)
        return () if ALL in named else named

    @property
    def verb(self) -> str:
        """What a person would type for it, without `cutover`."""
        if self.check is not None:
            return f"check --canaries {self.check}"
        word = "run" if self.run else "quarantine retry" if self.retry else "pause" if self.pause else "resume"
        return " ".join([word, *(f"--wave {name}" for name in self.waves)])

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        said = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(said) != 1:
            verbs = ", ".join(type(self).model_fields)
            raise wrong(f"expected one verb of {verbs}, found {len(said) or 'none'}", said[1] if said[1:] else "")
        if self.run and ALL in self.run and len(self.run) > 1:
            raise wrong("'all' stands alone; take the other waves out", "run")
        return self


class Step(Model):
    """One thing to do, to wait for or to decide. Without `do`, `gate` and `approval`, a person does it and ticks it."""

    elsewhere: ClassVar[dict[str, str]] = {
        "id": "the id stands under 'step'",
        "run": "verbs go under 'do': do: { run: pilot }",
        "check": "verbs go under 'do': do: { check: 3 }",
        "depends": "what comes before it stands under 'after'",
    }

    step: Id
    """Its id: once in a runbook; ticks are kept under it, also when the rest of the file changes."""
    title: Text
    """What is to be done, in one line."""
    about: str = ""
    """How it is done, in as many words as it needs."""
    owner: Name | None = None
    """The role that does it, or decides; a key of `people` in migration.yaml."""
    minutes: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None
    """How long it is expected to take."""
    after: Items[Id] = ()
    """Ids of steps that must be done or skipped first."""
    evidence: str = ""
    """What the note of its tick must hold: a ticket, a link, a count. Then it cannot be ticked without a note."""
    do: Do | None = None
    """Automatic: what the engine does when it is started."""
    gate: Text | None = None
    """A gate: a sentence over facts. It passes by itself when it holds; until then it blocks."""
    approval: Literal[True] | None = None
    """A go or no-go by the owner."""

    @property
    def kind(self) -> StepKind:
        """Which of the four it is."""
        if self.do is not None:
            return "automatic"
        if self.gate is not None:
            return "gate"
        return "approval" if self.approval else "manual"

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        said = [key for key in ("do", "gate", "approval") if getattr(self, key) is not None]
        if len(said) > 1:
            raise wrong(f"a step is of one kind, here are {' and '.join(said)}; make several steps of it", said[1])
        if not said or said == ["approval"]:
            if self.owner is None:
                raise wrong("missing key 'owner': the role that does this step, or decides")
        elif self.evidence:
            raise wrong(f"'evidence' goes with steps that a person ticks, not with '{said[0]}'", "evidence")
        return self


class Phase(Model):
    """Steps that belong together. It opens when the phase before it is done."""

    phase: Id
    """Its id: once in a runbook."""
    title: Text
    """Its name, as a screen shows it."""
    about: str = ""
    """What it is for."""
    steps: Items[Step] = Field(min_length=1)
    """What is done in it, in the order in which people read it."""


class Runbook(Model):
    """What happens in which order until the migration is over, and who answers for it."""

    runbook: Name
    """Its name."""
    about: str = ""
    """When to use it."""
    phases: Items[Phase] = Field(min_length=1)
    """One after another."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the runbook means; comments, layout, order of keys and written-out defaults are no part."""
        return digest(self)

    @property
    def version(self) -> str:
        """What people see of the digest."""
        return self.digest[:12]

    def steps(self) -> Iterator[Step]:
        """All steps, in the order of the file."""
        for phase in self.phases:
            yield from phase.steps

    def approvals(self) -> list[str]:
        """The ids of its approvals."""
        return [step.step for step in self.steps() if step.kind == "approval"]
