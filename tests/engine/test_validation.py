"""Rules of the playbook: what they find, what they leave alone, and what a gate does to a wave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.errors import EngineError, Refused
from engine.inspector import Inspector
from engine.manifest import Seal
from engine.model import Bucket, SetAside
from engine.rulings import DRIFT
from engine.signoff import SignOffs
from engine.validation import compile_rule
from engine.wire import Drift, Exclude, RuleResult, Sign, Validate
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write

EACH = "{ rule: high, about: urgent ones are high, each: incident, when: 'source.priority == \"1\"', "
HIGH = EACH + "then: 'target.priority == \"high\"' }"
GATE = HIGH.replace(" }", ", gate: true }")


def playbook(*rules: str) -> str:
    return PLAYBOOK + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)


async def asked(it: Night, wave: str = "") -> dict[str, RuleResult]:
    """Every result, by rule; of one wave, or of the only one that has begun."""
    results = (await Inspector(it.conductor, it.ledger, Clock()).validate(Validate(wave=wave, by="ana"))).results
    return {result.rule: result for result in results if not wave or result.wave == wave}


async def last(it: Night) -> list[RuleResult]:
    return (await Inspector(it.conductor, it.ledger, Clock()).results()).results


async def sign(it: Night, wave: str, despite: str = "") -> None:
    await SignOffs(it.conductor, it.ledger, lambda: Seal(b"k" * 32), Clock()).sign(
        Sign(wave=wave, despite=despite, by="ana")
    )


def target_of(it: Night, key: str) -> str:
    return it.right.tables["issue"].owner[it.conductor.assembly.flows["incident"].xid(key)]


# ---------------------------------------------------------------- both sides of each record


def test_a_rule_over_both_sides_holds_when_it_is_true_of_every_record_that_when_picks(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            result = (await asked(it))["high"]
            assert (result.holds, result.failed, result.whole, result.sample) == (True, 0, True, [])
            assert result.checked == 3  # I0000, I0020 and I0040 have priority 1

    go(work)


def test_what_somebody_changed_at_the_target_is_found_by_its_key(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.edit("issue", target_of(it, "I0020"), {"priority": "low"})
            result = (await asked(it))["high"]
            assert (result.holds, result.failed, result.sample) == (False, 1, ["I0020"])

    go(work)


def test_a_record_that_is_gone_at_the_target_fails(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.right.remove("issue", target_of(it, "I0040"))
            assert (await asked(it))["high"].sample == ["I0040"]

    go(work)


def test_a_record_that_changed_at_the_source_since_is_on_its_way_and_not_judged(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            it.left.edit("incident", "I0004", {"priority": "1"})  # was 5, so it is low at the target
            result = (await asked(it))["high"]
            assert (result.holds, result.checked, result.skipped) == (True, 3, 1)

    go(work)


def test_a_quarantined_record_is_not_at_the_target_and_one_that_was_excluded_need_not_be(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: titled, about: all have a title, each: incident, then: 'target.title != \"\"' }"
        write(tmp_path, playbook=playbook(rule))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            assert (await asked(it))["titled"].sample == ["I0000"]
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            await it.ledger.settle(wave, entity, (), [SetAside("I0000", "test data")], bucket=Bucket.EXCLUDED)
            assert (await asked(it))["titled"].holds

    go(work)


def test_the_status_is_asked_by_that_name(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: open, about: new ones are open, each: incident, when: 'source.state == \"1\"', "
        write(tmp_path, playbook=playbook(rule + "then: 'target.status == \"open\"' }"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            assert (await asked(it))["open"].holds

    go(work)


def test_a_sample_is_called_one_and_comes_from_several_places(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: few, about: none, each: incident, then: 'target.title == \"\"', sample: 6 }"
        write(tmp_path, playbook=playbook(rule), source="{ page: 2 }")
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run()
            result = (await asked(it, "rest"))["few"]
            assert (result.whole, result.checked, result.failed) == (False, 6, 6)
            assert max(result.sample) > "I0020"

    go(work)


def test_a_rule_that_may_not_look_long_says_that_it_saw_a_sample(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: short, about: all, each: incident, then: 'target.title != \"\"', at_most: 0.001 s }"
        write(tmp_path, playbook=playbook(rule), source="{ page: 2 }", target="{ latency: 0.01 }")
        async with night(tmp_path) as it:
            fill(it.left, 16, bad=0)
            await it.run("pilot")
            assert not (await asked(it))["short"].whole

    go(work)


def test_the_filter_is_the_sources_own(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: low, about: all, each: incident, filter: priority = 5, then: 'target.priority == \"low\"' }"
        write(tmp_path, playbook=playbook(rule))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            result = (await asked(it))["low"]
            assert (result.holds, result.checked) == (True, 3)

    go(work)


def test_an_expression_that_fails_on_a_record_fails_the_rule_and_names_no_value(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: odd, about: all, each: incident, then: 'int(source.short_description) > 0' }"
        write(tmp_path, playbook=playbook(rule))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            result = (await asked(it))["odd"]
            assert result.failed == 15
            assert result.note.startswith("the expression fails on some records")
            assert "printer" not in result.note

    go(work)


def test_within_asks_for_what_was_created_long_enough_ago(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: soon, about: all are there in five minutes, each: incident, within: 5 min, created: opened }"
        write(tmp_path, playbook=playbook(rule))
        async with night(tmp_path) as it:
            now = datetime.now(UTC)
            fill(it.left, 8, bad=0)
            for key, age in (("I0000", 60), ("I0004", 0)):
                opened = (now - timedelta(minutes=age)).strftime("%Y-%m-%d %H:%M:%S")
                it.left.edit("incident", key, {"opened": opened, "region": "EMEA"})
            await it.run("pilot")
            assert (await asked(it))["soon"].holds
            for key, age in (("I0900", 60), ("I0901", 0)):  # came after the wave
                opened = (now - timedelta(minutes=age)).isoformat()
                it.left.put("incident", key, {"opened": opened, "region": "EMEA", "priority": "1", "state": "1"})
            result = (await asked(it))["soon"]
            assert (result.failed, result.sample, result.skipped) == (1, ["I0900"], 2)

    go(work)


# ---------------------------------------------------------------- counts, ties, children, facts


def test_counts_hold_when_the_sources_count_is_the_ledgers_sum(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: all, about: none is lost, counts: incident }"))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            result = (await asked(it))["all"]
            assert (result.holds, result.checked) == (True, 15)
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            await it.ledger.plan(wave, {entity: 17})
            result = (await asked(it))["all"]
            assert (result.failed, result.note) == (
                2,
                "the source counts 17, the ledger 15, of which 0 are not settled",
            )

    go(work)


def test_ties_that_wait_for_a_wave_to_come_are_not_broken_and_those_to_what_never_came_are(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: tied, about: ties are made, references: incident }"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            result = (await asked(it))["tied"]
            assert result.holds
            assert result.skipped > 0
            assert result.note.endswith("wait for waves to come")
            it.left.edit("incident", "I0001", {"parent": "I9999"})  # there is none
            await it.run("rest")
            result = (await asked(it, "rest"))["tied"]
            assert (result.failed, result.sample) == (1, ["I0001"])

    go(work)


def test_a_tie_to_a_quarantined_record_is_broken(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: tied, about: ties are made, references: incident }"))
        async with night(tmp_path) as it:
            fill(it.left)
            it.left.edit("incident", "I0008", {"parent": "I0000"})
            await it.run("pilot")
            result = (await asked(it))["tied"]
            assert not result.holds
            assert "I0008" in result.sample

    go(work)


def test_children_are_counted_at_the_target_itself(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: said, about: all comments are there, children: incident }"))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            result = (await asked(it))["said"]
            assert (result.holds, result.checked, result.whole) == (True, 15, True)
            issue = target_of(it, "I0012")
            it.right.remove("comment", next(iter(it.right.tables["comment"].hanging[issue])))
            result = (await asked(it))["said"]
            assert (result.failed, result.sample) == (1, ["I0012"])

    go(work)


def test_a_sentence_over_facts_says_which_fact_is_otherwise(tmp_path: Path) -> None:
    async def work() -> None:
        rules = (
            "{ rule: few, about: at most 1 in 20 is set aside, holds: quarantined * 20 <= records }",
            "{ rule: same, about: the sides are the same, holds: drift == 0 }",
        )
        write(tmp_path, playbook=playbook(*rules))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            found = await asked(it)
            assert found["few"].note == "quarantined is 1, records is 15"
            assert found["same"].holds
            drift = Drift(confirmed=2, sampled=5, estimate=0.4, upper=0.9, at="2026-01-01T00:00:00+00:00")
            await it.ledger.set_meta(DRIFT + "pilot", drift.model_dump_json())
            assert (await asked(it))["same"].note == "drift is 2"

    go(work)


def test_a_rule_is_asked_of_waves_that_move_its_entity(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: all, about: none is lost, counts: incident }"))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run()
            assert [(result.rule, result.wave) for result in await last(it)] == [("all", "pilot"), ("all", "rest")]

    go(work)


# ---------------------------------------------------------------- gates


def test_a_wave_whose_gate_fails_needs_a_person_and_goes_on_when_the_gate_holds(tmp_path: Path) -> None:
    async def work() -> None:
        rule = "{ rule: none-aside, about: nothing is quarantined, gate: true, holds: quarantined == 0 }"
        write(tmp_path, playbook=playbook(rule))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            row = (await it.ledger.waves())["pilot"]
            assert row.state == "needs_human"
            assert row.cause.startswith("gate: none-aside (nothing is quarantined): 1 of 1 fail.")
            await it.conductor.exclude(Exclude(wave="pilot", reason="test data", by="ana"))
            assert (await asked(it, "pilot"))["none-aside"].holds
            assert (await it.ledger.waves())["pilot"].state == "awaiting_sign_off"

    go(work)


def test_a_rule_that_is_no_gate_stops_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook("{ rule: none, about: nothing is aside, holds: quarantined == 0 }"))
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            assert (await it.ledger.waves())["pilot"].state == "awaiting_sign_off"
            assert [result.holds for result in await last(it)] == [False]
            await sign(it, "pilot")

    go(work)


def test_a_loaded_wave_whose_gate_fails_later_needs_a_person_and_is_signed_with_a_reason_only(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(GATE))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            assert (await it.ledger.waves())["pilot"].state == "awaiting_sign_off"
            it.right.edit("issue", target_of(it, "I0020"), {"priority": "low"})
            await asked(it)
            assert (await it.ledger.waves())["pilot"].state == "needs_human"
            with pytest.raises(Refused, match="the rule high fails: 1 of 3"):
                await sign(it, "pilot")
            await sign(it, "pilot", "the desk wanted it low")
            assert (await it.ledger.waves())["pilot"].state == "signed_off"

    go(work)


def test_rules_that_changed_are_asked_before_the_wave_is_signed(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            fill(it.left, bad=0)
            await it.run("pilot")
            write(tmp_path, playbook=playbook(GATE))
            await it.conductor.afresh()
            with pytest.raises(Refused, match="cutover validate --wave pilot"):
                await sign(it, "pilot", "we are late")
            await asked(it)
            await sign(it, "pilot")

    go(work)


def test_the_rules_of_a_wave_that_has_not_begun_are_not_asked(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            assert await asked(it) == {}
            with pytest.raises(Refused, match="has not begun"):
                await asked(it, "pilot")

    go(work)


# ---------------------------------------------------------------- what cannot be asked


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("priority == '1'", "'priority' is of neither side; write source.priority or target.priority"),
        ("source.priority ==", "line 1, column"),
        ("source.a.map(x, x.map(y, y))", "a macro inside a macro"),
    ],
)
def test_an_expression_that_cannot_be_asked_is_told_with_its_place(tmp_path: Path, expression: str, told: str) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(f'{{ rule: r, about: a, each: incident, then: "{expression}" }}'))
        with pytest.raises(EngineError) as caught:
            async with night(tmp_path):
                pass
        line = len(PLAYBOOK.splitlines()) + 2
        assert f"book.yaml:{line}:" in str(caught.value)
        assert told in str(caught.value)

    go(work)


def test_a_target_that_cannot_be_read_back_is_told_before_anything_runs(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, playbook=playbook(HIGH))
        async with night(tmp_path) as it:
            flow = replace(it.conductor.assembly.flows["incident"], target=object())
            rule = it.conductor.assembly.migration.playbooks[0].rules[0]
            problems: list[str] = []
            compile_rule(rule, {"incident": flow}, lambda key: f"book.yaml: {key}", problems)
            assert len(problems) == 1
            assert "book.yaml: each" in problems[0]
            assert "the connector of system right cannot read back" in problems[0]

    go(work)
