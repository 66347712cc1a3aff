"""What every screen has: a head, a body, a message line and the keys; and what it refuses while the line is down."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.events import ScreenResume
from textual.screen import Screen

from cockpit import glance, keys
from cockpit.panels import frame
from cockpit.store import Line, Store
from cockpit.tones import DIM, toned
from cockpit.widgets.lines import Lines
from cockpit.widgets.page import Page
from cockpit.widgets.table import Table
from engine.wire import Live

if TYPE_CHECKING:
    from cockpit.app import Cockpit

LEAST = (60, 14)
"""Columns and lines that a screen needs to be read; on less, only the keys of `_ON_LESS` work."""

_ON_LESS = frozenset({"pause", "resume", "leave", "quit", "start_engine", "hang_up", "suspend", "repaint"})


class Station(Screen[None], inherit_bindings=False):  # Tab is ours
    """One screen of the cockpit. `body` composes it, `paint` shows a picture on it."""

    BLANK = True  # it draws nothing below its panels: Textual would make every line of that anew at each switch
    NAME: ClassVar[str] = ""
    TITLE_WORD: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._complete = False  # everything on it is there: a picture may come before
        for binding in keys.bindings_of(self.NAME):
            for key in binding.key.split(","):
                self._bindings.bind(key, binding.action, binding.description, show=False)

    # ------------------------------------------------------------ what a screen is made of

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def paint(self, picture: Live) -> None:
        raise NotImplementedError

    def look(self) -> None:
        """Ask the engine for what is not in its pictures. Nothing unless a screen says so."""

    def compose(self) -> ComposeResult:
        yield Lines(id="head")
        with Vertical(id="body"):
            yield from self.body()
        yield Lines(id="small")
        yield Lines(id="words")
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

    @property
    def small(self) -> bool:
        """Whether the terminal is too small to show this screen."""
        return self.size.width < LEAST[0] or self.size.height < LEAST[1]

    def on_mount(self) -> None:
        self._complete = True
        if (table := self.table) is not None:
            table.focus()

    def on_screen_resume(self, event: ScreenResume) -> None:
        event.refresh_styles = False  # nothing has changed them meanwhile: no walk over all that is on it
        self.update()
        self.call_after_refresh(self.look)  # what takes a moment comes after the picture that is there

    def on_resize(self) -> None:
        self.update()
        self.call_after_refresh(self.update)  # once more, when the panels have their sizes

    def update(self) -> None:
        """Show the store as it is now. Only the screen in front pays for it."""
        if self._complete and (self.is_current or self.is_active):
            with contextlib.suppress(NoMatches):  # an answer came late: the cockpit is being left, parts of it are gone
                self._show()

    def _show(self) -> None:
        store, width = self.store, self.size.width
        self.set_class(store.picture is not None and store.line is not Line.LIVE, "stale")
        self.set_class(self.small, "small")
        if (head := self.query_one("#head", Lines)).anew(store.picture, store.line, width):
            head.show([frame.head(store, self.TITLE_WORD, self.cockpit.who, width)])
        if self.small:
            self.query_one("#small", Lines).show(frame.on_less(store, self.cockpit.wave, width, LEAST))
        elif store.picture is not None:
            self.paint(store.picture)
        words = self.query_one("#words", Lines)
        last = frame.last_words(store, width) if not self.small else []
        words.styles.height = len(last)
        words.show(last)
        self.query_one("#message", Lines).show([self._message()])
        if (foot := self.query_one("#foot", Lines)).anew(width):
            foot.show([frame.foot(self.NAME, width)])

    # ------------------------------------------------------------ keys

    def action_press(self, verb: str) -> None:
        """A key of the table was pressed."""
        key = keys.key_of(verb)
        if key is None or (not self.store.fresh and not key.stale):
            self.update()  # the message line says since when
            return
        if self.small and verb not in _ON_LESS:
            return  # it could not show what it does
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

    def act_drift(self) -> None:
        self._go(keys.DRIFT)

    def act_proof(self) -> None:
        self._go(keys.PROOF)

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    def act_left(self) -> None:
        """Nothing lies there unless a screen says so."""

    def act_right(self) -> None:
        """Nothing lies there unless a screen says so."""

    def act_page_down(self) -> None:
        self._move(self._mover.page if self._mover else 0)

    def act_page_up(self) -> None:
        self._move(-self._mover.page if self._mover else 0)

    def act_top(self) -> None:
        self._move(-1_000_000)

    def act_bottom(self) -> None:
        self._move(1_000_000)

    def act_help(self) -> None:
        from cockpit.screens.help import Help

        if not self.app.is_screen_installed(Help.NAME):
            self.app.install_screen(Help(), Help.NAME)
        self.app.get_screen(Help.NAME, Help).of = self.NAME
        self.app.push_screen(Help.NAME)

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

    def act_hang_up(self) -> None:
        self.cockpit.action_press("hang_up")

    def act_suspend(self) -> None:
        self.cockpit.action_press("suspend")

    def act_repaint(self) -> None:
        self.cockpit.action_press("repaint")

    def act_start_engine(self) -> None:
        self.run_worker(self.cockpit.start_engine(), group="start")

    # ------------------------------------------------------------ inside

    def _chosen(self, verb: str | None) -> None:
        if verb is not None:
            self.action_press(verb)

    def _go(self, name: str) -> None:
        if name != self.NAME and self.app.is_screen_installed(name):
            self.app.switch_screen(name)

    @property
    def _mover(self) -> Table | Page | None:
        return self.table or next(iter(self.query(Page)), None)

    def _move(self, by: int) -> None:
        if (mover := self._mover) is not None:
            mover.move(by)

    def _message(self) -> Text:
        store, width = self.store, self.size.width
        if store.line is Line.LOST or store.line is Line.DEAD:
            return frame.no_word(store, width)
        if (sent := self.cockpit.sent.line) is not None:
            line = toned(" ") + sent
            line.truncate(max(0, width), overflow="ellipsis")
            return line
        if store.picture is None:
            return toned((" Asking the engine …", DIM))
        return self.notice(store.picture)

    def notice(self, picture: Live) -> Text:
        """What the message line says while nothing else is to be said: the alert that calls a person."""
        alert = glance.foremost(picture)
        if alert is None:
            return toned("")
        return frame.need_line(glance.of_alert(alert), glance.more_alerts(picture), self.size.width, self.NAME)
