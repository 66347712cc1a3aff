"""Pictures of one night: four waves of incidents, one loaded, one running, one held, one to come. Always the same."""

from __future__ import annotations

import math

from pydantic import BaseModel

from engine.wire import (
    Alert,
    AsideGroup,
    AsideRecord,
    Buckets,
    Chart,
    ChunkMap,
    Comparison,
    Comparisons,
    Drift,
    DriftField,
    DriftList,
    DriftRow,
    DriftShow,
    EntityStatus,
    ErrorGroup,
    Event,
    Events,
    Fact,
    HoldStatus,
    Latency,
    Live,
    PhaseStatus,
    Plan,
    PlanEntity,
    PlanWave,
    Quarantine,
    RuleResult,
    RunbookStatus,
    SignedCause,
    SignedEntity,
    SignOff,
    Status,
    StepStatus,
    VerifyEntity,
    VerifyFinding,
    VerifyReport,
    VerifyWave,
    Waiting,
    WaveDetail,
    WaveStatus,
)

AT = "2026-11-21T21:47:03.250+00:00"
HOLD = HoldStatus(
    wave="apac", reason="the vendor is on the phone", by="ben@jump2", since="2026-11-21T21:31:40+00:00", effective=True
)


def wave(name: str, state: str, buckets: Buckets, **more: object) -> WaveStatus:
    comments = Buckets(planned=buckets.synced * 3, synced=buckets.synced * 3)
    known = {
        "about": "", "after": [], "cause": "", "hold": None, "playbook": "incidents 9f31c2ab04", "approved_by": "",
        "started": "", "ended": "", "chunks_done": 0, "chunks_opened": 0, "loose_references": 0,
        "entities": [
            EntityStatus(entity="incident", child=False, buckets=buckets),
            EntityStatus(entity="comment", child=True, buckets=comments),
        ],
    }  # fmt: skip
    return WaveStatus.model_validate({"wave": name, "state": state, "buckets": buckets} | known | more)


def waves() -> list[WaveStatus]:
    return [
        wave("pilot", "signed_off", Buckets(planned=1240, synced=1240), about="ninety days of standard incidents",
             approved_by="ana@jump1", started="2026-11-21T20:05:00+00:00", ended="2026-11-21T20:14:31+00:00"),
        wave("emea", "copying", Buckets(planned=41000, synced=18199, in_flight=200, quarantined=3, to_do=22598),
             about="everything of Europe, the Middle East and Africa", approved_by="ana@jump1", after=["pilot"],
             started="2026-11-21T20:58:10+00:00", chunks_done=368, chunks_opened=372),
        wave("apac", "ready", Buckets(planned=22100, to_do=22100), after=["pilot"], hold=HOLD),
        wave("amer", "ready", Buckets(planned=55310, to_do=55310), after=["emea"]),
    ]  # fmt: skip


def status(**more: object) -> Status:
    listed = waves()
    total = Buckets(**{name: sum(getattr(each.buckets, name) for each in listed) for name in Buckets.model_fields})
    known = {
        "migration": "acme-itsm", "at": AT, "engine": "running", "pid": 4711, "began": "2026-11-21T19:58:00+00:00",
        "run": ["emea", "amer"], "run_by": "ana@jump1", "run_outcome": "", "rate": 392.4, "retried": 41,
        "in_doubt_seen": 0, "eta_low": 2600.0, "eta_high": 3420.0, "holds": [HOLD], "waves": listed, "total": total,
        "waiting": [
            Waiting(reason="jira: burst limit", now=2, seconds=312.4),
            Waiting(reason="servicenow: Retry-After", now=0, seconds=45.0),
            Waiting(reason="hold by ben@jump2: the vendor is on the phone", now=0, seconds=12.0),
        ],
    }  # fmt: skip
    return Status.model_validate(known | more)


def charts() -> list[Chart]:
    made = []
    for name, unit, high in (("written", "records/s", 400.0), ("errors", "/min", 4.0), ("retries", "/min", 9.0)):
        for span, step, n in (("recent", 2.0, 120), ("run", 14.0, 210)):
            values: list[float | None] = [
                round(
                    max(0.0, high * (0.8 + 0.25 * math.sin(at / 9) + 0.2 * math.sin(at / 2.3) - (at % 37 == 0) * 0.6)),
                    1,
                )
                for at in range(n)
            ]
            made.append(Chart(name=name, unit=unit, span=span, step=step, values=values))
    return made


def step(identity: str, title: str, state: str, kind: str = "manual", **more: object) -> StepStatus:
    known = {
        "owner": "", "minutes": None, "after": [], "evidence": "", "by": "", "at": "", "note": "", "gate": "",
        "facts": [], "verb": "",
    }  # fmt: skip
    return StepStatus.model_validate({"id": identity, "title": title, "state": state, "kind": kind} | known | more)


