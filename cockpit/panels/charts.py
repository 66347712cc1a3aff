"""Charts with their scales: over the last minutes and over the whole run."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from cockpit.columns import rule
from cockpit.format import count, seconds
from cockpit.tones import ALARM, BUSY, DIM, GOOD, WARN, toned
from cockpit.widgets import chart
from engine.wire import Chart, Live

_SMOOTH = 5  # points that are taken together: chunks arrive whole
_SCALE = 7  # columns of the scale
_TITLES = {
    "written": "throughput",
    "errors": "failed calls",
    "retries": "calls made again",
    "drift": "drift of what was sampled",
}
_TONES = {"written": BUSY, "errors": ALARM, "retries": WARN, "drift": ALARM}


class Which(NamedTuple):
    """One chart: of what, and over the last minutes (recent) or the whole run (run)."""

    name: str
    span: str


EVERY = tuple(Which(name, span) for name in ("written", "errors", "retries", "drift") for span in ("recent", "run"))


def draw(picture: Live, which: Which, width: int, height: int, ascii_only: bool) -> list[Text]:
    """`height` lines: a title with the figures of now, and the curve."""
    found = next((each for each in picture.charts if (each.name, each.span) == which), None)
    words = _TITLES.get(which.name, which.name)
    if found is None or not any(value is not None for value in found.values):
        head = rule(words, width, toned(("nothing measured yet", DIM)))
        return [head, *([toned("")] * (height - 1))]
    wide = max(4, width - _SCALE - 1)
    points = wide if ascii_only else wide * 2
    values, covered = _fitted(found, which.span, points)
    over = f"last {_roughly(covered)}" if which.span == "recent" else f"run of {_roughly(covered)}"
    head = rule(f"{words}, {over}", width, _figures(picture, which))
    if height < 2:
        return [head]
    top = chart.nice(max((value for value in values if value is not None), default=0.0))
    paint = chart.columns if ascii_only else chart.braille
    curve = paint(values, wide, height - 1, top)
    lines = [head]
    for at, line in enumerate(curve):
        mark = f"{top:,.0f}" if at == 0 else "0" if at == len(curve) - 1 else ""
        lines.append(toned((f"{mark:>{_SCALE - 1}} ", DIM), (line, _TONES.get(which.name, BUSY))))
    return lines


def drift(picture: Live, width: int) -> list[Text]:
    """What is known of differences between the sides."""
    known = picture.drift
    if known is None:
        return [rule("drift", width, toned(("not compared yet", DIM)))]
    tone = ALARM if known.confirmed else GOOD
    head = rule("drift", width, toned((f"{count(known.confirmed)} confirmed", tone)))
    if known.estimate is None:
        return [head, toned(("  nothing sampled yet", DIM))]
    upper = f", ≤ {known.upper:.2%} at 95 %" if known.upper is not None else ""
    return [head, toned(f" {known.estimate:.2%} of {count(known.sampled)} sampled{upper}")]


def _roughly(value: float) -> str:
    """A duration in one unit, or two from an hour on."""
    return seconds(value) if value < 60 or value >= 3600 else f"{round(value / 60)} min"


def _fitted(found: Chart, span: str, points: int) -> tuple[list[float | None], float]:
    """Values for so many points, and the seconds they cover."""
    if span == "recent":
        values = chart.smooth(found.values, _SMOOTH)[-points:]
        known = sum(1 for value in values if value is not None)
        return values, known * found.step
    return chart.squeezed(found.values, points), len(found.values) * found.step


def _figures(picture: Live, which: Which) -> Text:
    status = picture.status
    if which.name == "written":
        text = f"{status.rate:,.0f}/s now" if which.span == "recent" else f"{picture.average:,.0f}/s average"
        return toned(text)
    if which.name == "errors":
        share = picture.error_share
        return toned((f"{share:.1%} of calls" if which.span == "recent" else "a minute", ALARM if share else DIM))
    if which.name == "drift":
        return toned(("per cent", DIM))
    return toned((f"{count(status.retried)} so far" if which.span == "run" else "a minute", DIM))
