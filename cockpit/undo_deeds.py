"""What keys undo: the selected wave is rolled back, or carried again. First every record is looked at, and what would
happen is shown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from cockpit.aside import LONG, aside
from cockpit.deeds import WaveDeeds
from cockpit.format import count, counted, interval, moment, neutral
from cockpit.preview import WIDTH as _WIDTH
from cockpit.preview import Seen, agree
from cockpit.prose import paragraph
from cockpit.rerun_deeds import Part, RerunDeeds
from cockpit.tones import ALARM, BUSY, DIM, WARN, toned
from engine.wire import Rollback, RollbackPreview, UndoEntity

_NAMED = 50  # edited records that are named

_FATES = {
    "removed": ("removed", BUSY),
    "closed": ("closed: the system deletes none", BUSY),
    "restored": ("put back as they were", BUSY),
    "cleared": ("cleared in other records", BUSY),
    "gone": ("gone already", DIM),
    "never created": ("never created", DIM),
    "edited": ("stay: somebody else edited them since", WARN),
    "foreign": ("stay: they do not carry our id", WARN),
    "cannot be restored": ("stay: what they were like was destroyed at sign-off", WARN),
    "cannot be deleted": ("stay: the system deletes none", WARN),
    "in doubt": ("stay: in doubt, say first whether they exist", ALARM),
    "stays": ("stay as they are", DIM),
    "refused": ("refused", ALARM),
}
"""What becomes of a record, in words for a person."""


class UndoDeeds(WaveDeeds, RerunDeeds):
    """What is pressed is done to the wave that is `selected`."""

    def act_roll_back(self) -> None:
        wave = self.selected
        if not wave:
            self.cockpit.say("Select one wave: a rollback is of one wave.")
            return

        async def look() -> Seen:
            client = self.cockpit.client
            preview = await aside(lambda: client.get("/rollback", RollbackPreview, timeout=LONG, wave=wave))
            return Seen([*_lines(preview)], wave, not preview.refusals, bool(preview.despite))

        def act(despite: str) -> None:
            command = Rollback(wave=wave, despite=despite, by=self.cockpit.who)
            self.cockpit.send(f"roll {wave} back", "/rollback", command)

        waiting = "Looking at every record of it at the target. Minutes for a large wave; Esc gives up."
        agree(self.app, f"Roll {neutral(wave)} back", waiting, look, act)

    def act_rerun(self) -> None:
        """All of the wave, with the mapping as the playbook has it now."""
        if self.selected:
            self.carry_again(Part(self.selected))
        else:
            self.cockpit.say("Select one wave: a re-run is of one wave.")

    def act_rerun_failed(self) -> None:
        if self.selected:
            self.carry_again(Part(self.selected, failed=True))
        else:
            self.cockpit.say("Select one wave: a re-run is of one wave.")


def _lines(preview: RollbackPreview) -> Iterator[Text]:
    for each in preview.refusals:
        yield from paragraph(f"▲ {each}", _WIDTH, ALARM, indent=0)
    if preview.began:
        words = f"It was begun by {preview.began_by} at {moment(preview.began)} and cut off: it goes on from there."
        yield from paragraph(words, _WIDTH, WARN, indent=0)
    if not preview.entities:
        yield toned("Nothing of it is at the target.")
    else:
        yield toned((f"At {', '.join(preview.systems)}:", DIM))
    for entity in preview.entities:
        yield from _fates(entity)
    needs = interval(preview.seconds_low, preview.seconds_high)
    yield toned((f"Time: {needs}. Killed or paused, it goes on where it was.", DIM))
    for each in preview.despite:
        yield from paragraph(f"▲ {each}", _WIDTH, ALARM, indent=0)
    if preview.despite and not preview.refusals:
        yield toned(("Say why it is rolled back all the same; then its name is asked for.", WARN))
    if preview.unanswered:
        yield toned((f"{counted(preview.unanswered, 'create')} without an answer: looked up first", WARN))
    for other, n in preview.references.items():
        words = f"{counted(n, 'reference')} of wave {other} to them: loosened, a later run ties them again"
        yield from paragraph(words, _WIDTH, WARN, indent=0)
    for other, n in preview.elsewhere.items():
        words = f"{counted(n, 'record')} of them are in wave {other}'s scope too: run before this one, it takes them"
        yield from paragraph(words, _WIDTH, DIM, indent=0)
    for note in preview.notes:
        yield from paragraph(note, _WIDTH, DIM, indent=0)
    for one in preview.edited[:_NAMED]:
        who = f"by {one.by or 'somebody else'}" + (f" at {moment(one.at)}" if one.at else "")
        yield from paragraph(f"stays: {one.entity} {one.target} ({one.key}), edited {who}", _WIDTH, WARN, indent=0)
    if (more := len(preview.edited) - _NAMED) > 0:
        yield toned((f"… and {count(more)} more; all: cutover rollback --preview --json", WARN))


def _fates(entity: UndoEntity) -> Iterator[Text]:
    for fate, n in entity.fates.items():
        words, tone = _FATES.get(fate, (fate, WARN))
        yield toned(f"{entity.entity:<18} ", (f"{count(n):>9} ", tone), (words, tone))
