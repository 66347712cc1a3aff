"""Who has a hand on the brake and why, and what work waits for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from cockpit.columns import Cell, Column, rule, table
from cockpit.format import clock, seconds, shortened
from cockpit.tones import DIM, GOOD, WARN, toned
from engine.wire import HoldStatus, Waiting


def holds(held: Sequence[HoldStatus], width: int, most: int = 9) -> list[Text]:
    """A line for each hand."""
    lines = []
    for hold in held[:most]:
        what = shortened(hold.wave or "all waves", 24)
        still = "" if hold.effective else ", calls coming back"
        words = f" ⏸ {what} held by {hold.by} since {clock(hold.since)}{still}: {hold.reason}"
        lines.append(toned((f" {shortened(words, width - 1)}", WARN)))
    if len(held) > most:
        lines[-1] = toned((f" ⏸ … and {len(held) - most + 1} more hands on the brake", WARN))
    return lines


def waits(waiting: Sequence[Waiting], width: int, most: int = 9) -> list[Text]:
    """Reasons with the time lost to each: what waits now first. `most` counts the heading, too."""
    known = sorted(waiting, key=lambda each: (not each.now, -each.seconds, each.reason))
    now = sum(each.now for each in known)
    right = toned((f"{now} wait{'s' if now == 1 else ''} now", WARN)) if now else toned(("nothing waits", GOOD))
    head = rule("waiting for", width, right)
    columns = (
        Column("", keep=9),
        Column("", keep=9, most=200, grows=True),
        Column("lost", right=True, keep=9, least=8),
    )
    cells = [
        (Cell("◐" if each.now else "·", WARN if each.now else DIM), each.reason, Cell(seconds(each.seconds), DIM))
        for each in known[: max(0, most - 1)]
    ]
    _, lines = table(columns, cells, width)
    return [head, *lines]
