"""One record on its way through the pipeline, and what the outcomes of a call make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from connectors.kit.contract import Doubt, Failed, Outcome, Record, Rejected, Write, Written
from connectors.kit.document import decoded
from connectors.kit.errors import ConnectorError, InDoubt
from engine.mapping import Mapped
from engine.model import CHANGING, STALE, Entry, Intent, SetAside

_SHORTEST_SECRET = 4  # characters: a shorter value hides nothing, and removing it would garble every sentence


@dataclass(slots=True)
class Job:
    """`entry` says where the record stands; its target is empty until it exists there."""

    record: Record
    mapped: Mapped
    entry: Entry
    write: Write
    print: str  # keyed hash of the record as it should stand at the target

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def outdated(self) -> bool:
        """The target has an older version of it, or nobody knows which: it was set aside, a person found it, or a
        change of it had no answer."""
        older = self.record.version > self.entry.version or self.entry.version == STALE
        return older or self.entry.print in ("", CHANGING)

    @property
    def whole(self) -> bool:
        """It was done, and is to be carried again, and there is nothing to change."""
        return self.entry.version == STALE and self.entry.print == self.print

    def exists(self, target: str) -> None:
        """It is there now, under this id, in the version that was read."""
        _, bucket, _, _, stamp, wave = self.entry
        self.entry = Entry(self.key, bucket, target, self.record.version, stamp, wave)

    def set_aside(self, cause: str, field: str = "") -> SetAside:
        return SetAside(self.key, cause, field, self.entry.target, self.record.version, self.record.parent)

    def doubt(self, intent: Intent) -> Doubt:
        sent = datetime.fromisoformat(intent.sent)
        return Doubt(self.write.xid, intent.mark, sent, self.write.parent, self.write.fields)


class Sorted(NamedTuple):
    """The outcomes of one round of calls. `broken`: an error of a whole call, certainly not applied."""

    written: list[Job]
    aside: list[SetAside]
    in_doubt: list[Job]
    broken: ConnectorError | None


def sort(jobs: Sequence[Job], outcomes: Iterable[Outcome]) -> Sorted:
    """What became of each job; the written ones know their target from here on."""
    written: list[Job] = []
    aside: list[SetAside] = []
    in_doubt: list[Job] = []
    broken: ConnectorError | None = None
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Written):
            job.exists(outcome.target)
            written.append(job)
        elif isinstance(outcome, Rejected):
            cause = without_values(outcome.cause, job.write.fields, job.record.fields)
            aside.append(job.set_aside(cause, outcome.field))
        elif isinstance(outcome, Failed) and isinstance(outcome.error, InDoubt):
            in_doubt.append(job)
        else:
            broken = broken or outcome.error  # the first is the cause; what follows on it may only be its echo
    return Sorted(written, aside, in_doubt, broken)


def without_values(text: str, *records: Mapping[str, Any]) -> str:
    """A vendor's sentence with every value of these records taken out: it will be kept, and values are not."""
    for value in sorted({text for record in records for text in _texts(decoded(record))}, key=len, reverse=True):
        text = text.replace(value, "…")
    return text[:300]


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        stripped = value.strip()
        if len(stripped) >= _SHORTEST_SECRET:
            yield stripped
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and len(str(value)) >= _SHORTEST_SECRET:
        yield str(value)
