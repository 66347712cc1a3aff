"""What scripts read: no field of it may be renamed or removed. A new field is added here, on purpose."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from engine import wire
from tests.cockpit.desk import HOSTILE, OBEYED, desk, environment, plain

KEYS = {
    "Run": "waves by",
    "Pause": "wave reason by wait",
    "Resume": "wave by",
    "Stop": "by",
    "Retry": "wave cause keys by",
    "Resolve": "key target by",
    "Receipt": "accepted durable effective message",
    "Problem": "error",
    "Buckets": "planned to_do synced in_flight in_doubt quarantined excluded conflict edited overlap left",
    "EntityStatus": "entity child buckets defects",
    "HoldStatus": "wave reason by since effective",
    "WaveStatus": "wave about after state cause hold playbook approved_by started ended chunks_done chunks_opened "
    "loose_references buckets entities drift",
    "Waiting": "reason now seconds",
    "Status": "version migration at engine pid began run run_by run_outcome rate retried in_doubt_seen eta_low "
    "eta_high holds waiting waves total",
    "PlanEntity": "entity source target records chunks existing",
    "PlanWave": "wave about after state playbook records entities seconds_low seconds_high",
    "Plan": "version migration waves records",
    "CheckLine": "system subject ok detail hint",
    "CheckReport": "version ok lines",
    "AsideGroup": "bucket wave cause field records",
    "AsideRecord": "entity key wave bucket cause field since tries target parent rule where",
    "Quarantine": "version groups records",
    "Event": "id at by what wave detail",
    "Events": "version events",
    "TracedField": "field rule sources where value left_out refusal",
    "Trial": "version entity key source target refused fields defects children existing",
    "Exclude": "wave cause keys records reason by",
    "Acknowledge": "alert by",
    "Tick": "step note go by",
    "Skip": "step reason by",
    "Start": "step by",
    "Chart": "name unit span step values",
    "Alert": "id level wave sentence verb since acknowledged_by",
    "Drift": "confirmed sampled estimate upper at",
    "Live": "version number status charts alerts drift runbook error_share average window_ends window_margin",
    "Latency": "system operation calls failed p50 p99",
    "ErrorGroup": "cause field records last key calls",
    "ChunkMap": "entity per cells",
    "WaveDetail": "version wave chunks latencies retries waits errors",
    "Fact": "name value holds",
    "StepStatus": "id title kind owner minutes after evidence state by at note gate facts verb about",
    "PhaseStatus": "id title state steps",
    "RunbookStatus": "version runbook content phase phases problem",
    "Comparison": "wave scope by started ended running compared total seconds_left kinds outcome",
    "Comparisons": "version comparisons",
    "DriftField": "field differs wanted there",
    "DriftList": "version kinds rows",
    "DriftRow": "wave entity key kind field target root by at found",
    "DriftShow": "version rows entity key target masked fields note",
    "OutsideValue": "value records",
    "Profile": "entity wave sample children by",
    "ProfileReport": "version running wave done planned seconds_left problem at entities",
    "ProfiledEntity": "entity system records whole twice label same_label fields maps lengths ties defects refused "
    "hanging",
    "ProfiledField": "field empty distinct exact median longest replaced nul mojibake",
    "ProfiledFiles": "size largest unsized kinds",
    "ProfiledHanging": "of bare median most astray empty files",
    "ProfiledLength": "target limit records longest",
    "ProfiledMap": "field target otherwise records values",
    "ProfiledTie": "tie to references looked_up orphans by",
    "Reconcile": "wave full sample by",
    "Repair": "wave kinds keys also_edited by",
    "RepairPlan": "version wave state records create update ties edited stuck fields note",
    "Rerun": "wave failed cause keys mapping by despite",
    "RerunField": "entity field records",
    "RerunPreview": "version wave state ran_with mapping records unchanged changed refused created fields refusals "
    "despite goes_on",
    "Rollback": "wave despite by",
    "RollbackPreview": "version wave state began began_by entities edited references elsewhere unanswered notes "
    "seconds_low seconds_high refusals despite systems",
    "RuleResult": "rule about severity owner gate wave holds checked failed skipped whole sample note at",
    "Sign": "wave note despite by",
    "SignOff": "version wave state file playbook playbook_version rules_version entities rules drift aside "
    "loose_references note refusals despite images last",
    "SignedCause": "bucket cause field records",
    "SignedEntity": "entity planned buckets",
    "UndoEdited": "entity key target by at",
    "UndoEntity": "entity fates",
    "Validate": "wave by",
    "Validation": "version results",
    "Verify": "wave sample by",
    "VerifyEntity": "entity read compared on_their_way aside elsewhere undone at_target kinds whole not_compared notes",
    "VerifyFinding": "entity key kind field root by",
    "VerifyReport": "version running wave done planned seconds_left problem waves",
    "VerifyWave": "wave ok at by playbook mapping_changed entities findings disagrees_with_reconcile",
}


def models() -> dict[str, type[BaseModel]]:
    return {
        name: each
        for name, each in inspect.getmembers(wire, inspect.isclass)
        if issubclass(each, BaseModel) and each is not wire.Message
    }


def test_every_model_of_the_wire_is_listed_here() -> None:
    assert set(models()) == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_no_field_of_the_wire_is_renamed_or_removed_and_none_is_added_unseen(name: str) -> None:
    assert list(models()[name].model_fields) == KEYS[name].split()


def test_every_verb_with_json_prints_one_document_of_its_model_and_nothing_else(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [*plain(5), {"id": "BAD", "ref": "PBAD", "number": 7, "priority": "9"}]) as it:
        assert it.type("run").code == 0
        for model, *words in [
            (wire.Status, "status"),
            (wire.Plan, "plan"),
            (wire.CheckReport, "check", "--canaries", "0"),
            (wire.Events, "log"),
            (wire.Quarantine, "quarantine", "list"),
            (wire.Quarantine, "quarantine", "show", "BAD"),
            (wire.Trial, "map", "try", "--record", "P001"),
            (wire.Trial, "map", "try", "--record", "BAD"),
        ]:
            said = it.type(*words, "--json")
            assert said.err == ""
            assert list(said.json) == KEYS[model.__name__].split()
            model.model_validate_json(said.out)


def test_a_trial_tells_what_is_left_out_and_what_is_refused(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{"id": "K1", "number": 1, "title": "one", "priority": "9", "owner": "bob"}]) as it:
        trial = it.type("map", "try", "--record", "K1", "--json").json
        fields = {field["field"]: field for field in trial["fields"]}
        assert (fields["owner"]["left_out"], fields["owner"]["value"]) == (True, None)
        assert (fields["priority"]["left_out"], fields["priority"]["refusal"]) == (False, "value not in the map")
        assert fields["title"] | {"where": ""} == {
            "field": "title",
            "rule": "title, as it is",
            "sources": ["title"],
            "where": "",
            "value": "one",
            "left_out": False,
            "refusal": "",
        }
        assert fields["title"]["where"].endswith("book.yaml:9:14")
        assert (trial["refused"], trial["target"]) == ("priority: value not in the map", {})


def test_json_carries_a_value_whole_and_no_terminal_obeys_it(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{"id": "K1", "title": HOSTILE + " ✔ 日本", "priority": "1"}]) as it:
        for env in (environment(), environment({"PYTHONIOENCODING": "ascii"}), environment({"LC_ALL": "C"})):
            said = it.type("map", "try", "--record", "K1", "--json", env=env)
            assert not any(sign in said.out for sign in OBEYED)
            assert json.loads(said.out)["source"]["title"] == HOSTILE + " ✔ 日本"


def test_questions_are_answered_while_every_wave_is_held(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        assert it.type("pause", "--reason", "the vendor calls").code == 0
        for words in (["plan"], ["check", "--canaries", "0"], ["map", "try", "--record", "P001"]):
            assert it.type(*words, "--json").json["version"] == wire.WIRE_VERSION


def test_a_watched_status_prints_one_document_a_line(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 3) as it:
        watch = it.begin("status", "--watch", "--json")
        assert watch.stdout is not None
        for _ in range(2):
            wire.Status.model_validate_json(watch.stdout.readline())
