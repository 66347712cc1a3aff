"""The disk of the ledger is full: said clearly, nothing lost, and the next run goes on."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.wire import Status
from tests.proof.night import ALL_AT_ONCE, Night, full, night, until
from tests.proof.truth import proven, rows


def test_a_ledger_that_may_not_grow_any_more_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with night(tmp_path, 40, waves=ALL_AT_ONCE) as it:
        engine = it.start()
        it.run()
        until(lambda: it.created() >= 10, "something has moved", 30, it.story)
        largest = max(path.stat().st_size for path in it.state.iterdir() if path.is_file())
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (largest + 20_000, resource.RLIM_INFINITY))
        said_clearly(it.ended(), "The disk refuses to write")
        assert it.end() == 0
        all_that_was_acknowledged_is_true(it)
        proven(it, it.drive())


@full
def test_a_full_disk_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with night(tmp_path, 40, waves=ALL_AT_ONCE) as it, small_disk(it.state):
        it.start()
        it.run()
        until(lambda: it.created() >= 10, "something has moved", 30, it.story)
        ballast = it.state / "ballast"
        fill(ballast)
        said_clearly(it.ended(), "The disk is full")
        ballast.unlink()
        assert it.end() == 0
        all_that_was_acknowledged_is_true(it)
        proven(it, it.drive())


# ---------------------------------------------------------------- helpers

TARGETS = "SELECT target FROM entry JOIN entity ON entity.id = entity WHERE name = 'incident' AND target <> ''"


def said_clearly(status: Status | None, words: str) -> None:
    assert status is not None, "the engine is gone, and nobody can ask it why"
    said = " ".join([status.run_outcome, *(wave.cause for wave in status.waves)])
    assert status.run_outcome.startswith("failed"), said
    assert words in said
    assert "cutover run" in said


def all_that_was_acknowledged_is_true(it: Night) -> None:
    issues = {issue["id"] for issue in it.jira.issues()}
    known = {target for (target,) in rows(it, TARGETS)}
    assert known <= issues
    assert rows(it, "PRAGMA integrity_check") == [("ok",)]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of one megabyte at this place, where this user may mount one."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"\0" * 4096)
        except OSError:
            return
