"""The page of a manifest that people read. It says the same as the JSON, which holds its digest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.wire.live import Drift
from engine.wire.manifest import Manifest
from engine.wire.proof import RuleResult

_MEANT = re.compile(r"([\\`*_\[\]<>|#~])")


def page(manifest: Manifest) -> bytes:
    """Markdown, without the page's own digest in it."""
    return "\n".join(_lines(manifest)).encode() + b"\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    m = manifest
    yield f"# Wave {_plain(m.wave)}, sign-off {m.number}"
    yield ""
    yield f"Migration {_plain(m.migration)}. Signed by {_plain(m.signed_by)} at {m.signed_at}."
    if m.note:
        yield f"\nNote: {_plain(m.note)}"
    if m.despite:
        yield f"\n**Signed although something stood in the way.** The reason: {_plain(m.despite)}\n"
        yield from (f"- {_plain(each)}" for each in m.stood)
    yield ""
    yield from _table(
        ("", ""),
        [
            ("playbook", f"{m.playbook} {m.playbook_version}"),
            ("approved by", m.approved_by),
            ("began", m.started),
            ("loaded", m.ended),
            ("engine", m.engine),
            ("signing key", m.fingerprint),
            ("manifest before this one", m.previous.file if m.previous else "none"),
        ],
    )
    yield from ("", "## Records", "")
    yield from _records(m)
    if m.proof:
        yield f"\n{_plain(m.proof)}"
    if m.loose_references:
        yield f"\n{m.loose_references:,} references wait for records of other waves."
    yield from ("", "## Rules", "")
    if m.rules:
        yield from _table(
            ("rule", "says", "severity", "owner", "result"),
            [(r.rule, r.about, f"{r.severity}{', gate' if r.gate else ''}", r.owner, _result(r)) for r in m.rules],
        )
    else:
        yield "The playbook has none."
    yield from ("", "## Drift", "", _drift(m.drift), "", "## Set aside", "")
    if m.aside:
        yield from _table(
            ("bucket", "cause", "field", "records"), [(a.bucket, a.cause, a.field, f"{a.records:,}") for a in m.aside]
        )
    else:
        yield "Nothing."
    yield from (
        "",
        "## Re-check",
        "",
        f"    cutover manifest verify {m.wave}-{m.number}.json --key {m.fingerprint}",
        "",
        f"{m.records.lines:,} records stand in {_plain(m.records.file)}, digest {m.records.root}.",
    )


def _records(manifest: Manifest) -> Iterator[str]:
    words = list(dict.fromkeys(word for entity in manifest.entities for word in entity.buckets))
    rows = [
        (
            entity.entity,
            "" if entity.planned is None else f"{entity.planned:,}",
            *(f"{entity.buckets.get(word, 0):,}" for word in words),
        )
        for entity in manifest.entities
    ]
    yield from _table(("entity", "the source counts", *words), rows)


def _result(rule: RuleResult) -> str:
    judged = f"{rule.checked:,} checked" + ("" if rule.whole else ", a sample")
    return f"holds; {judged}" if rule.holds else f"FAILS: {rule.failed:,} of {judged} {rule.note}".rstrip()


def _drift(drift: Drift | None) -> str:
    if drift is None:
        return "The sides were not compared."
    text = f"{drift.confirmed:,} confirmed differences at {drift.at}."
    if drift.estimate is None or drift.upper is None:
        return text
    return f"{text} Estimated {drift.estimate:.2%}, at most {drift.upper:.2%} (95 %), {drift.sampled:,} sampled."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows)


def _plain(text: str) -> str:
    """Text that people typed, or a vendor said, as text: nothing in it is Markdown."""
    return _MEANT.sub(r"\\\1", " ".join(text.split()))
