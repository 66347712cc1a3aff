"""What every screen has: a head, a body, a message line and the keys; and what it refuses while the line is down."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen

from cockpit import glance, keys
from cockpit.format import clock, neutral, seconds, shortened
from cockpit.store import Line, Store
from cockpit.tones import ALARM, DIM, HEAD, WARN, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.table import Table
from engine.wire import Live

if TYPE_CHECKING:
    from cockpit.app import Cockpit

_ALERT_TONES = {"alarm": ALARM, "warning": WARN, "note": DIM}


class Station(Screen[None]):
    """One screen of the cockpit. `body` composes it, `paint` shows a picture on it."""

    NAME: ClassVar[str] = ""
    TITLE_WORD: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        for binding in keys.bindings_of(self.NAME):
            for key in binding.key.split(","):
                self._bindings.bind(key, binding.action, binding.description, show=False)

    # ------------------------------------------------------------ what a screen is made of

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def paint(self, picture: Live) -> None:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield Lines(id="head")
        yield from self.body()
        yield Lines(id="message")
        yield Lines(id="foot")

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    @property
    def store(self) -> Store:
        return self.cockpit.store

    @property
    def table(self) -> Table | None:
        """The list that moves of the cursor go to: the focused one, or the only one."""
        if isinstance(self.focused, Table):
            return self.focused
        return next(iter(self.query(Table)), None)

    def on_mount(self) -> None:
        if (table := self.table) is not None:
            table.focus()
        self.update()

    def on_screen_resume(self) -> None:
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Show the store as it is now. Only the screen in front pays for it."""
        if not self.is_current and not self.is_active:
            return
        store = self.store
        self.set_class(store.picture is not None and store.line is not Line.LIVE, "stale")
        self.query_one("#head", Lines).show([self._head()])
        if store.picture is not None:
            self.paint(store.picture)
        self.query_one("#message", Lines).show([self._message()])
        self.query_one("#foot", Lines).show([self._foot()])

    # ------------------------------------------------------------ keys

    def action_press(self, verb: str) -> None:
        """A key of the table was pressed."""
        key = keys.key_of(verb)
        if key is None or (not self.store.fresh and not key.stale):
            self.update()  # the message line says since when
            return
        if not key.commands:
            self.cockpit.sent.forget()
        getattr(self, f"act_{verb}")()
        self.update()

    def act_overview(self) -> None:
        self._go(keys.OVERVIEW)

    def act_wave(self) -> None:
        self._go(keys.WAVE)

    def act_runbook(self) -> None:
        self._go(keys.RUNBOOK)

    def act_quarantine(self) -> None:
        self._go(keys.QUARANTINE)

    def act_plan(self) -> None:
        self._go(keys.PLAN)

    def act_log(self) -> None:
        self._go(keys.LOG)

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    def act_left(self) -> None:
        """Nothing lies there unless a screen says so."""

    def act_right(self) -> None:
        """Nothing lies there unless a screen says so."""

    def act_page_down(self) -> None:
        self._move(self.table.page if self.table else 0)

    def act_page_up(self) -> None:
        self._move(-self.table.page if self.table else 0)

    def act_top(self) -> None:
        self._move(-1_000_000)

    def act_bottom(self) -> None:
        self._move(1_000_000)

    def act_help(self) -> None:
        from cockpit.screens.help import Help

        self.app.push_screen(Help(self.NAME))

    def act_palette(self) -> None:
        from cockpit.screens.palette import Palette

        self.app.push_screen(Palette(self.NAME), self._chosen)

    def act_leave(self) -> None:
        if self.NAME != keys.OVERVIEW:
            self._go(keys.OVERVIEW)

    def act_quit(self) -> None:
        if self.NAME != keys.OVERVIEW:
            self._go(keys.OVERVIEW)
        else:
            self.app.exit()

    def act_start_engine(self) -> None:
        self.run_worker(self.cockpit.start_engine())

    # ------------------------------------------------------------ inside

    def _chosen(self, verb: str | None) -> None:
        if verb is not None:
            self.action_press(verb)

    def _go(self, name: str) -> None:
        if name != self.NAME:
            self.app.switch_screen(name)

    def _move(self, by: int) -> None:
        if (table := self.table) is not None:
            table.move(by)

    def _head(self) -> Text:
        store, width = self.store, self.size.width
        word = glance.of(store)
        parts: list[str | tuple[str, str]] = [(" CUTOVER ", HEAD)]
        if store.picture is None:
            return toned(*parts, (f"{word.sign} {word.word}", word.tone))
        picture = store.picture
        status = picture.status
        parts += [f"{neutral(status.migration)}  ", (f"{word.sign} {word.word}", word.tone)]
        if (book := picture.runbook) is not None and width >= 100:
            at = [phase.id for phase in book.phases]
            if book.phase in at:
                phase = book.phases[at.index(book.phase)]
                parts.append(f"  phase {at.index(book.phase) + 1}/{len(at)} {neutral(phase.title)}")
        parts.append(f"  {clock(status.at)}")
        if picture.window_ends:
            margin = picture.window_margin
            tail = "" if margin is None else f" ({'+' if margin >= 0 else '-'}{seconds(abs(margin))})"
            late = margin is not None and margin < 0
            parts.append((f"  window ends {clock(picture.window_ends)[:5]}{tail}", ALARM if late else ""))
        text = toned(*[(p[0], p[1] or "plain") if isinstance(p, tuple) else p for p in parts])
        right = f"{self.TITLE_WORD}  {self.cockpit.who} "
        if text.cell_len + len(right) + 2 <= width:
            text.append(" " * (width - text.cell_len - len(right)) + right)
        return text

    def _message(self) -> Text:
        store, width = self.store, self.size.width
        if store.line is Line.LOST or store.line is Line.DEAD:
            since = f" since {clock(store.since.isoformat())}" if store.since else ""
            last = store.words.strip().splitlines()[-1] if store.words.strip() else ""
            if store.line is Line.DEAD:
                return toned((f" ■ No engine{since}. Press e to start it again. ", ALARM), shortened(last, width))
            return toned((f" ■ No word from the engine{since}: what you see is old. ", ALARM), shortened(last, width))
        if (sent := self.cockpit.sent.line) is not None:
            return toned(" ") + sent
        if store.picture is None:
            return toned((" Asking the engine …", DIM))
        alert = glance.foremost(store.picture)
        if alert is None:
            return toned("")
        helps = keys.key_of(alert.verb)
        press = f" Press {helps.shown}." if helps is not None else ""
        more = sum(1 for each in store.picture.alerts if not each.acknowledged_by) - 1
        rest = f" ({more} more)" if more else ""
        room = max(10, width - len(press) - len(rest) - 4)
        tone = _ALERT_TONES.get(alert.level, WARN)
        return toned((f" ▲ {shortened(alert.sentence, room)}", tone), (f"{press}{rest}", tone))

    def _foot(self) -> Text:
        text = toned("")
        for key in keys.keys_of(self.NAME):
            if not key.word or (key.verb == self.NAME):
                continue
            part = toned(" ", (key.shown, HEAD), f" {key.word} ")
            if text.cell_len + part.cell_len > self.size.width:
                break
            text.append_text(part)
        return text
