"""The cockpit: holds the latest picture, switches screens, sends commands. It draws nothing itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel
from textual.app import App
from textual.binding import BindingType
from textual.events import Resize
from textual.geometry import Size

from cockpit import feed, keys, paint
from cockpit.calling import Calling
from cockpit.client import BadFolder, Client, NoEngine, Refusal
from cockpit.screens import SCREENS
from cockpit.screens.base import Station
from cockpit.sent import Sent
from cockpit.store import Line, Store
from cockpit.widgets.lines import Lines
from engine.wire import Receipt

_STARTED = 1.5  # seconds after which all that a cockpit is made of is there

Reply = TypeVar("Reply", bound=BaseModel)


class Cockpit(App[None], inherit_bindings=False):
    """One operator's screen on one engine. Any number of them may look at the same engine."""

    CSS_PATH = "cockpit.tcss"
    ENABLE_COMMAND_PALETTE = False  # ours is made from the table of keys
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings_of_app()]

    def __init__(self, client: Client, who: str, *, ascii_only: bool = False) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.client = client
        self.store = Store()
        self.who = who
        self.wave = ""  # the selected one; empty: all of them
        self.sent = Sent()
        self._calling = Calling(self._write, ascii_only=ascii_only)
        Lines.ascii = ascii_only

    def on_mount(self) -> None:
        for number in (signal.SIGHUP, signal.SIGTERM):  # the line dropped: leave; the engine runs on
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        for name, screen in SCREENS.items():
            self.install_screen(screen(), name)
        self._calling.begin()
        self.push_screen(keys.OVERVIEW)
        self.run_worker(feed.follow(self.client, self.store, self.changed), exit_on_error=True)
        self.set_interval(1.0, self._fit)
        if not self.is_headless:  # what is there by then stays: looking through it again would hold up keys
            self.set_timer(_STARTED, gc.freeze)

    def on_unmount(self) -> None:
        self._calling.end()

    def changed(self) -> None:
        """The store has changed: the screen in front shows it."""
        if self.store.picture is not None:
            self.sent.compare(self.store.picture)
        self._calling.tell(self.store)
        for screen in self.screen_stack:
            if isinstance(screen, Station):
                screen.update()

    # ------------------------------------------------------------ keys that work whatever is in front

    def action_press(self, verb: str) -> None:
        getattr(self, f"act_{verb}")()

    def act_hang_up(self) -> None:
        self.exit()

    def act_suspend(self) -> None:
        self.action_suspend_process()

    def act_repaint(self) -> None:
        """Somebody else has written on the terminal."""
        self.post_message(Resize(self.size, self.size))

    # ------------------------------------------------------------ commands

    def send(self, what: str, path: str, command: BaseModel, effect: str = "", patience: float = 60.0) -> None:
        """Send a command; the message line tells its stages. `effect`: what to wait for, see `Sent`; `patience`:
        seconds until nobody waits for the receipt any more.

        Nothing goes out on an old picture: a dialog may have been open when the line broke.
        """
        if not self.store.fresh:
            self.say("The engine did not answer at that moment. Nothing was sent.")
            return
        self.sent.begin(what, effect)
        self.changed()
        self.run_worker(self._send(path, command, patience), group="send")

    async def ask(
        self, path: str, reply: type[Reply], *, aloud: bool = True, patience: float = 60.0, **params: object
    ) -> Reply | None:
        """Ask the engine something; None when it refuses or does not answer, which (`aloud`) the message line tells."""
        try:
            return await asyncio.to_thread(lambda: self.client.get(path, reply, patience, **params))
        except (Refusal, NoEngine) as error:
            if aloud:
                self.say(str(error))
            return None

    def say(self, words: str) -> None:
        """Show a sentence on the message line."""
        self.sent.refuse(words)
        self.changed()

    async def start_engine(self) -> None:
        """Start one where none answers. It is a process of its own."""
        if self.store.line is not Line.DEAD:
            return
        self.store.starting = "Starting an engine …"
        self.changed()
        try:
            await asyncio.to_thread(self.client.start)
        except (NoEngine, BadFolder) as error:
            self.store.starting = str(error)
        self.changed()

    async def _send(self, path: str, command: BaseModel, patience: float) -> None:
        try:
            receipt = await asyncio.to_thread(self.client.post, path, Receipt, command, patience)
        except (Refusal, NoEngine) as error:
            self.sent.refuse(str(error))
        else:
            self.sent.answered(receipt)
        self.changed()

    def _fit(self) -> None:
        """Take the terminal's size: a change of it that comes just when the cockpit goes aside or returns is lost."""
        if self.is_headless or sys.__stderr__ is None:
            return
        with contextlib.suppress(OSError, ValueError):  # there is no terminal any more
            size = Size(*os.get_terminal_size(sys.__stderr__.fileno()))
            if size != self.size:
                self.post_message(Resize(size, size))

    def _write(self, text: str) -> None:
        """To the terminal, beside the screen; nowhere without one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(text)


def run(folder: Path, who: str, *, ascii_only: bool = False) -> int:
    """Show the cockpit until it is left; return the exit code."""
    if os.environ.get("TERM") == "linux":
        ascii_only = True
    app = Cockpit(Client(folder), who, ascii_only=ascii_only)
    paint.install(app)
    app.run(mouse=False)
    return app.return_code or 0
