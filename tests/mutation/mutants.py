"""Deliberate breaks of the product, kept as data in `mutants.toml`, and what the tests say to each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_PARTS = ("engine", "connectors", "runbooks", "cockpit", "tests", "pyproject.toml")
_SECONDS = 300  # a break may be one that never ends: that is noticed, too


class Mutant(NamedTuple):
    name: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    equivalent: str = ""  # why nothing can notice it


class Verdict(NamedTuple):
    mutant: Mutant
    caught: bool
    said: str


def mutants() -> list[Mutant]:
    told = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())["mutant"]
    return [Mutant(**{**one, "tests": tuple(one["tests"])}) for one in told]


def broken(mutant: Mutant, text: str) -> str:
    """The file with the break in it. ValueError when it does not fit any more."""
    if text.count(mutant.before) != 1:
        raise ValueError(f"'{mutant.name}': its `before` stands {text.count(mutant.before)} times in {mutant.file}")
    return text.replace(mutant.before, mutant.after)


@contextmanager
def copy() -> Iterator[Path]:
    """The product and its tests in a folder of their own."""
    with TemporaryDirectory(prefix="mutants-") as name:
        for part in _PARTS:
            place = ROOT / part
            if place.is_dir():
                shutil.copytree(place, Path(name) / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(place, Path(name) / part)
        yield Path(name)


def judge(mutant: Mutant, folder: Path) -> Verdict:
    """Break the copy, run the tests that should notice, mend the copy."""
    path = folder / mutant.file
    whole = path.read_text()
    path.write_text(broken(mutant, whole))
    try:
        return _asked(mutant, folder)
    finally:
        path.write_text(whole)


def _asked(mutant: Mutant, folder: Path) -> Verdict:
    # Without files of bytecode: two breaks of one file within a second would be one.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("CUTOVER_FULL", None)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *mutant.tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(mutant, True, "never ends")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")) or "Timeout" in line]
    if done.returncode and not failed:  # no such test, or a folder that cannot be tested: that says nothing
        raise RuntimeError(f"'{mutant.name}': {mutant.tests} could not be run\n{done.stdout[-2000:]}{done.stderr}")
    return Verdict(mutant, done.returncode != 0, failed[0][:200] if failed else "")
