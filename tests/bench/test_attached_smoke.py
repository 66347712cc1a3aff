"""The benchmark of attached cockpits works: no timings, only that all readers read while everything is settled."""

from __future__ import annotations

from tests.bench import attached


def test_readers_read_pictures_while_the_engine_settles_every_record() -> None:
    made = attached.measure(20_000, 5)
    assert made.lines >= 2
    assert made.ran.copied <= made.ran.proven


def test_nobody_reads_when_nobody_is_attached() -> None:
    assert attached.measure(2_000, 0).lines == 0
