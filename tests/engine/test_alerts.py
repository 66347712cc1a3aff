"""Alerts: found when something was made to happen, quiet when nothing does, and never flapping."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.client import Refusal
from engine.alerts import Alarms, Finding, Rule, Sample
from engine.thresholds import THRESHOLDS
from engine.trends import TRENDS
from engine.wire import Acknowledge, Alert, Events, Live, Receipt, Run
from tests.cockpit.desk import plain, until
from tests.engine.watching import running

EVERY = 2.0  # seconds between samples
SEEDS = range(20)

Change = Callable[[int, "Rates"], None]


class Rates:
    """What happens in a second, on average."""

    def __init__(self) -> None:
        self.chunks = 0.8  # of 500 records
        self.calls = 40.0
        self.failing = 0.002
        self.repeated = 0.01
        self.latency = 0.12


def series(seed: int, seconds: int, change: Change = lambda second, rates: None) -> Iterator[Sample]:
    """A noisy night: chunks and calls come by chance, latency scatters widely. `change` may alter it every second."""
    chance = random.Random(seed)
    rates = Rates()
    settled = calls = failed = again = 0
    spent = 0.0
    for second in range(seconds):
        change(second, rates)
        settled += 500 * poisson(chance, rates.chunks)
        made = poisson(chance, rates.calls)
        broken = sum(chance.random() < rates.failing for _ in range(made))
        calls, failed = calls + made, failed + broken
        again += broken + sum(chance.random() < rates.repeated for _ in range(made))
        spent += sum(chance.lognormvariate(0, 0.6) * rates.latency for _ in range(made))
        if second % EVERY == 0:
            yield Sample(
                at=float(second),
                now=str(second),
                busy=True,
                begun=True,
                copying="emea",
                to_do=1_000_000,
                not_loaded=2,
                written=settled,
                settled=settled,
                calls=calls,
                failed=failed,
                again=again,
                latency={"jira": (calls, spent)},
                margin=7_200.0,
                disk=1 << 40,
            )


def poisson(chance: random.Random, mean: float) -> int:
    passed, n = chance.expovariate(1.0), 0
    while passed < mean:
        passed, n = passed + chance.expovariate(1.0), n + 1
    return n


def raised(samples: Iterable[Sample], rules: tuple[Rule, ...] = (*THRESHOLDS, *TRENDS)) -> dict[str, list[float]]:
    """When each alert came: id -> seconds."""
    alarms, came, before = Alarms(rules), {}, set[str]()
    for sample in samples:
        standing = {each.finding.id for each in alarms.look(sample)}
        for name in standing - before:
            came.setdefault(name, []).append(sample.at)
        before = standing
    return came


# ---------------------------------------------------------------- trends


def test_a_steady_noisy_night_is_quiet() -> None:
    """Twenty nights of an hour each."""
    false = {seed: came for seed in SEEDS if (came := raised(series(seed, 3600)))}
    print(f"false alerts in {len(SEEDS)} hours: {false}")
    assert sum(len(times) for came in false.values() for times in came.values()) <= 1


def found_after(name: str, change: Change, begins: int = 600, within: int = 240) -> list[float]:
    """How long after its begin the change was found, in every one of the nights."""
    delays = []
    for seed in SEEDS:
        came = raised(series(seed, begins + within, change)).get(name, [])
        assert came, f"night {seed}: {name} was not found within {within} s"
        assert came[0] >= begins, f"night {seed}: {name} came before its cause"
        assert len(came) == 1, f"night {seed}: {name} came {len(came)} times"
        delays.append(came[0] - begins)
    print(f"{name}: found in all {len(SEEDS)} nights, after {sorted(delays)[len(delays) // 2]:.0f} s (median)")
    return delays


def test_a_throughput_that_falls_to_a_third_is_found() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.chunks = 0.25 if second >= 600 else 0.8

    assert max(found_after("slower", change)) <= 180


def test_a_latency_that_climbs_is_found() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.latency = 0.12 * (1 + max(0, second - 600) / 200)

    found_after("latency:jira", change, within=400)


def test_errors_that_burn_are_found_within_minutes_and_end_with_their_cause() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.failing = 0.15 if 600 <= second < 900 else 0.002

    found_after("errors", change, within=300)
    alarms, last = Alarms(TRENDS), 0.0
    for sample in series(1, 1800, change):
        if any(each.finding.id == "errors" for each in alarms.look(sample)):
            last = sample.at
    assert 900 <= last <= 1020, "two minutes after the failures, not five"


def test_retries_that_rise_are_found() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.repeated = 0.08 if second >= 600 else 0.01

    assert max(found_after("retries", change)) <= 60


def test_another_wave_has_another_rate() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.chunks = 0.2 if second >= 900 else 0.8

    for seed in SEEDS:
        waves = (replace(each, copying="emea" if each.at < 900 else "apac") for each in series(seed, 1500, change))
        assert not [at for at in raised(waves, TRENDS).get("slower", []) if at >= 900]


def test_a_rate_that_falls_because_somebody_holds_is_no_news() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.chunks = 0.0 if second >= 600 else 0.8

    held = (
        replace(each, holds=(("emea", "ben", "vendor call", each.at - 600),) if each.at >= 600 else ())
        for each in series(3, 1000, change)
    )
    assert raised(held) == {}


def test_the_sentence_names_what_the_wave_waits_for() -> None:
    def change(second: int, rates: Rates) -> None:
        rates.chunks = 0.2 if second >= 600 else 0.8

    alarms = Alarms(TRENDS)
    sentences = set()
    for sample in series(5, 800, change):
        for each in alarms.look(replace(sample, waiting={"jira: burst limit": 6, "retry: x": 1})):
            sentences.add(each.finding.sentence)
    assert any("it was" in words and "waits for 'jira: burst limit'" in words for words in sentences)


# ---------------------------------------------------------------- thresholds


def one(**what: object) -> Sample:
    return Sample(**{"at": 0.0, "now": "21:00", "disk": 1 << 40, **what})  # type: ignore[arg-type]


def findings(*samples: Sample) -> list[Finding]:
    alarms = Alarms(THRESHOLDS)
    standing = []
    for sample in samples:
        standing = alarms.look(sample)
    return [each.finding for each in standing]


def test_records_set_aside_say_how_many_where_and_why() -> None:
    (found,) = findings(one(quarantined={"emea": 3, "apac": 0}, cause={"emea": "priority is not in the map"}))
    assert found.sentence == "3 records are quarantined in wave emea: priority is not in the map"
    assert (found.wave, found.verb) == ("emea", "quarantine")
    (found,) = findings(one(in_doubt={"emea": 1}))
    assert found.sentence.startswith("1 record of wave emea may exist at the target or not")


def test_a_batch_unlike_those_before_is_told_with_its_worst_field() -> None:
    said = ["incident: team has values in 9 % of the records that no batch before had", "incident: due is in no record"]
    (found,) = findings(one(unlike={"pilot": said, "rest": []}))
    assert (found.id, found.level, found.wave) == ("unlike:pilot", "warning", "pilot")
    assert found.sentence.endswith(f"{said[0]} (and 1 more)")


def test_a_persons_hold_calls_when_it_seems_forgotten_and_the_engines_at_once() -> None:
    assert findings(one(holds=(("emea", "ben", "vendor call", 60.0),))) == []
    (found,) = findings(one(holds=(("emea", "ben", "vendor call", 1200.0),)))
    assert found.sentence == "ben has held wave emea for 20 min: vendor call" and found.verb == "resume"
    (found,) = findings(one(holds=(("", "engine", "jira does not answer", 1.0),)))
    assert found.sentence == "The engine holds every wave: jira does not answer"


def still(seconds: int, **what: object) -> list[Sample]:
    return [
        one(**{"at": float(at), "busy": True, "copying": "emea", "to_do": 9, **what}) for at in range(0, seconds, 2)
    ]


def test_a_stall_has_a_named_reason() -> None:
    assert findings(*still(9)) == []
    (found,) = findings(*still(31, waiting={"jira: burst limit": 3}))
    assert found.sentence == "Wave emea has not moved for 30 s: it waits for 'jira: burst limit'"
    (found,) = findings(*still(31))
    assert found.verb == "log" and "no answer comes" in found.sentence
    assert findings(*still(31, holds=(("", "ben", "vendor call", 30.0),))) == []
    moving = [replace(each, calls=int(each.at)) for each in still(31)]
    assert findings(*moving) == []


def test_an_engine_with_nothing_to_do_says_so_only_while_waves_are_left() -> None:
    idle = [one(at=float(at), not_loaded=2, begun=True) for at in range(0, 70, 2)]
    (found,) = findings(*idle)
    assert found.sentence == "No run goes on, and 2 waves are not loaded" and found.verb == "run"
    assert findings(*[replace(each, not_loaded=0) for each in idle]) == []
    assert findings(*[replace(each, busy=each.at == 30) for each in idle]) == []


def test_a_window_that_will_be_missed_is_an_alarm_and_does_not_flap_around_its_edge() -> None:
    nearly = [one(at=at * 2.0, margin=margin) for at, margin in enumerate([700.0, 500.0, 700.0, 500.0] * 50)]
    assert raised(nearly, THRESHOLDS) == {}, "never three in a row"
    trembling = [one(at=at * 2.0, margin=500.0 + 350 * (at % 2)) for at in range(3, 100)]
    first = [one(at=at * 2.0, margin=500.0) for at in range(3)]
    assert [len(times) for times in raised([*first, *trembling], THRESHOLDS).values()] == [1]
    (found,) = findings(*[one(at=at * 2.0, margin=-2400.0) for at in range(3)])
    assert (found.level, found.sentence) == ("alarm", "At this rate the window will be missed by up to 40 min")


def test_a_disk_that_fills_up_calls_before_the_run_ends() -> None:
    (found,) = findings(one(disk=100 << 20))
    assert found.level == "alarm" and "100 MiB left" in found.sentence
    assert findings(one(disk=2 << 30)) == []


def test_the_worst_stands_first_and_among_equals_the_newest() -> None:
    first = one(quarantined={"emea": 1})
    second = one(at=2.0, quarantined={"emea": 1, "apac": 1}, in_doubt={"emea": 1})
    assert [found.id for found in findings(first, second)] == ["in_doubt:emea", "quarantined:apac", "quarantined:emea"]


def test_an_alert_goes_a_little_after_its_cause() -> None:
    alarms = Alarms(THRESHOLDS)
    alarms.look(one(quarantined={"emea": 1}))
    assert alarms.look(one(at=8.0)) != []
    assert alarms.look(one(at=12.0)) == []


# ---------------------------------------------------------------- over the socket


def alerts_of(live: Live) -> dict[str, Alert]:
    return {alert.id: alert for alert in live.alerts}


def test_an_alert_is_acknowledged_durably_and_in_the_audit_trail(tmp_path: Path) -> None:
    rows = [row | ({"priority": "9"} if row["number"] == 3 else {}) for row in plain(40)]
    with running(tmp_path, rows) as it:
        it.client.post("/run", Receipt, Run(by="ana", waves=["pilot"]))

        def called() -> bool:
            return "quarantined:pilot" in alerts_of(it.client.get("/live", Live, once=1))

        until(called, "the alert stands")
        alert = alerts_of(it.client.get("/live", Live, once=1))["quarantined:pilot"]
        assert alert.sentence.startswith("1 record is quarantined in wave pilot: ") and alert.acknowledged_by == ""
        told = it.client.post("/acknowledge", Receipt, Acknowledge(alert=alert.id, by="ben"))
        assert told.durable
        assert alerts_of(it.client.get("/live", Live, once=1))["quarantined:pilot"].acknowledged_by == "ben"
        (event,) = [each for each in it.client.get("/events", Events).events if each.what == "acknowledge"]
        assert (event.by, event.wave, event.detail) == ("ben", "pilot", alert.sentence)
        with pytest.raises(Refusal, match="There is no alert nonsense any more"):
            it.client.post("/acknowledge", Receipt, Acknowledge(alert="nonsense", by="ben"))
        it.kill_engine()
        it.type("status")
        assert alerts_of(it.client.get("/live", Live, once=1))["quarantined:pilot"].acknowledged_by == "ben"
