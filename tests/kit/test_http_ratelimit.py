"""Headers about limits, as the vendors write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.kit.ratelimit import RateSignal, read, seconds_until

NOW = datetime(2026, 3, 2, 9, 59, 30, tzinfo=UTC)


def signal(**headers: str) -> RateSignal:
    return read([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        ("1.5", 1.5),
        ("Mon, 02 Mar 2026 10:00:00 GMT", 30),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 0),
        ("2026-03-02T10:00Z", 30),
        ("2026-03-02T10:00:05Z", 35),
        ("1772445600", 30),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wait_is_seconds_or_a_moment_and_nonsense_is_nothing(text, seconds):
    assert seconds_until(text, NOW) == seconds


def test_jira_says_limit_remaining_reset_and_reason():
    got = signal(
        X_RateLimit_Limit="40",
        X_RateLimit_Remaining="0",
        X_RateLimit_Reset="2026-03-02T10:00Z",
        RateLimit_Reason="jira-burst-based",
        Retry_After="7",
    )
    assert got == RateSignal(7, 40, 0, 30, "jira-burst-based")


def test_near_the_limit_less_than_a_fifth_is_left():
    assert signal(X_RateLimit_Limit="500", X_RateLimit_NearLimit="true").remaining == 100


def test_servicenow_names_its_rule_and_says_unix_seconds():
    got = signal(X_RateLimit_Limit="100", X_RateLimit_Reset="1772445600", X_RateLimit_Rule="b0f4")
    assert got == RateSignal(None, 100, None, 30, "b0f4")


def test_the_drafts_of_the_ietf_are_read_in_all_their_forms():
    assert signal(RateLimit_Limit="100, 100;w=60", RateLimit_Remaining="5", RateLimit_Reset="12") == RateSignal(
        None, 100, 5, 12
    )
    assert signal(RateLimit="limit=100, remaining=50, reset=5") == RateSignal(None, 100, 50, 5)
    assert signal(RateLimit='"default";r=50;t=30') == RateSignal(None, None, 50, 30)


def test_an_answer_without_such_headers_says_nothing():
    assert signal(Content_Type="application/json") == RateSignal()