def runbook() -> RunbookStatus:
    waves_phase = [
        step("notice", "Freeze notice sent", "done", owner="change manager", by="ana@jump1", at=AT, note="CHG0031922"),
        step("backup", "Target backup", "done", owner="platform", by="ana@jump1", at=AT, note="snapshot 7781"),
        step("delta", "Nightly delta", "running", kind="automatic", verb="run --wave emea"),
        step("cab", "CAB go/no-go", "ready", kind="approval", owner="Priya", minutes=15),
        step("few", "Few records set aside", "blocked", kind="gate", gate="quarantined <= 2",
             facts=[Fact(name="quarantined", value="3", holds=False)]),
        step("sign", "Wave signed off", "waiting", owner="process owner", after=["few"]),
    ]  # fmt: skip
    phases = [
        PhaseStatus(id="readiness", title="Readiness", state="done", steps=[step("profile", "Data profiled", "done")]),
        PhaseStatus(id="waves", title="Waves", state="open", steps=waves_phase),
        PhaseStatus(id="cutover", title="Cutover", state="waiting", steps=[step("freeze", "Source frozen", "waiting")]),
    ]
    return RunbookStatus(runbook="standard", content="77b0c2e1", phase="waves", phases=phases)


def picture(number: int = 1, **more: object) -> Live:
    known = {
        "number": number, "status": status(), "charts": charts(), "alerts": [
            Alert(id="quarantine", level="warning", wave="emea", verb="quarantine", since=AT,
                  sentence="3 records of emea set aside: priority 'P5' is not in the map."),
        ],
        "drift": Drift(confirmed=0, sampled=5000, estimate=0.0, upper=0.0006, at=AT),
        "runbook": runbook(), "error_share": 0.003, "average": 388.2,
        "window_ends": "2026-11-22T06:00:00+00:00", "window_margin": 7800.0,
    }  # fmt: skip
    return Live.model_validate(known | more)


def detail(name: str = "emea") -> WaveDetail:
    cells = "d" * 150 + "s" + "d" * 141 + "s" + "d" * 75 + "wwww" + "t" * 448
    return WaveDetail(
        wave=name,
        chunks=[ChunkMap(entity="incident", per=1, cells=cells), ChunkMap(entity="problem", per=4, cells="ddwttttt")],
        latencies=[
            Latency(system="jira", operation="issue/bulk", calls=1840, failed=6, p50=212.0, p99=1480.0),
            Latency(system="jira", operation="comment", calls=5211, failed=0, p50=48.0, p99=190.0),
            Latency(system="servicenow", operation="table/incident", calls=368, failed=1, p50=95.0, p99=610.0),
        ],
        retries={"jira: burst limit": 31, "jira: answered 503": 6, "servicenow: no answer": 4},
        waits=[
            Waiting(reason="jira: burst limit", now=2, seconds=312.4),
            Waiting(reason="servicenow: Retry-After", now=0, seconds=45.0),
        ],
        errors=[
            ErrorGroup(cause="value 'P5' is not in the map", field="priority", records=3, last=AT, key="a91c0f7"),
            ErrorGroup(cause="jira: answered 503", field="", records=0, calls=6, last=AT, key=""),
        ],
    )


def plan() -> Plan:
    sizes = {"pilot": 1240, "emea": 41000, "apac": 22100, "amer": 55310}
    known = {each.wave: each for each in waves()}
    made = []
    for name, records in sizes.items():
        at = PlanEntity(
            entity="incident", source="servicenow:incident", target="jira:issue", records=records, chunks=records // 50
        )
        made.append(
            PlanWave(
                wave=name, about=known[name].about, after=known[name].after, state=known[name].state,
                playbook="incidents", records=records, entities=[at],
                seconds_low=records / 480, seconds_high=records / 260,
            )
        )  # fmt: skip
    return Plan(migration="acme-itsm", waves=made, records=sum(sizes.values()))


