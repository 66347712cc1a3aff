"""Lines of text that repaint only where they changed: most of a screen is still most of the time."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.tones import in_ascii

_EMPTY = Text("")


class Lines(Widget):
    """A block of lines. What does not fit is cut off; nothing wraps or scrolls."""

    ascii = False
    """Set once for all by the app where only ASCII can be seen."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Text] = []
        self._made_of: tuple[object, ...] = ()

    @property
    def shown(self) -> list[Text]:
        return self._lines

    def anew(self, *of: object) -> bool:
        """Whether its lines are to be made anew: those that it has were made of other things. Of these, from now on."""
        if self._made_of == of:
            return False
        self._made_of = of
        return True

    def show(self, lines: Sequence[Text]) -> None:
        """Show these; repaint those that differ."""
        new = [in_ascii(line) for line in lines] if self.ascii else list(lines)
        old, self._lines = self._lines, new
        width = self.size.width
        for y in range(max(len(old), len(new))):
            was = old[y] if y < len(old) else _EMPTY
            now = new[y] if y < len(new) else _EMPTY
            if was.plain != now.plain or was.spans != now.spans:
                self.refresh(Region(0, y, width, 1))

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, style)
        segments = self._lines[y].render(self.app.console)
        return Strip(segments).apply_style(style).adjust_cell_length(width, style)
