"""What keys do to a step of the runbook. The engine decides what may be done, and says why not."""

from __future__ import annotations

from rich.text import Text

from cockpit.dialogs import Question
from cockpit.format import count, interval, neutral
from cockpit.prose import paragraph
from cockpit.screens.base import Station
from cockpit.tones import DIM, toned
from engine.wire import Plan, Skip, Start, StepStatus, Tick

_WIDTH = 74  # columns of a dialog
_WAVE = "--wave "
_LOADED = ("awaiting_sign_off", "signed_off")


class StepDeeds(Station):
    """A screen on which one step is selected."""

    @property
    def step(self) -> StepStatus | None:
        raise NotImplementedError

    def act_tick(self) -> None:
        """Done, or go. Asks for a note when one is wanted, and for a yes when it is an approval."""
        step = self.step
        if step is None:
            return
        if step.kind == "automatic":
            self.cockpit.say(f"The engine does {step.id}: press S to start it, or x to skip it.")
        elif step.kind == "gate":
            self.cockpit.say(f"{step.id} is a gate: it passes by itself when it holds. x skips it, with a reason.")
        elif step.state in ("ready", "blocked") and (step.evidence or step.kind == "approval"):
            self._ask_for_evidence(step)
        else:
            self._tick(step, "")

    def act_no_go(self) -> None:
        step = self.step
        if step is None:
            return
        if step.kind != "approval":
            self.cockpit.say(f"{step.id} is no approval: only an approval has a no-go.")
            return

        def said(reason: str | None) -> None:
            if reason:
                command = Tick(step=step.id, note=reason, go=False, by=self.cockpit.who)
                self.cockpit.send(f"no-go at {step.id}", "/tick", command)

        lines = [*paragraph(step.title, _WIDTH, indent=0), toned(("Nothing more is done in this phase then.", DIM))]
        self.app.push_screen(Question(f"No-go at {neutral(step.id)}: why?", lines), said)

    def act_skip(self) -> None:
        step = self.step
        if step is None:
            return

        def said(reason: str | None) -> None:
            if reason:
                self.cockpit.send(f"skip {step.id}", "/skip", Skip(step=step.id, reason=reason, by=self.cockpit.who))

        lines = [*paragraph(step.title, _WIDTH, indent=0), *paragraph(step.gate, _WIDTH, indent=0)]
        lines.append(toned(("What comes after it may be done then. The reason stays in the audit trail.", DIM)))
        self.app.push_screen(Question(f"Skip {neutral(step.id)}: why?", lines), said)

    def act_start_step(self) -> None:
        step = self.step
        if step is None:
            return
        if step.kind != "automatic":
            how = "passes by itself" if step.kind == "gate" else "is ticked by a person: press Space"
            self.cockpit.say(f"{step.id} is not automatic: it {how}.")
        elif step.state not in ("ready", "failed"):
            after = f": {', '.join(step.after)}" if step.state == "waiting" and step.after else ""
            self.cockpit.say(f"{step.id} is {step.state}{after}. It can be started when it is ready.")
        else:
            self.run_worker(self._ask_to_start(step))

    # ------------------------------------------------------------ inside

    def _ask_for_evidence(self, step: StepStatus) -> None:
        lines = paragraph(step.title, _WIDTH, indent=0)
        if step.evidence:
            lines += paragraph(f"The note must hold: {step.evidence}", _WIDTH, indent=0)
        else:
            lines.append(toned(("A note, if you like; Enter says go.", DIM)))
        title = f"Go at {neutral(step.id)}?" if step.kind == "approval" else f"{neutral(step.id)} is done?"

        def said(note: str | None) -> None:
            if note is not None:
                self._tick(step, note)

        self.app.push_screen(Question(title, lines, needed=bool(step.evidence)), said)

    def _tick(self, step: StepStatus, note: str) -> None:
        what = f"go at {step.id}" if step.kind == "approval" else f"tick {step.id}"
        self.cockpit.send(what, "/tick", Tick(step=step.id, note=note, by=self.cockpit.who))

    async def _ask_to_start(self, step: StepStatus) -> None:
        lines = await self._preview(step)
        if lines is None:
            return
        named = [part.split(" ")[0] for part in step.verb.split(_WAVE)[1:]]
        wanted = named[0] if len(named) == 1 else step.id

        def typed(answer: str | None) -> None:
            if answer is not None:
                self.cockpit.send(f"start {step.id}", "/start", Start(step=step.id, by=self.cockpit.who))

        self.app.push_screen(Question(f"Start {neutral(step.id)}", lines, wanted=wanted), typed)

    async def _preview(self, step: StepStatus) -> list[Text] | None:
        """What it will do; None when the engine cannot say."""
        lines = paragraph(step.title, _WIDTH, indent=0)
        lines += paragraph(f"The engine does: cutover {step.verb}", _WIDTH, indent=0)
        if not step.verb.startswith("run"):
            return lines
        plan = await self.cockpit.ask("/plan", Plan)
        if plan is None:
            return None
        named = {part.split(" ")[0] for part in step.verb.split(_WAVE)[1:]}
        for wave in plan.waves:
            if wave.wave in named if named else wave.state not in _LOADED:
                systems = sorted({f"{entity.source} → {entity.target}" for entity in wave.entities})
                needs = interval(wave.seconds_low, wave.seconds_high)
                words = f"{wave.wave}: {count(wave.records)} records, {', '.join(systems)}, time {needs}"
                lines += paragraph(words, _WIDTH, indent=0)
        return lines
