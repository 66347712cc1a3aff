"""A small app to paint: `python -m tests.cockpit.board [sparing|stock] SEED`. Keys: n next, r repaint all, s screen,
m a window on top, f freeze (a burst of changes within one key)."""

from __future__ import annotations

import random
import sys
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from cockpit import paint

ROWS = 14
WORDS = ["synced", "漢字", "e\u0301tude", "⣿⣶", "▶ copying", "✔", "naïve", "12,345/41,000", "", "│", "かな", "-" * 20]
STYLES = ["", "bold", "red", "green on black", "reverse", "underline", "dim italic", "#12ab34 on #222222", "on blue"]


class Window(ModalScreen[None]):
    DEFAULT_CSS = "Window { align: center middle; } Window Static { width: 31; height: 5; border: solid green; }"
    BINDINGS: ClassVar = [("m", "dismiss", "")]

    def compose(self) -> ComposeResult:
        yield Static("漢字漢字漢字 a window 漢字漢字漢字漢字")


class Other(Screen[None]):
    BINDINGS: ClassVar = [("s", "dismiss", "")]

    def compose(self) -> ComposeResult:
        yield Static("the other screen\n" * 5)


class Board(App[None]):
    CSS = "Static.cell { height: 1; } #step { width: 12; }"
    BINDINGS: ClassVar = [
        ("n", "next", ""),
        ("r", "all", ""),
        ("s", "other", ""),
        ("m", "window", ""),
        ("f", "flood", ""),
    ]

    def __init__(self, seed: int) -> None:
        super().__init__(ansi_color=True)
        self._random = random.Random(seed)
        self._step = 0

    def compose(self) -> ComposeResult:
        yield Static("step 0.", id="step")
        for _ in range(ROWS):
            yield Static(self._line(), classes="cell")

    def on_mount(self) -> None:
        # As the cockpit does: a loop that sleeps for ever may miss the signal that it goes on.
        self.set_interval(1.0, lambda: None)

    def action_next(self) -> None:
        for row in self._random.sample(list(self.query(".cell").results(Static)), 4):
            row.update(self._line(), layout=False)
        self._step += 1
        self.query_one("#step", Static).update(f"step {self._step}.", layout=False)

    def action_all(self) -> None:
        for widget in self.screen.walk_children():
            widget.refresh()
        self.refresh()

    def action_flood(self) -> None:
        self.set_interval(0.01, self.action_next)

    def action_other(self) -> None:
        self.push_screen(Other())

    def action_window(self) -> None:
        self.push_screen(Window())

    def _line(self) -> Any:
        chosen = self._random.choice
        parts = [(chosen(WORDS), chosen(STYLES)) for _ in range(self._random.randint(1, 6))]
        return "  ".join(f"[{style}]{word}[/]" if style else word for word, style in parts)


def main() -> None:
    how, seed = sys.argv[1:]
    app = Board(int(seed))
    if how == "sparing":
        assert paint.install(app)
    app.run(mouse=False)


if __name__ == "__main__":
    main()
