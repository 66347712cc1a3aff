"""What keys do about the proof of a wave: ask its rules, have it verified by other code, sign it off."""

from __future__ import annotations

from cockpit.aside import LONG, aside
from cockpit.client import NoEngine, Refusal
from cockpit.dialogs import Question
from cockpit.format import counted, neutral
from cockpit.panels.proof import to_sign
from cockpit.preview import WIDTH, Seen, agree
from cockpit.tones import DIM, WARN, toned
from cockpit.undo_deeds import UndoDeeds
from engine.wire import Sign, SignOff, Validate, Validation, Verify


class ProofDeeds(UndoDeeds):
    """What is pressed is done to the wave that is `selected`."""

    def act_sign_off(self) -> None:
        wave = self.selected
        if not wave:
            self.cockpit.say("Select one wave: a signature is for one wave.")
            return

        async def look() -> Seen:
            client = self.cockpit.client
            seen = await aside(lambda: client.get("/sign", SignOff, timeout=LONG, wave=wave))
            lines = [*to_sign(seen, WIDTH)]
            if seen.despite and not seen.refusals:
                lines.append(toned(("Say why it is signed all the same; then its name is asked for.", WARN)))
            return Seen(lines, wave, not seen.refusals, bool(seen.despite))

        def act(despite: str) -> None:
            command = Sign(wave=wave, despite=despite, by=self.cockpit.who)
            self.cockpit.send(f"sign {wave}", "/sign", command, patience=LONG)

        agree(self.app, f"Sign {neutral(wave)} off", "Asking what would be signed.", look, act)

    def act_validate(self) -> None:
        self.run_worker(self._validate(self.selected), group="validate", exclusive=True)

    def act_verify(self) -> None:
        wave = self.selected

        def said(answer: str | None) -> None:
            if answer is None:
                return
            if answer and not (answer.isascii() and answer.isdecimal() and int(answer)):
                self.cockpit.say(f"{answer} is no number of records. Nothing was done.")
                return
            command = Verify(wave=wave, sample=int(answer) if answer else None, by=self.cockpit.who)
            self.cockpit.send(f"verify {wave or 'all'}", "/verify", command)

        lines = [
            toned("Reads both systems by a way of its own, and compares them."),
            toned("Enter: all of it, and what the target has beyond it."),
            toned("500: so many records of each entity."),
            toned(("It only reads, at the pace that the systems allow.", DIM)),
        ]
        title = f"Verify {neutral(wave) or 'every wave that has begun'}"
        self.app.push_screen(Question(title, lines, needed=False), said)

    # ------------------------------------------------------------ inside

    async def _validate(self, wave: str) -> None:
        client, command = self.cockpit.client, Validate(wave=wave, by=self.cockpit.who)
        self.cockpit.say(f"Asking the rules of {wave or 'every wave that has begun'} …")
        try:
            answer = await aside(lambda: client.post("/validate", Validation, command, timeout=LONG))
        except (Refusal, NoEngine) as error:
            self.cockpit.say(str(error))
            return
        failing = sum(not each.holds for each in answer.results)
        if not answer.results:
            self.cockpit.say("No rule was asked: the playbook has none.")
        else:
            holding = len(answer.results) - failing
            self.cockpit.say(f"{counted(failing, 'rule fails', 'rules fail')}, {counted(holding, 'holds', 'hold')}.")
