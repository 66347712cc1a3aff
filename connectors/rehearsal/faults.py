"""Faults of the network and of the vendor: by seed (a rate per kind) and by rule (one shot, n shots, or for good)."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS: dict[str, dict[str, Any]] = {
    "drop_before": {},  # close the connection, nothing is processed
    "drop_after": {},  # process and commit, then close the connection without an answer
    "status_before": {"code": 503},  # an error status, nothing is processed
    "status_after": {"code": 500},  # process and commit, then an error status
    "html_200": {},  # a page for people, with status 200
    "truncated": {"early_close": False},  # half of the body: well framed, or the connection closes early
    "slow": {"seconds": 1.0},
    "throttle": {"seconds": 5.0},  # the vendor's own 429
    "token_expired": {},  # the vendor's own 401
}
"""Each kind of fault and its arguments with their defaults."""


@dataclass(slots=True)
class Rule:
    """One fault: for calls whose "METHOD /path" matches, `times` times (None: for good), at `rate` (0..1)."""

    match: str
    kind: str
    times: int | None = 1
    rate: float = 1.0
    args: dict[str, Any] = field(default_factory=dict)
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError, with the way out, for an unknown kind, argument or a bad pattern."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}: use one of {', '.join(KINDS)}")
        unknown = set(self.args) - set(KINDS[self.kind])
        if unknown:
            known = ", ".join(KINDS[self.kind]) or "none"
            raise ValueError(f"fault {self.kind} does not know {', '.join(sorted(unknown))}: its arguments are {known}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"fault {self.kind}: rate must be between 0 and 1, not {self.rate}")
        if self.times is not None and self.times < 1:
            raise ValueError(f"fault {self.kind}: times must be at least 1, or null for good")
        try:
            self.pattern = re.compile(self.match)
        except re.error as error:
            raise ValueError(f"fault {self.kind}: match is no regular expression: {error}") from None
        self.args = {**KINDS[self.kind], **self.args}

    @classmethod
    def read(cls, doc: Any) -> Rule:
        """A rule from a JSON object. Raises ValueError that says what is wrong with it."""
        if not isinstance(doc, dict) or not isinstance(doc.get("kind"), str):
            raise ValueError('a fault is an object such as {"match": "POST /", "kind": "drop_after", "times": 1}')
        unknown = set(doc) - {"match", "kind", "times", "rate", "args"}
        if unknown:
            raise ValueError(f"a fault has match, kind, times, rate and args, not {', '.join(sorted(unknown))}")
        return cls(doc.get("match", ""), doc["kind"], doc.get("times", 1), doc.get("rate", 1.0), doc.get("args", {}))

    def show(self) -> dict[str, Any]:
        return {"match": self.match, "kind": self.kind, "times": self.times, "rate": self.rate, "args": self.args}


class Faults:
    """The rules in force. One seed and one order of calls give one order of faults."""

    def __init__(self, *, seed: int = 1, rates: Mapping[str, float] | None = None, rules: Iterable[Rule] = ()) -> None:
        """`rates`: kind to probability for every call. Rules come first, in their order."""
        self.rules = [*rules, *(Rule("", kind, None, rate) for kind, rate in (rates or {}).items())]
        self.fired: Counter[str] = Counter()
        self._random = random.Random(seed)

    def add(self, *rules: Rule) -> None:
        """Put rules before those in force."""
        self.rules[:0] = rules

    def clear(self) -> None:
        self.rules.clear()

    def draw(self, call: str) -> Rule | None:
        """The fault that hits `call` ("METHOD /path"), if any; a rule with no times left is gone."""
        for rule in self.rules:
            if not rule.pattern.search(call) or (rule.rate < 1 and self._random.random() >= rule.rate):
                continue
            if rule.times is not None:
                rule.times -= 1
                if not rule.times:
                    self.rules = [other for other in self.rules if other is not rule]
            self.fired[rule.kind] += 1
            return rule
        return None