def compared() -> dict[str, BaseModel]:
    """What a comparison of emea's first half found: two records that somebody cut, one that was edited there."""
    differing = [
        ("a91c0f7", "SUP-10418", "changed", "description", ""),
        ("a91c0f7", "SUP-10418", "changed", "resolution", ""),
        ("b02d1e8", "SUP-11902", "changed", "description", ""),
        ("c13e2f9", "SUP-12770", "edited_at_target", "assignee", "rosa@acme"),
    ]
    rows = [
        DriftRow(wave="emea", entity="incident", key=key, kind=kind, field=field, target=target, root=key, by=by,
                 at="2026-11-21T21:40:12+00:00" if by else "", found="2026-11-21T21:44:50+00:00")
        for key, target, kind, field, by in differing
    ]  # fmt: skip
    went = Comparison(wave="emea", scope="dirty", by="ana@jump1", started="2026-11-21T21:44:02+00:00",
                      ended="2026-11-21T21:44:50+00:00", running=False, compared=18199, total=18199, seconds_left=None,
                      kinds={"changed": 2, "edited_at_target": 1}, outcome="drift: 2 changed")  # fmt: skip
    fields = [
        DriftField(field="description", differs=True, wanted="P… (412 characters)", there="P… (200 characters)"),
        DriftField(field="resolution", differs=True, wanted="F… (11 characters)", there=""),
        *(DriftField(field=each, differs=False, wanted="…", there="…") for each in ("assignee", "priority", "summary")),
    ]
    shown = DriftShow(rows=rows[:2], entity="incident", key="a91c0f7", target="SUP-10418", masked=True, fields=fields)
    return {
        "/reconcile": Comparisons(comparisons=[went]),
        "/drift": DriftList(kinds={"emea": {"changed": 2, "edited_at_target": 1}}, rows=rows),
        "/difference": shown,
    }


def proven() -> dict[str, BaseModel]:
    """What would be signed of emea, as if its last record had come over; and what the verifier says."""
    rules = [
        rule_result("every-critical", "every Critical incident exists in the target within 5 minutes", "critical",
                    gate=True, checked=118),
        rule_result("groups", "no open incident without an assignee group", "warning", checked=2210, failed=2,
                    sample=["a91c0f7", "b02d1e8"]),
        rule_result("counts", "as many issues as incidents", "critical", gate=True, checked=1),
    ]  # fmt: skip
    sign = SignOff(
        wave="emea", state="awaiting_sign_off", file="manifests/emea-1.json", playbook="incidents",
        playbook_version="9f31c2ab04", rules_version="9f31c2ab04", rules=rules,
        entities=[
            SignedEntity(entity="incident", planned=41000, buckets={"synced": 40997, "quarantined": 3}),
            SignedEntity(entity="comment", planned=None, buckets={"synced": 122991}),
        ],
        drift=Drift(confirmed=2, sampled=18199, estimate=0.0001, upper=0.0003, at=AT),
        aside=[SignedCause(bucket="quarantined", cause="value 'P5' is not in the map", field="priority", records=3)],
        loose_references=4, note="", refusals=[], despite=["2 confirmed differences between the sides"],
    )  # fmt: skip
    entity = VerifyEntity(
        entity="incident", read=41000, compared=40990, on_their_way=7, aside=3, elsewhere=0, at_target=42237,
        kinds={"changed": 2}, whole=True, not_compared=["opened_at"], notes=[],
    )  # fmt: skip
    found = [
        VerifyFinding(entity="incident", key=key, kind="changed", field="description", root=key)
        for key in ("a91c0f7", "b02d1e8")
    ]
    opinion = VerifyWave(
        wave="emea", ok=False, at=AT, by="ana@jump1", playbook="9f31c2ab04", mapping_changed=False, entities=[entity],
        findings=found, disagrees_with_reconcile=[],
    )  # fmt: skip
    return {"/sign": sign, "/verify": VerifyReport(running=False, waves=[opinion])}


def rule_result(name: str, about: str, severity: str, **more: object) -> RuleResult:
    known = {"owner": "Priya", "gate": False, "wave": "emea", "checked": 0, "failed": 0, "at": AT}
    known |= {"rule": name, "about": about, "severity": severity, "holds": not more.get("failed")}
    return RuleResult.model_validate(known | more)


def replies() -> dict[str, BaseModel]:
    """What the night answers beside its pictures."""
    groups = [
        AsideGroup(bucket="quarantined", wave="emea", cause="value 'P5' is not in the map", field="priority", records=3)
    ]
    records = [
        AsideRecord(entity="incident", key=key, wave="emea", bucket="quarantined", cause="value 'P5' is not in the map",
                    field="priority", since=AT, tries=1, target="", parent="")
        for key in ("a91c0f7", "b02d1e8", "c13e2f9")
    ]  # fmt: skip
    events = [
        Event(id=1, at="2026-11-21T20:58:10+00:00", by="ana@jump1", what="run", wave="", detail="emea amer"),
        Event(id=2, at="2026-11-21T21:31:40+00:00", by="ben@jump2", what="pause", wave="apac", detail=HOLD.reason),
    ]
    return {
        "/wave": detail(), "/plan": plan(), "/quarantine": Quarantine(groups=groups, records=records),
        "/events": Events(events=events), **compared(), **proven(),
    }  # fmt: skip
