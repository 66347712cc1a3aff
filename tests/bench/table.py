"""Prints figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}")
    for row in (head, ["-" * width for width in widths], *rows):
        first, *others = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]), flush=True)


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """The median, and the least and the most beside it when there are several."""
    if len(values) == 1:
        return show(values[0])
    return f"{show(median(values))} ({show(min(values))}-{show(max(values))})"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def tenths(value: float) -> str:
    return f"{value:,.1f}"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB"
