"""What is wrong with a migration folder, told so that a person can mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class LoadError(Exception):
    """The folder cannot be used as it is; `problems` is everything that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    lower = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return f"; did you mean '{lower[near[0]]}'?" if near else ""


class InitError(Exception):
    """A new folder cannot be made here; the message says what to do instead."""
