"""Spans cover every number once; stamps compare, and query literals never skip an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jira import spans, stamps
from connectors.kit.errors import Misconfigured

TOPS = st.dictionaries(st.sampled_from(["A", "B", "C", "DESK", "INFRA"]), st.integers(0, 5_000), max_size=5)


@given(TOPS, st.integers(1, 40))
def test_spans_cover_every_number_once_and_have_no_upper_end(tops: dict[str, int], parts: int) -> None:
    groups = spans.split(tops, parts)
    assert len(groups) <= parts
    ranges = [one for group in groups for one in spans.decode(spans.encode(group))]
    for project in tops:
        mine = sorted((one for one in ranges if one.project == project), key=lambda one: one.after)
        assert mine[0].after == 0
        assert mine[-1].until is None
        assert [one.until for one in mine[:-1]] == [one.after for one in mine[1:]]


@pytest.mark.parametrize("span", ["", "x", "{}", "[[1]]", '[["DESK","a",null]]'])
def test_a_span_of_another_connector_is_refused(span: str) -> None:
    with pytest.raises(Misconfigured):
        spans.decode(span)


def test_versions_compare_as_strings_whatever_zone_they_came_in() -> None:
    earlier, later = "2026-06-09T16:29:32.382-0700", "2026-06-10T00:00:00.000+0000"
    assert stamps.version(earlier) == "2026-06-09T23:29:32.382Z" < stamps.version(later)


def test_a_literal_is_the_minute_on_the_wall_clock_of_the_account() -> None:
    moment = datetime(2026, 1, 31, 10, 0, 59, tzinfo=UTC)
    assert stamps.minute(moment, ZoneInfo("Europe/Sofia")) == "2026-01-31 12:00"


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(["Europe/Sofia", "America/New_York", "UTC"]),
)
def test_a_literal_never_means_a_later_moment_however_the_server_reads_it(naive: datetime, name: str) -> None:
    moment, zone = naive.replace(tzinfo=UTC), ZoneInfo(name)
    local = datetime.strptime(stamps.minute(moment, zone), "%Y-%m-%d %H:%M")
    readings = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    assert all(reading <= moment for reading in readings)
    assert moment - min(readings) < timedelta(hours=2, minutes=1)
