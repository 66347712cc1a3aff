from __future__ import annotations

from typing import Any

import pytest

STAMP = {"a": "2024-01-31 22:30:00"}


def date(**form: Any) -> dict[str, Any]:
    return {"from": "a", "date": form}


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ({}, "2024-01-31T22:30:00+00:00"),
        ({"to": "jira"}, "2024-01-31T22:30:00.000+0000"),
        ({"to": "jira", "to_zone": "Europe/Sofia"}, "2024-02-01T00:30:00.000+0200"),
        ({"to": "date"}, "2024-01-31"),
        ({"to": "date", "to_zone": "Europe/Sofia"}, "2024-02-01"),
        ({"to": "epoch_ms"}, 1706740200000),
        ({"to": "servicenow", "zone": "Europe/Sofia"}, "2024-01-31 20:30:00"),
        ({"to": "%d.%m.%Y %H:%M"}, "31.01.2024 22:30"),
    ],
)
def test_a_servicenow_stamp_goes_out_in_every_form(value: Any, form: dict[str, Any], wanted: Any) -> None:
    assert value(date(**form), STAMP) == wanted


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("2024-01-31T22:30:00Z", "iso"),
        ("2024-02-01T00:30:00.000+0200", "iso"),
        (1706740200000, "epoch_ms"),
        ("1706740200000", "epoch_ms"),
        ("31.01.2024 22:30", "%d.%m.%Y %H:%M"),
    ],
)
def test_every_form_is_read(value: Any, source: Any, form: str) -> None:
    assert value(date(**{"from": form}, to="epoch_ms"), {"a": source}) == 1706740200000


def test_a_day_without_a_time_is_that_day_in_any_zone(value: Any) -> None:
    assert value(date(to="date", to_zone="Pacific/Kiritimati"), {"a": "2024-01-31"}) == "2024-01-31"
    assert value(date(zone="Europe/Sofia"), {"a": "2024-01-31"}) == "2024-01-31T00:00:00+02:00"


def test_a_local_time_that_happens_twice_is_the_first_of_the_two(value: Any) -> None:
    form = date(zone="Europe/Sofia", to="jira", to_zone="UTC")
    assert value(form, {"a": "2024-10-27 03:30:00"}) == "2024-10-27T00:30:00.000+0000"


def test_a_local_time_that_never_happens_is_moved_on_by_the_gap(value: Any) -> None:
    form = date(zone="Europe/Sofia")
    assert value(form, {"a": "2024-03-31 03:30:00"}) == "2024-03-31T04:30:00+03:00"


@pytest.mark.parametrize("odd", ["2024-13-01 00:00:00", "31.01.2024", "now", 5, ["2024-01-31"], "2024-01-31 10:00:00 "])
def test_what_is_no_date_is_refused_without_showing_it(value: Any, odd: Any) -> None:
    assert value(date(), {"a": odd}) == "x: not a date of the form 'servicenow'"


@pytest.mark.parametrize(
    ("source", "given", "to", "wanted"),
    [
        ("servicenow", "1970-01-02 03:04:05", "seconds", 97_445),
        ("seconds", "97445", "minutes", 1624),
        ("seconds", "97445", "jira", "27h 4m"),
        ("seconds", 20, "jira", "1m"),
        ("seconds", "0", "jira", "0m"),
        ("seconds", "97445", "iso", "P1DT3H4M5S"),
        ("iso", "P1DT3H4M5S", "servicenow", "1970-01-02 03:04:05"),
        ("iso", "P2W", "seconds", 1_209_600),
        ("seconds", "0", "iso", "PT0S"),
        ("iso", "P", "seconds", "x: not a duration of the form 'iso'"),
        ("iso", "PT", "seconds", "x: not a duration of the form 'iso'"),
        ("seconds", "-5", "seconds", "x: not a duration of the form 'seconds'"),
        ("servicenow", "1969-01-01 00:00:00", "iso", "x: not a duration of the form 'servicenow'"),
        ("servicenow", 5, "iso", "x: not a duration of the form 'servicenow'"),
    ],
)
def test_durations(value: Any, source: str, given: Any, to: str, wanted: Any) -> None:
    assert value({"from": "a", "duration": {"from": source, "to": to}}, {"a": given}) == wanted
