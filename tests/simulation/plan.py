"""What one night will be, drawn from its seed before it begins: the systems, the faults, the people, the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

from tests.proof.points import durable_points

READS = (
    "count",
    "read",
    "fetch",
    "children",
    "changes",
    "find",
    "stand",
    "hanging",
    "census",
    "tally",
    "others",
    "image",
)
WRITES = ("create", "update", "move", "delete", "restore")

FAULTS: dict[str, str] = {
    "refused": "the call is not applied, and says so",
    "request lost": "the call never arrives; its sender waits in vain",
    "answer lost": "the call is applied; its answer never arrives",
    "ghost": "the answer is lost, and the call is applied later, as late as the target declares",
    "prefix": "the call dies half way: the first of its records are applied, and nobody is told",
    "some unanswered": "single records of a call have no answer, applied or not",
    "some rejected": "single records are refused by a rule that stands for a while",
    "throttled": "429 with a time to wait: none, short, an hour",
    "slow": "answers take a hundred times as long",
    "away": "the whole system is away: refused, or silent",
    "locked out": "the account is locked: every call says that it will never work",
    "short page": "a page has fewer records than it could have, or none",
    "stale list": "lists show records as they were, within the settle horizon",
    "repeated feed": "the feed shows changes twice, and out of their order",
    "miscount": "the source counts one more or one less than there are",
    "slow disk": "making the ledger durable takes seconds",
    "full disk": "the ledger's disk is full",
    "disk error": "the ledger's disk cannot write for a moment",
    "early wake": "a wait of the engine ends before its time",
    "clock jump": "the engine's clock jumps by up to an hour, forwards or backwards",
    "kill": "the engine dies at once, wherever it is",
    "kill at write": "the engine dies at a durable write, before or after it",
    "power cut": "the machine dies: what was not synced is lost, the file's end is torn",
}

ACTS = (
    ("run", 10),
    ("run one", 6),
    ("pause", 3),
    ("pause one", 2),
    ("resume", 5),
    ("stop", 3),
    ("retry", 3),
    ("exclude", 1),
    ("rerun", 2),
    ("preview", 1),
    ("roll back", 3),
    ("sign", 2),
    ("reconcile", 2),
    ("reconcile fully", 2),
    ("repair", 2),
    ("verify", 1),
    ("look", 3),
    ("wrong", 1),
)


@dataclass(frozen=True)
class Fault:
    """One fault. Times in seconds of the night; `rate` of the calls it could strike."""

    number: int
    name: str
    system: str = ""
    call: str = ""
    start: float = 0.0
    end: float = 0.0
    rate: float = 1.0
    size: float = 0.0  # what it means depends on the fault: a delay, a jump, the n-th write
    late: bool = False  # after rather than before

    def __str__(self) -> str:
        where = " ".join(word for word in (self.system, self.call) if word)
        share = f" {self.rate:.0%}" if self.rate < 1 else ""
        return f"#{self.number} {self.name} {where}{share} {self.start:.1f}-{self.end:.1f} s size {self.size:.2f}"


@dataclass(frozen=True)
class Act:
    """One deed of the operator."""

    after: float  # seconds since the one before
    what: str
    wave: str
    dice: float


@dataclass(frozen=True)
class Plan:
    seed: int
    length: float
    records: int
    comments: int
    source: dict[str, Any]
    target: dict[str, Any]
    limits: dict[str, Any]
    chunk: int
    workers: int
    field_reference: bool
    attachments: bool
    prove: str
    latency: float
    pace_source: float  # seconds between edits of people there
    pace_target: float
    rough: bool  # people also delete at the target
    ends_undone: bool  # the last act undoes every wave
    plain: bool = False  # only what the model of a wave knows
    waves: tuple[str, ...] = ("pilot", "rest")
    lively: bool = False  # plain, and people edit at the source
    leaves: bool = False  # a target whose keys are ours to choose leaves what is there under one as it is
    by_door: bool = False  # commands come as requests to the engine's door
    patient: bool = False  # the operator waits for a run to end before deeds that a run forbids
    existing: bool = False  # some of the records are at the target before anybody moves them
    twists: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    acts: tuple[Act, ...] = ()

    def without(self, numbers: Sequence[int]) -> Plan:
        return replace(self, faults=tuple(fault for fault in self.faults if fault.number not in set(numbers)))

    def without_act(self, at: int) -> Plan:
        """Time goes on as before: the next deed waits so much longer."""
        acts = list(self.acts)
        gone = acts.pop(at)
        if at < len(acts):
            acts[at] = replace(acts[at], after=acts[at].after + gone.after)
        return replace(self, acts=tuple(acts))


TWISTED = 5_000_000  # seeds from here on are harsh nights that `twists` makes worse
_MILD = 10_000  # seeds below are nights with some rest in them
SIZED = 10_000_000  # seeds from here on are nights of all sizes, most of them small
_YOUNG = 100_000_000  # seeds from here on may have all that came later: a seed stays the night it was
_STEERED = 1_000_000_000  # seeds from here on: nights of the model have more runs, and may have two waves; repairs


def draw(seed: int) -> Plan:
    """The night of this seed."""
    if TWISTED <= seed < SIZED:
        return _twisted(seed, _harsh(seed, _mild(seed)))
    if seed >= SIZED:
        plan = _there_before(seed, _sized(seed, _harsh(seed, _mild(seed))))
        plan = _waking(seed, _at_a_point(seed, _overtaking(seed, plan)))
        plan = _mending(seed, plan)
        plan = _steered(seed, replace(plan, lively=plan.plain and seed >= _YOUNG))
        plan = replace(plan, leaves=seed >= _YOUNG and Random(f"leaves {seed}").random() < 0.5)
        plan = replace(plan, by_door=Random(f"door {seed}").random() < 0.25)
        if seed >= _STEERED and not (plan.plain or plan.existing) and Random(f"twist {seed}").random() < 0.15:
            return _twisted(seed, plan)
        return plan
    if seed >= _MILD:
        return _harsh(seed, _mild(seed))
    return _mild(seed)


def _twisted(seed: int, plan: Plan) -> Plan:
    from tests.simulation.twists import twisted  # which knows this module

    return twisted(seed, plan)


def _sized(seed: int, plan: Plan) -> Plan:
    """What breaks, breaks with a few records and a few faults at the right moment: many small nights, a few large."""
    chance = Random(f"sized {seed}")
    dice = chance.random()
    if dice < 0.2:
        return plan
    if dice < 0.22:
        records, length, faults, deeds = chance.randint(60, 100), chance.choice((120.0, 300.0)), (24, 48, 96), (8, 20)
        plan = replace(plan, chunk=chance.choice((8, 16)), workers=chance.choice((2, 4, 8)))
    elif dice > 0.85:
        return _plain(chance, plan)
    else:
        records, length, faults, deeds = chance.randint(2, 7), chance.choice((8.0, 20.0, 40.0)), (2, 4, 8), (3, 8)
        plan = replace(plan, chunk=chance.choice((1, 2, 4)), workers=chance.choice((1, 2)))
    plan = replace(plan, records=records, length=length, comments=chance.choice((0, 1, 1, 2)))
    plan = replace(plan, patient=chance.random() < 0.5, faults=_early(_faults(chance, plan, chance.choice(faults))))
    return replace(plan, acts=_acts(chance, plan, plan.length / chance.choice(deeds)))


def _there_before(seed: int, plan: Plan) -> Plan:
    """One night in six finds records at the target, updates them, and is struck where only such nights can be."""
    chance = Random(f"existing {seed}")
    if plan.plain or chance.random() > 1 / 6:
        return plan
    calls = ("lookup", "image", "restore", "update", "stand", "now")
    more = [
        replace(fault, number=1_000 + fault.number, system="right", call=chance.choice(calls))
        for fault in _faults(chance, plan, chance.choice((0, 6, 12)))
        if fault.call
    ]
    return replace(plan, existing=True, faults=(*plan.faults, *more))


def _overtaking(seed: int, plan: Plan) -> Plan:
    """One night in eight loses changes that come late, while people go on editing what they change."""
    chance = Random(f"overtaking {seed}")
    if plan.plain or chance.random() > 1 / 8:
        return plan
    length = plan.length + 60.0
    ghosts = []
    for number in range(2_000, 2_000 + chance.choice((1, 2, 4))):
        call, start = chance.choice(("update", "update", "move", "restore")), chance.random() * length / 2
        ghosts.append(Fault(number, "ghost", "right", call, start, length, chance.choice((0.2, 0.6)), late=True))
    return replace(
        plan,
        length=length,
        target={**plan.target, "late_commit": chance.choice((10.0, 30.0))},
        pace_source=chance.choice((0.3, 1.0)),
        faults=(*plan.faults, *ghosts),
    )


def _waking(seed: int, plan: Plan) -> Plan:
    """In one night of six, waits end too soon; and there are calls without an answer, which are what waits are for."""
    chance = Random(f"waking {seed}")
    if seed < _YOUNG or chance.random() > 1 / 6:
        return plan
    early = Fault(3_000, "early wake", "", "", 0.0, plan.length, chance.choice((0.3, 1.0)), chance.choice((0.1, 0.5)))
    ghosts = []
    for number in range(3_001, 3_001 + chance.choice((1, 2, 4))):
        call, start = chance.choice(("create", "create", "update")), chance.random() * plan.length / 2
        ghosts.append(Fault(number, "ghost", "right", call, start, plan.length, chance.choice((0.2, 0.6)), late=True))
    target = {**plan.target, "late_commit": chance.choice((3.0, 10.0, 30.0))}
    return replace(plan, target=target, faults=(*plan.faults, early, *ghosts))


def _at_a_point(seed: int, plan: Plan) -> Plan:
    """One night in three has a death at a durable write of a certain name, and deeds that lead there: most names come
    seldom, and chance would miss them."""
    chance = Random(f"point {seed}")
    if plan.plain or chance.random() > 1 / 3:
        return plan
    point = chance.choice(_points(seed))
    start, late, times = chance.random() * plan.length / 3, chance.random() < 0.5, chance.choice((1, 1, 1, 2, 5))
    number = max((fault.number for fault in plan.faults), default=-1) + 1
    death = Fault(number, "kill at write", "", point, start, plan.length, 1.0, float(times), late)
    least = chance.choice((0, len(plan.faults) // 4, len(plan.faults)))
    deeds = [
        word for word in ("reconcile fully", "rerun", "exclude", "retry", "sign", "roll back") if chance.random() < 0.6
    ]
    last = [
        Act(1.0, word, chance.choice(("pilot", "pilot", "rest")), chance.random()) for word in ("resume", "run", *deeds)
    ]
    early = tuple(act for act in plan.acts if chance.random() < 0.5)
    return replace(
        plan,
        existing=plan.existing or point in _OF_IMAGES,
        patient=True,
        length=plan.length + 10.0,
        faults=(*plan.faults[:least], death),
        acts=(*early, *last),
    )


def _mending(seed: int, plan: Plan) -> Plan:
    """In one night of six people delete at the target what we made; it is compared, and made anew, while they go on."""
    chance = Random(f"mending {seed}")
    if plan.plain or seed < _STEERED or chance.random() > 1 / 6:
        return plan
    acts: list[Act] = []
    for _ in range(chance.randint(1, 4)):
        wave = chance.choice(plan.waves)
        deeds = ["resume", "run", "reconcile fully", "repair"]
        if chance.random() < 0.5:
            deeds.append(chance.choice(("exclude", "rerun", "roll back", "retry", "stop", "sign", "pause", "repair")))
        for deed in deeds:
            after = chance.choice((0.1, 1.0, 5.0)) if deed == "repair" else chance.random() * 8
            acts.append(Act(after, deed, wave, chance.random()))
    return replace(
        plan,
        rough=True,
        patient=True,
        length=plan.length + 60.0,
        pace_target=chance.choice((1.0, 2.0, 4.0)),
        faults=plan.faults[: chance.choice((0, 2, 6))],
        acts=(*plan.acts[: chance.randint(0, 3)], *acts),
    )


_OF_IMAGES = ("image", "keep_key")


_YOUNGER = {"changing": _YOUNG}  # points that came later, and the first seed that draws each: a seed is one night


@cache
def _all_points() -> tuple[str, ...]:
    return tuple(sorted(durable_points()))


def _points(seed: int) -> tuple[str, ...]:
    return tuple(point for point in _all_points() if seed >= _YOUNGER.get(point, 0))


def _plain(chance: Random, plan: Plan) -> Plan:
    """What the model leaves out is left out: ties, waves that share records, lists that show what is no more."""
    plan = replace(
        plan,
        plain=True,
        waves=("rest",),
        records=chance.randint(2, 5),
        comments=1,
        length=chance.choice((20.0, 60.0)),
        chunk=chance.choice((1, 2, 4)),
        workers=chance.choice((1, 2)),
        attachments=False,
        field_reference=False,
        patient=chance.random() < 0.7,
    )
    faults = [f for f in _early(_faults(chance, plan, chance.choice((2, 4, 8, 12)))) if f.name not in _UNKNOWN]
    faults = [replace(f, call="create") if f.name == "some rejected" else f for f in faults]
    known = ("run", "run", "run", "pause", "resume", "resume", "stop", "roll back", "roll back", "sign", "look")
    acts = [
        replace(act, what=chance.choice(known), wave="rest")
        for act in _acts(chance, plan, plan.length / chance.choice((5, 10, 15)))
    ]
    return replace(plan, faults=tuple(faults), acts=tuple(acts))


_UNKNOWN = ("stale list", "miscount")  # to the model


def _steered(seed: int, plan: Plan) -> Plan:
    """In a plain night something has to be carried: it begins with a run, whatever ends one is often followed by
    another, and what keeps every call from its system is soon over. Half of them have two waves, which share no record.
    """
    chance = Random(f"steered {seed}")
    if not plan.plain or seed < _STEERED:
        return plan
    waves = chance.choice((("rest",), ("pilot", "rest")))
    acts: list[Act] = []
    for act in plan.acts:
        what = act.what if acts else "run"
        what = "run one" if what == "run" and chance.random() < 0.2 else what
        acts.append(replace(act, what=what, wave=chance.choice(waves)))
        if what in ("pause", "stop", "roll back") and chance.random() < 0.7:
            again = (Act(chance.random() * 4, "resume", "", 0.0), Act(chance.random() * 2, "run", "", 0.0))
            acts.extend(again)
    faults = [replace(f, end=min(f.end, f.start + plan.length / 8)) if f.name in _TOTAL else f for f in plan.faults]
    records = plan.records + len(waves) - 1
    return replace(plan, waves=waves, records=records, faults=tuple(faults), acts=tuple(acts))


_TOTAL = ("away", "locked out", "full disk", "disk error")


def _early(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """A small night has few calls, most of them at its beginning: faults are there by then, and do not miss."""
    early = [replace(f, start=f.start / 3, rate=min(1.0, 2 * f.rate)) for f in faults]
    wide = ("refused", "request lost", "throttled")
    return tuple(replace(f, call="") if f.name in wide and f.late else f for f in early)


def _harsh(seed: int, plan: Plan) -> Plan:
    """More of all: faults upon faults, and an operator who leaves nothing alone."""
    chance = Random(f"harsh {seed}")
    plan = replace(
        plan,
        length=chance.choice((20.0, 60.0, 120.0)),
        latency=chance.choice((0.01, 0.05, 0.2)),
        pace_source=chance.choice((0.3, 1.0, 4.0)),
        pace_target=chance.choice((2.0, 8.0, 1e9)),
        rough=chance.random() < 0.15,
    )
    faults = _faults(chance, plan, chance.choice((4, 12, 24, 48)))
    return replace(plan, faults=faults, acts=_acts(chance, plan, plan.length / chance.choice((8, 20, 50))))


def _mild(seed: int) -> Plan:
    chance = Random(f"plan {seed}")
    length = chance.choice((30.0, 90.0, 300.0))
    creates = chance.choice(("native", "strong", "strong", "lagging", "lagging"))
    settle = chance.choice((0.0, 0.0, 2.0, 10.0))
    target = {
        "creates": creates,
        "search_settle": chance.choice((1.0, 5.0)) if creates == "lagging" else 0.0,
        "late_commit": chance.choice((0.5, 3.0)),
        "bulk": chance.choice((1, 3, 5)),
    }
    source = {
        "feed": chance.choice(("log", "log", "cursor", "cursor", "none")),
        "settle": settle,
        "page": chance.choice((3, 7, 500)),
    }
    quiet = chance.random() < 0.1  # some nights nobody works
    plan = Plan(
        seed=seed,
        length=length,
        records=chance.randint(6, 30),
        comments=chance.choice((0, 1, 2)),
        source=source,
        target=target,
        limits={"requests_per_second": 5} if chance.random() < 0.1 else {},
        chunk=chance.choice((2, 4, 8)),
        workers=chance.choice((1, 2, 4)),
        field_reference=chance.random() < 0.4,
        attachments=chance.random() < 0.3,
        prove=chance.choice(("all", "all", "all", "sample", "none")),
        latency=chance.choice((0.01, 0.1, 0.5)),
        pace_source=1e9 if quiet else chance.choice((0.5, 2.0, 8.0)),
        pace_target=1e9 if quiet or chance.random() < 0.3 else chance.choice((4.0, 15.0)),
        rough=chance.random() < 0.25,
        ends_undone=chance.random() < 0.25,
    )
    faults = _faults(chance, plan, chance.choice((0, 1, 2, 4, 8, 16, 24)))
    acts = _acts(chance, plan, 0.0)
    return replace(plan, faults=faults, acts=acts)


_DRAWN = tuple(name for name in FAULTS if name != "early wake")  # that one has nights of its own


def _faults(chance: Random, plan: Plan, many: int) -> tuple[Fault, ...]:
    made: list[Fault] = []
    for number in range(many):
        name = chance.choice(_DRAWN)
        start = chance.random() * plan.length * 0.6
        long = chance.choice((5.0, 20.0, plan.length, plan.length))
        system, call, rate, size = chance.choice(("left", "right")), "", chance.choice((0.05, 0.2, 0.6)), 0.0
        if name in ("answer lost", "ghost", "prefix", "some unanswered", "some rejected"):
            system, call = "right", chance.choice(WRITES[:3] if chance.random() < 0.7 else WRITES)
        elif name in ("refused", "request lost", "throttled"):
            call = chance.choice((*READS, *WRITES, "", ""))
        elif name in ("short page", "stale list", "repeated feed", "miscount"):
            system = "left"
        elif name in ("slow disk", "full disk", "disk error", "clock jump", "kill", "kill at write", "power cut"):
            system = ""
        if name in ("away", "locked out"):
            rate, long = 1.0, chance.choice((2.0, 20.0, 120.0))
        if name == "throttled":
            size = chance.choice((0.0, 1.0, 5.0, 60.0))
        if name == "clock jump":
            size = chance.choice((-3600.0, -30.0, 30.0, 3600.0))
        if name == "kill at write":
            size = float(chance.randint(1, 60))
        if name in ("full disk", "disk error"):
            long, rate = chance.choice((0.5, 3.0)), 0.5
        late = chance.random() < 0.5
        made.append(Fault(number, name, system, call, start, start + long, rate, size, late))
    return tuple(made)


def _acts(chance: Random, plan: Plan, mean: float) -> tuple[Act, ...]:
    """`mean`: seconds between two; 0: drawn."""
    words = [word for word, weight in ACTS for _ in range(weight)]
    acts = [Act(chance.random() * 2, "run", "", chance.random())]
    passed = 0.0
    mean = mean or plan.length / chance.choice((2, 5, 12))
    while passed < plan.length:
        after = chance.expovariate(1 / mean)
        passed += after
        acts.append(Act(after, chance.choice(words), chance.choice(("pilot", "rest")), chance.random()))
    return tuple(acts)
