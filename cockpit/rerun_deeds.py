"""What keys carry again: a wave, what failed of it, a cause, a record. First every record is mapped and compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from cockpit.aside import LONG, aside
from cockpit.format import count, counted, neutral, shortened
from cockpit.preview import WIDTH as _WIDTH
from cockpit.preview import Seen, agree
from cockpit.prose import paragraph
from cockpit.screens.base import Station
from cockpit.tones import ALARM, BUSY, DIM, WARN, toned
from engine.wire import Rerun, RerunPreview


class Part(NamedTuple):
    """What is carried again of a wave: all of it, unless one of the others says less."""

    wave: str
    failed: bool = False  # all that is quarantined
    cause: str = ""
    key: str = ""

    @property
    def words(self) -> str:
        wave = neutral(self.wave)
        if self.key:
            return f"{shortened(neutral(self.key), 40)} of {wave}"
        if self.cause:
            return f"one cause of {wave}"
        return f"what failed of {wave}" if self.failed else wave


class RerunDeeds(Station):
    """With the mapping as the playbook has it now."""

    def carry_again(self, part: Part) -> None:
        """Show what would change; then it wants the wave's name."""

        async def look() -> Seen:
            client = self.cockpit.client
            asked = {"failed": int(part.failed), "cause": part.cause, "key": [part.key] if part.key else []}
            preview = await aside(lambda: client.get("/rerun", RerunPreview, timeout=LONG, wave=part.wave, **asked))
            there = part == Part(part.wave) or preview.records > 0 or preview.goes_on
            return Seen([*_lines(part, preview)], part.wave, there and not preview.refusals, bool(preview.despite))

        def act(despite: str) -> None:
            keys = [part.key] if part.key else []
            command = Rerun(
                wave=part.wave, failed=part.failed, cause=part.cause, keys=keys, despite=despite, by=self.cockpit.who
            )
            self.cockpit.send(f"run {part.words} again", "/rerun", command, patience=LONG)

        much = "Minutes for a large wave; Esc gives up." if not part.key else "Esc gives up."
        waiting = f"Reading every record of it at the source, and mapping it. {much}"
        agree(self.app, f"Run {part.words} again", waiting, look, act)


def _lines(part: Part, preview: RerunPreview) -> Iterator[Text]:
    for each in preview.refusals:
        yield from paragraph(f"▲ {each}", _WIDTH, ALARM, indent=0)
    if preview.refusals:
        return
    if part.cause:
        yield from paragraph(f"Cause: {part.cause}", _WIDTH, indent=0)[:3]
    carried = "is carried again:" if preview.records == 1 else "are carried again:"
    yield toned(f"{counted(preview.records, 'record')} of {neutral(preview.wave)} {carried}")
    for n, of_one, of_many, tone in (
        (preview.changed, "changes at the target", "change at the target", BUSY),
        (preview.created, "is created: the target lacks it", "are created: the target lacks them", BUSY),
        (preview.unchanged, "stays as it is", "stay as they are", DIM),
        (preview.refused, "is refused by the mapping: set aside", "are refused by the mapping: set aside", WARN),
    ):
        if n:
            yield toned((f"{count(n):>9} {of_one if n == 1 else of_many}", tone))
    if preview.goes_on:
        yield toned(("What is left of one that was cut off goes on, too.", DIM))
    if preview.ran_with == preview.mapping:
        yield toned((f"With the playbook it ran with, {preview.mapping[:12]}.", DIM))
    else:
        yield toned((f"It ran with playbook {preview.ran_with[:12]}; now {preview.mapping[:12]}.", WARN))
    if preview.fields:
        yield toned(("Fields that change:", DIM))
    for field in preview.fields:
        yield toned((f"{count(field.records):>9} ", DIM), f"{field.entity}: {field.field}")
    parts = " Parts: F, or R on screen 4." if part == Part(part.wave) else ""
    yield toned((f"Killed or paused, it goes on where it was.{parts}", DIM))
    yield toned(("With the former mapping: cutover rerun --mapping same", DIM))
    for each in preview.despite:
        yield from paragraph(f"▲ {each}", _WIDTH, ALARM, indent=0)
    if preview.despite:
        yield toned(("Say why it is run again all the same; then its name is asked for.", WARN))
