"""What gates may ask: the names of facts, what kind of value each is, and what it says. The engine fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

Kind = Literal["whole", "number", "text", "boolean"]

GRANTED, REFUSED, OPEN = "granted", "refused", "open"
WORDS = (GRANTED, REFUSED, OPEN)
"""Words that stand in a gate without quotes."""

WAVE_STATES = (
    "draft",
    "preflight",
    "ready",
    "approved",
    "copying",
    "catching_up",
    "reconciling",
    "awaiting_sign_off",
    "signed_off",
    "failed",
    "needs_human",
    "rolling_back",
    "rolled_back",
)


@dataclass(frozen=True, slots=True)
class FactKind:
    """One fact that a gate may name. `words`: all that a text may say."""

    name: str
    kind: Kind
    about: str
    words: tuple[str, ...] = ()


_BUCKETS = (
    ("records", "records that the source counts in scope"),
    ("to_do", "records that no wave has taken up yet"),
    ("synced", "records that are at the target as they should be"),
    ("in_flight", "records whose status, comments or attachments are still on the way"),
    ("in_doubt", "records that exist at the target or not: the answer never came"),
    ("quarantined", "records that were set aside with a cause"),
    ("excluded", "records that were left out for a reason"),
    ("conflict", "records that both sides changed"),
    ("edited", "records that somebody else edited at the target"),
    ("loose_references", "ties between records whose other end is not there yet"),
)

CATALOGUE: tuple[FactKind, ...] = (
    *(FactKind(name, "whole", f"{about}, of all waves") for name, about in _BUCKETS),
    FactKind("waves_left", "whole", "waves that are not loaded yet"),
    FactKind("holds", "whole", "hands on the brake"),
    FactKind("running", "boolean", "whether a run goes on"),
    FactKind("rate", "number", "records a second that were written, over the last ten seconds"),
    FactKind("error_share", "number", "calls that failed, as a share of all calls of the last minute (0.02 is 2 %)"),
    FactKind("window.open", "boolean", "whether calls may start now; true without a window"),
    FactKind("window.minutes_left", "whole", "minutes until the open window closes; not known outside of one"),
    FactKind("waves.WAVE.state", "text", "the state of this wave", WAVE_STATES),
    FactKind("waves.WAVE.held", "boolean", "whether this wave is held, alone or with all others"),
    *(FactKind(f"waves.WAVE.{name}", "whole", f"{about}, of this wave") for name, about in _BUCKETS),
    FactKind("approvals.STEP", "text", "what this approval says", (GRANTED, REFUSED, OPEN)),
)
"""Every fact. WAVE stands for a wave's name, STEP for the id of an approval."""

_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")


def word(name: str) -> str:
    """A name as a gate writes it: what is no letter, digit or _ becomes _, and none begins with a digit."""
    plain = _NO_LETTER.sub("_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def names(waves: Iterable[str], approvals: Iterable[str]) -> Mapping[str, FactKind]:
    """The facts of one migration, by the names that its gates write."""
    found: dict[str, FactKind] = {}
    for kind in CATALOGUE:
        placeholder, values = ("WAVE", waves) if "WAVE" in kind.name else ("STEP", approvals)
        if placeholder not in kind.name:
            found[kind.name] = kind
            continue
        for value in values:
            name = kind.name.replace(placeholder, word(value))
            found[name] = replace(kind, name=name)
    return MappingProxyType(found)
