"""What keys do to a wave, on every screen that has one selected."""

from __future__ import annotations

from cockpit.dialogs import Question
from cockpit.format import count, interval
from cockpit.glance import foremost
from cockpit.screens.base import Station
from cockpit.sent import HELD
from cockpit.tones import DIM, toned
from engine.wire import Acknowledge, HoldStatus, Pause, Plan, Resume, Run, Stop

_AT_ONCE = "by key, no reason given yet"


class WaveDeeds(Station):
    """What is pressed is done to the wave that is `selected`."""

    @property
    def selected(self) -> str:
        """A wave's name; empty: all of them."""
        return self.cockpit.wave

    def act_pause(self) -> None:
        self._pause(_AT_ONCE)

    def act_resume(self) -> None:
        """Where only a hold on everything keeps this wave, that hold is lifted: one key lets it go on."""
        wave = self.selected
        holds = self.store.picture.status.holds if self.store.picture else []
        if wave and not any(hold.wave == wave for hold in holds) and any(not hold.wave for hold in holds):
            wave = ""
        self.cockpit.send(f"resume {wave or 'all'}", "/resume", Resume(wave=wave, by=self.cockpit.who))

    def act_why(self) -> None:
        """Replaces the reason of one's own hold, or places one."""
        wave = self.selected or "all waves"

        def said(reason: str | None) -> None:
            if reason:
                self._pause(reason)

        self.app.push_screen(Question(f"Why is {wave} held? Others read it."), said)

    def act_run(self) -> None:
        self.run_worker(self._ask_to_run(self.selected))

    def act_acknowledge(self) -> None:
        alert = foremost(self.store.picture) if self.store.picture else None
        if alert is None:
            self.cockpit.say("No alert waits for anybody.")
        else:
            command = Acknowledge(alert=alert.id, by=self.cockpit.who)
            self.cockpit.send("acknowledge", "/acknowledge", command)

    def act_stop(self) -> None:
        picture = self.store.picture
        assert picture is not None
        runs = f"{', '.join(picture.status.run)} is running and stays where it is." if picture.status.run else ""
        lines = [
            toned("The engine finishes its calls on the way, writes everything down and ends."),
            toned(runs or "Nothing is running."),
            toned(("Every cockpit loses its line. Start it again with e, then S goes on from there.", DIM)),
        ]

        def typed(answer: str | None) -> None:
            if answer is not None:
                self.cockpit.send("stop", "/stop", Stop(by=self.cockpit.who))

        self.app.push_screen(Question("Stop the engine", lines, wanted="stop"), typed)

    # ------------------------------------------------------------ inside

    def _pause(self, reason: str) -> None:
        wave = self.selected
        command = Pause(wave=wave, reason=reason, by=self.cockpit.who, wait=False)
        self.cockpit.send(f"pause {wave or 'all'}", "/pause", command, HELD + wave)

    async def _ask_to_run(self, wave: str) -> None:
        plan = await self.cockpit.ask("/plan", Plan)
        if plan is None:
            return
        over = ("awaiting_sign_off", "signed_off", "rolling_back", "rolled_back")  # these run only by name
        chosen = [each for each in plan.waves if (each.wave == wave if wave else each.state not in over)]
        if not chosen:
            self.cockpit.say("Every wave is loaded: nothing to run.")
            return
        lines = []
        for each in chosen:
            systems = {f"{entity.source} → {entity.target}" for entity in each.entities}
            needs = interval(each.seconds_low, each.seconds_high)
            lines.append(toned(f"{each.wave}: {count(each.records)} records, {', '.join(sorted(systems))}, {needs}"))
        held: list[HoldStatus] = self.store.picture.status.holds if self.store.picture else []
        if held:
            lines.append(toned((f"Held by {', '.join(hold.by for hold in held)}: it waits until that is lifted.", DIM)))
        name = wave or "all"

        def typed(answer: str | None) -> None:
            if answer is not None:
                command = Run(waves=[each.wave for each in chosen], by=self.cockpit.who)
                self.cockpit.send(f"run {name}", "/run", command)

        self.app.push_screen(Question(f"Run {name}", lines, wanted=name), typed)
