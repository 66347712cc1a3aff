"""The benchmark works (under 25 s in all): no timings, only that every contender does the same and loses nothing."""

from __future__ import annotations

from typing import Any

from tests.bench import alone, contest, manifest, reconcile
from tests.bench.doubles import issues, served

RECORDS = 2_000
FIELDS = "summary,description,priority,labels,customfield_10050"


def what_arrived(jira: str) -> dict[str, dict[str, Any]]:
    """Fields by incident number, without the label that is each contender's own."""
    arrived = {}
    for issue in issues(jira, FIELDS):
        fields = issue["fields"]
        fields["labels"] = [label for label in fields["labels"] if not label.startswith("cutover-")]
        arrived[fields["customfield_10050"]] = {"type": issue["type"], "project": issue["project"], **fields}
    return arrived


def test_every_contender_moves_every_record_once_and_all_of_them_write_the_same() -> None:
    arrived = {}
    with served("servicenow", RECORDS) as source:
        for name in contest.CONTENDERS:
            with served("jira") as target:
                contest.measure(name, source.url, target, RECORDS)
                arrived[name] = what_arrived(target.url)
    script = arrived[contest.SCRIPT]
    assert len(script) == RECORDS
    for name, theirs in arrived.items():
        different = [number for number, fields in theirs.items() if fields != script[number]]
        assert not different, f"{name} wrote {len(different)} issues otherwise, {different[0]} for one"


def test_the_engine_alone_settles_every_record() -> None:
    for creates in alone.CREATES:
        made = alone.measure(RECORDS, creates)
        assert made.ran.copied <= made.ran.proven
        assert made.ledger > 0


def test_a_killed_engine_goes_on_where_it_was() -> None:
    resumed = alone.resume(30_000)
    assert 15_000 <= resumed.kept < 30_000


def test_a_manifest_is_signed_and_re_checked() -> None:
    made = manifest.measure(3_000, 1)
    assert made.size > 3_000 * 80
    assert made.checker < 200e6


def test_two_large_sets_are_compared_and_both_ways_find_the_same() -> None:
    for who in ("ours", "polars"):
        made = reconcile.measure(who, 20_000, 100)
        assert made.peak < 300e6
