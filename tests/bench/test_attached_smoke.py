"""The benchmark of attached cockpits works: no timings, only that readers come and go while records are settled."""

from __future__ import annotations

from tests.bench import attached


def test_slices_of_a_run_alternate_between_readers_who_read_and_none() -> None:
    slices = attached.measure(200_000, 5, 0.1)
    assert len(slices) >= 2
    assert [one.attached for one in slices[:2]] == [False, True]
    assert all(one.records > 0 and one.seconds > 0 for one in slices)
    assert all((one.pictures >= 1) is one.attached for one in slices)


def test_serving_readers_is_a_part_of_what_the_event_loop_does() -> None:
    assert 0 < attached.serving(20_000, 5) < 1
