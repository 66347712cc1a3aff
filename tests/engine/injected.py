"""Batches of tickets by a seed, some with one thing wrong: what the watch on batches is measured by."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from engine.anomalies import Anomaly, judge
from engine.batches import SIZE
from engine.features import Batch, measure

SECRET = b"s" * 32
_WORDS = ("printer", "mail", "vpn", "screen", "login", "slow", "broken", "office", "server", "order", "badge", "disk")
_CATEGORIES = [f"category {at}" for at in range(12)]
_PEOPLE = [f"account-{at:03}" for at in range(200)]
_TARGETS = [f"INC{at:05}" for at in range(3_000)]
_BEGIN = datetime(2026, 3, 2)

Row = dict[str, Any]
Wrong = Callable[[random.Random, list[Row]], list[Row]]


def tickets(chance: random.Random, n: int = SIZE) -> list[Row]:
    """Proportions, lengths and hours wander from batch to batch, as they do from week to week."""
    weights = [w * chance.uniform(0.8, 1.25) for w in (2, 8, 30, 50, 10)]
    category = [chance.uniform(0.75, 1.3) / (at + 1) for at in range(12)]
    people = [1 / (at + 3) for at in range(200)]
    long, due, orphans = chance.uniform(0.93, 1.07), chance.uniform(0.27, 0.33), chance.uniform(0.02, 0.06)
    noon = chance.uniform(12.7, 13.3)
    day = _BEGIN + timedelta(days=chance.randrange(300))
    start = chance.randrange(10**6)
    rows = []
    for at in range(n):
        hour = min(23.9, max(0.0, chance.gauss(noon, 3.0)))
        opened = day + timedelta(days=chance.randrange(7), hours=hour)
        words = [chance.choice(_WORDS) for _ in range(max(2, round(long * chance.lognormvariate(1.9, 0.4))))]
        text = [chance.choice(_WORDS) for _ in range(max(3, round(long * chance.lognormvariate(3.4, 0.7))))]
        rows.append(
            {
                "number": f"INC{start + at:07}",
                "summary": " ".join(words),
                "description": " ".join(text),
                "priority": chance.choices(("Highest", "High", "Medium", "Low", "Lowest"), weights)[0],
                "category": chance.choices(_CATEGORIES, category)[0],
                "assignee": chance.choices(_PEOPLE, people)[0] if chance.random() > 0.04 else None,
                "created": opened.isoformat(timespec="milliseconds") + "+0000",
                "due": opened.date().isoformat() if chance.random() < due else None,
                "minutes": round(chance.lognormvariate(4.0, 1.1), 1),
                "reopened": chance.choices((0, 1, 2, 3), (88, 9, 2, 1))[0],
                "labels": ["migrated", f"group-{chance.randrange(9)}"],
                "parent": ("?" + str(at) if chance.random() < orphans else chance.choice(_TARGETS))
                if chance.random() < 0.3
                else None,
            }
        )
    return rows


def measured(rows: list[Row], wave: str = "emea") -> Batch:
    parents = [row["parent"] for row in rows if row["parent"]]
    broken = sum(parent.startswith("?") for parent in parents) / max(1, len(parents))
    plain = [{name: value for name, value in row.items() if name != "parent"} for row in rows]
    prints = [orjson.dumps({k: v for k, v in row.items() if k != "number"}) for row in plain]
    return measure(plain, SECRET, wave=wave, prints=prints, broken={"→incident": broken})


# ---------------------------------------------------------------- one thing wrong


def null_spike(chance: random.Random, rows: list[Row]) -> list[Row]:
    name, share = chance.choice(("assignee", "category", "summary", "due")), chance.uniform(0.2, 0.7)
    if name == "due":
        return [{**row, name: None} for row in rows]
    return [{**row, name: None} if chance.random() < share else row for row in rows]


def collapse(chance: random.Random, rows: list[Row]) -> list[Row]:
    name = chance.choice(("priority", "category", "assignee"))
    return [{**row, name: rows[0][name] or _PEOPLE[0]} for row in rows]


def novelty(chance: random.Random, rows: list[Row]) -> list[Row]:
    name, share = chance.choice(("priority", "category")), chance.uniform(0.05, 0.4)
    return [{**row, name: "never seen"} if chance.random() < share else row for row in rows]


def shift(chance: random.Random, rows: list[Row]) -> list[Row]:
    one, other = chance.choice((("Low", "Highest"), ("Medium", "Lowest"), ("Low", "High")))
    return [{**row, "priority": other} if row["priority"] == one and chance.random() < 0.8 else row for row in rows]


def broken_references(chance: random.Random, rows: list[Row]) -> list[Row]:
    share = chance.uniform(0.25, 1.0)
    return [{**row, "parent": "?gone"} if row["parent"] and chance.random() < share else row for row in rows]


def truncation(chance: random.Random, rows: list[Row]) -> list[Row]:
    name, at = chance.choice((("summary", 32), ("summary", 40), ("description", 100), ("description", 128)))
    return [{**row, name: row[name][:at]} for row in rows]


def zone_shift(chance: random.Random, rows: list[Row]) -> list[Row]:
    by = timedelta(hours=chance.choice((-8, -5, -3, -2, 2, 3, 5.5, 9)))
    return [
        {**row, "created": (datetime.fromisoformat(row["created"]) + by).isoformat(timespec="milliseconds")}
        for row in rows
    ]


def duplicates(chance: random.Random, rows: list[Row]) -> list[Row]:
    n = round(len(rows) * chance.uniform(0.06, 0.4))
    again = [{**row, "number": f"{row['number']}9"} for row in rows[:n]]
    return rows[: len(rows) - n] + again


def scale(chance: random.Random, rows: list[Row]) -> list[Row]:
    by = chance.choice((0.001, 1 / 60, 0.1, 10, 60, 1000))
    return [{**row, "minutes": round(row["minutes"] * by, 3)} for row in rows]


WRONGS: tuple[Wrong, ...] = (
    null_spike,
    collapse,
    novelty,
    shift,
    broken_references,
    truncation,
    zone_shift,
    duplicates,
    scale,
)


class Found(NamedTuple):
    """What was said about the batches of one seed."""

    injected: dict[str, list[list[Anomaly]]]  # by what was wrong
    clean: list[list[Anomaly]]

    @property
    def caught(self) -> int:
        return sum(bool(each) for many in self.injected.values() for each in many)

    @property
    def alarms(self) -> int:
        return sum(map(bool, self.clean))


def trial(seed: int, n: int = 60, learned: int = 30) -> Found:
    """`n` batches with one thing wrong and `n` clean ones, each judged by the same `learned` clean batches."""
    chance = random.Random(seed)
    history = [measured(tickets(chance)) for _ in range(learned)]
    injected: dict[str, list[list[Anomaly]]] = {}
    for at in range(n):
        wrong = WRONGS[at % len(WRONGS)]
        found = judge(measured(wrong(chance, tickets(chance))), history)
        injected.setdefault(wrong.__name__, []).append(found)
    return Found(injected, [judge(measured(tickets(chance)), history) for _ in range(n)])
