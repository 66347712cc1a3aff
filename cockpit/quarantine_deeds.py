"""What keys do to records that are set aside: take up again, or leave out of the move."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from cockpit.dialogs import Question
from cockpit.format import counted, neutral, shortened
from cockpit.prose import paragraph
from cockpit.rerun_deeds import Part, RerunDeeds
from cockpit.tones import DIM, WARN, toned
from engine.wire import Exclude, Quarantine, Retry

_WIDTH = 74  # columns of a dialog
_TAKEN_UP = ("quarantined", "excluded")


class Choice(NamedTuple):
    """One record, or (no key) all of one cause."""

    bucket: str
    wave: str
    cause: str
    key: str
    records: int


class QuarantineDeeds(RerunDeeds):
    """A screen on which one group or one record is selected."""

    @property
    def choice(self) -> Choice | None:
        raise NotImplementedError

    def act_retry(self) -> None:
        choice = self.choice
        if choice is None:
            self.cockpit.say("Nothing is selected.")
        elif choice.bucket not in _TAKEN_UP:
            self.cockpit.say(_not_for(choice))
        else:
            keys = [choice.key] if choice.key else []
            command = Retry(wave=choice.wave, cause=choice.cause, keys=keys, by=self.cockpit.who)
            self.cockpit.send(f"retry {_what(choice)}", "/retry", command)

    def act_exclude(self) -> None:
        choice = self.choice
        if choice is None:
            self.cockpit.say("Nothing is selected.")
        elif choice.bucket != "quarantined":
            self.cockpit.say(_not_for(choice))
        else:
            self.run_worker(self._ask_to_exclude(choice))

    def act_rerun_these(self) -> None:
        choice = self.choice
        if choice is None:
            self.cockpit.say("Nothing is selected.")
        elif choice.bucket != "quarantined":
            self.cockpit.say("It is excluded: t takes it back." if choice.bucket == "excluded" else _not_for(choice))
        else:
            self.carry_again(Part(choice.wave, cause="" if choice.key else choice.cause, key=choice.key))

    def act_rerun_failed(self) -> None:
        if (choice := self.choice) is None:
            self.cockpit.say("Nothing is selected.")
        else:
            self.carry_again(Part(choice.wave, failed=True))

    # ------------------------------------------------------------ inside

    async def _ask_to_exclude(self, choice: Choice) -> None:
        keys = [choice.key] if choice.key else []
        held = await self.cockpit.ask("/quarantine", Quarantine, wave=choice.wave, cause=choice.cause, key=keys)
        if held is None:
            return
        if not choice.key:  # as many as there are now
            now = [g.records for g in held.groups if (g.bucket, g.wave, g.cause) == choice[:3]]
            choice = choice._replace(records=sum(now))
        fitting = [record for record in held.records if record.bucket == "quarantined"]
        if not fitting:
            self.cockpit.say("They are not quarantined any more.")
            return
        there = sum(1 for record in fitting if record.target)
        lines = _preview(choice, there, len(fitting))

        def said(reason: str | None) -> None:
            if reason:
                self._confirm(choice, reason, lines)

        self.app.push_screen(Question(f"Exclude {_what(choice)}: why?", lines), said)

    def _confirm(self, choice: Choice, reason: str, lines: list[Text]) -> None:
        def typed(answer: str | None) -> None:
            if answer is not None:
                command = Exclude(
                    wave=choice.wave,
                    cause=choice.cause,
                    keys=[choice.key] if choice.key else [],
                    records=choice.records,
                    reason=reason,
                    by=self.cockpit.who,
                )
                self.cockpit.send(f"exclude {_what(choice)}", "/exclude", command)

        lines = [*lines, *paragraph(f"Reason: {reason}", _WIDTH, indent=0)]
        self.app.push_screen(Question(f"Exclude {_what(choice)}", lines, wanted=choice.wave), typed)


def _preview(choice: Choice, there: int, listed: int) -> list[Text]:
    lines = [*paragraph(f"Cause: {choice.cause}", _WIDTH, indent=0)[:3]]
    lines.append(toned(f"{counted(choice.records, 'record')} of {neutral(choice.wave)}: no run takes them up again."))
    if there:
        least = "at least " if choice.records > listed else ""
        lines.append(toned((f"At the target already: {least}{there:,}; what is there stays as it is.", WARN)))
    lines.append(toned(("They stay in the sum as excluded. t takes them back.", DIM)))
    return lines


def _what(choice: Choice) -> str:
    return shortened(choice.key, 40) if choice.key else counted(choice.records, "record")


def _not_for(choice: Choice) -> str:
    return {
        "in_doubt": "It may exist at the target: look there, then say so with cutover resolve.",
        "excluded": "It is excluded already; t takes it back.",
        "left": "It has left the scope of its wave: nothing is to be done with it.",
    }.get(choice.bucket, f"This key is for what is quarantined; this is {choice.bucket.replace('_', ' ')}.")
