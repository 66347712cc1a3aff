"""What keys do about drift: compare the sides, and send again what is missing or changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from cockpit.aside import LONG, aside
from cockpit.dialogs import Question
from cockpit.differing import EDITED
from cockpit.format import counted, neutral, shortened
from cockpit.preview import Preview, Seen
from cockpit.prose import paragraph
from cockpit.screens.base import Station
from cockpit.tones import ALARM, BUSY, DIM, WARN, toned
from engine.wire import Reconcile, Repair, RepairPlan

_WIDTH = 73  # columns of a dialog


class Choice(NamedTuple):
    """One record, or (no key) all of one class."""

    wave: str
    kind: str
    key: str


class DriftDeeds(Station):
    """A screen on which one class of differences or one record is selected."""

    @property
    def choice(self) -> Choice | None:
        raise NotImplementedError

    def act_compare(self) -> None:
        """Compares the selected wave, or every wave that has begun."""
        wave = self.cockpit.wave

        def said(answer: str | None) -> None:
            if answer is None:
                return
            if answer not in ("", "full") and not (answer.isascii() and answer.isdecimal() and int(answer)):
                self.cockpit.say(f"{answer} is neither full nor a number. Nothing was done.")
                return
            sample = int(answer) if answer.isdecimal() else None
            command = Reconcile(wave=wave, full=answer == "full", sample=sample, by=self.cockpit.who)
            self.cockpit.send(f"compare {wave or 'all'}", "/reconcile", command)

        lines = [
            toned("Enter: what was written since it was last found equal."),
            toned("full: all of it, and what the target has beyond it."),
            toned("500: so many records, evenly."),
            toned(("It only reads. What differs is looked at twice before it is called drift.", DIM)),
        ]
        self.app.push_screen(
            Question(f"Compare {neutral(wave) or 'every wave that has begun'}", lines, needed=False), said
        )

    def act_repair(self) -> None:
        choice = self.choice
        if choice is None:
            self.cockpit.say("No difference is selected.")
            return
        also = choice.wave if choice.kind == EDITED else ""
        kinds, keys = ([], [choice.key]) if choice.key else ([choice.kind], [])
        asked: dict[str, object] = {"wave": choice.wave, "class": kinds, "key": keys, "also_edited": also}

        async def look() -> Seen:
            client = self.cockpit.client
            plan = await aside(lambda: client.get("/repair", RepairPlan, timeout=LONG, **asked))
            return Seen([*_lines(plan, bool(also))], choice.wave, plan.records > 0)

        def typed(answer: str | None) -> None:
            if answer is not None:
                command = Repair(wave=choice.wave, kinds=kinds, keys=keys, also_edited=also, by=self.cockpit.who)
                self.cockpit.send(f"mend {shortened(choice.key, 30) or choice.wave}", "/repair", command, patience=LONG)

        what = choice.key or f"{choice.kind.replace('_', ' ')} of {choice.wave}"
        title = f"Mend {shortened(what, _WIDTH - 6)}"
        self.app.push_screen(Preview(title, "Looking at what would be written.", look), typed)


def _lines(plan: RepairPlan, also_edited: bool) -> Iterator[Text]:
    if plan.records:
        yield toned(f"{counted(plan.records, 'record')} of {neutral(plan.wave)}, with what hangs on them:")
        for n, words in (
            (plan.create, "to create again"),
            (plan.update, "to update"),
            (plan.ties, "references to tie"),
        ):
            if n:
                yield toned((f"{n:>9,} {words}", BUSY))
        for name, n in sorted(plan.fields.items(), key=lambda one: -one[1]):
            yield toned((f"{n:>9,} ", DIM), name)
        yield toned(("The same pipeline sends them; cut off, the next run of the wave finishes it.", DIM))
    if also_edited and plan.records:
        yield from paragraph("▲ What somebody else wrote there is overwritten.", _WIDTH, ALARM, indent=0)
    if plan.edited:
        yield toned((f"{counted(plan.edited, 'record stays', 'records stay')}: somebody else edited them", WARN))
    for reason, n in plan.stuck.items():
        yield from paragraph(f"{counted(n, 'record stays', 'records stay')}: {reason}", _WIDTH, WARN, indent=0)
    if plan.records and plan.state == "signed_off":
        yield from paragraph("▲ The wave is signed off: it will have to be signed again.", _WIDTH, ALARM, indent=0)
    if plan.note:
        yield from paragraph(plan.note[0].upper() + plan.note[1:], _WIDTH, WARN, indent=0)
