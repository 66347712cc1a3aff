"""What is proven of a wave: what would be signed, what its rules said, and what the verifier says beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from cockpit.columns import beside, rule
from cockpit.format import caused, clock, count, counted, moment, neutral, seconds
from cockpit.prose import paragraph
from cockpit.tones import ALARM, BUSY, DIM, GOOD, HEAD, PLAIN, WARN, toned
from engine.wire import RuleResult, SignOff, VerifyEntity, VerifyReport, VerifyWave

_CAUSES = 10  # that are named
_SAMPLE = 5  # keys of what fails a rule
_FINDINGS = 20  # of the verifier
_SIGNED = "signed_off"
_BESIDE = 170  # columns from which what was asked stands beside what is signed


def lines(seen: SignOff, report: VerifyReport | None, width: int) -> list[Text]:
    """All of it, as many lines as it takes; in two columns where there is room."""
    room = width if width < _BESIDE else (width - 2) // 2
    signature = [
        rule("sign-off", room, toned(_verdict(seen))),
        *stands(seen, room),
        *_previous(seen, room),
        rule("records", room, toned((f"playbook {seen.playbook} {seen.playbook_version[:12]}", DIM))),
        *records(seen, room),
    ]
    asked = [rule("rules", room, toned(_rules_in_all(seen.rules))), *rules(seen.rules, room)]
    drift = [rule("drift", room, toned(_drift_in_all(seen))), *differences(seen, room)]
    second = [
        rule("second opinion", room, toned(_opinion_in_all(seen.wave, report))),
        *_opinion(seen.wave, report, room),
    ]
    if room == width:
        return [*signature, *asked, *drift, *second]
    return beside([*signature, *drift], [*asked, *second], room)


def to_sign(seen: SignOff, width: int) -> Iterator[Text]:
    """The same in short, as it is shown before it is signed."""
    yield from stands(seen, width)
    yield from paragraph(f"Manifest: {seen.file}", width, indent=0)
    yield from records(seen, width)
    yield toned("Rules: ", _rules_in_all(seen.rules))
    yield from rules(seen.rules, width)
    yield toned("Drift: ", _drift_in_all(seen))
    yield from differences(seen, width)


def stands(seen: SignOff, width: int) -> Iterator[Text]:
    """What stands in the way of a signature."""
    over = seen.state == _SIGNED
    for each in seen.refusals:
        yield from paragraph(each if over else f"✘ {each}", width, DIM if over else ALARM)
    for each in seen.despite:
        yield from paragraph(f"▲ {each}", width, WARN)


def records(seen: SignOff, width: int) -> Iterator[Text]:
    """Where the records of each entity are, and why some were set aside."""
    for entity in seen.entities:
        parts = " + ".join(f"{count(n)} {word.replace('_', ' ')}" for word, n in entity.buckets.items()) or "none"
        planned = f"{count(entity.planned)} = " if entity.planned is not None else ""
        yield from paragraph(f"{entity.entity}: {planned}{parts}", width)
    for group in seen.aside[:_CAUSES]:
        words = f"● {count(group.records)} {group.bucket.replace('_', ' ')}: {caused(group.field, group.cause)}"
        yield from paragraph(words, width, WARN, indent=3)
    if (more := len(seen.aside) - _CAUSES) > 0:
        yield toned((f"   … and {counted(more, 'further cause')}: 4", WARN))
    if seen.loose_references:
        yield toned((f" {counted(seen.loose_references, 'reference waits', 'references wait')} for other waves", DIM))
    if seen.note:
        yield from paragraph(seen.note, width, DIM)


def rules(results: Sequence[RuleResult], width: int) -> Iterator[Text]:
    """Each rule as its sentence, with what it said; what fails first."""
    for each in sorted(results, key=lambda each: (each.holds, not each.gate)):
        sign, tone = ("✔", GOOD) if each.holds else ("✘", ALARM) if each.gate else ("▲", WARN)
        judged = f"{count(each.checked)} checked" + ("" if each.whole else ", a sample")
        failing = "" if each.holds else f", {count(each.failed)} fail"
        skipped = f", {count(each.skipped)} on their way" if each.skipped else ""
        yield from paragraph(f"{sign} {each.about or each.rule}", width, PLAIN if each.holds else tone)
        kind = "gate" if each.gate else each.severity
        told = " · ".join(part for part in (f"{judged}{failing}{skipped}", kind, each.owner, each.rule) if part)
        yield from paragraph(told, width, DIM, indent=3)
        if each.note:
            yield from paragraph(each.note, width, tone, indent=3)
        if each.sample:
            more = ", …" if len(each.sample) > _SAMPLE else ""
            yield from paragraph(f"such as {', '.join(each.sample[:_SAMPLE])}{more}", width, tone, indent=3)


def differences(seen: SignOff, width: int) -> Iterator[Text]:
    """What the last comparison says beside its count."""
    drift = seen.drift
    if drift is not None and drift.estimate is not None:
        upper = f", at most {drift.upper:.2%} at 95 %" if drift.upper is not None else ""
        yield from paragraph(f"{drift.estimate:.2%} of {count(drift.sampled)} looked at{upper}", width, DIM)


# ---------------------------------------------------------------- inside


def _verdict(seen: SignOff) -> tuple[str, str]:
    if seen.state == _SIGNED:
        return "✔ signed off", GOOD
    if seen.refusals:
        return "✘ cannot be signed yet", ALARM
    return ("▲ only with a reason: O", WARN) if seen.despite else ("✔ can be signed: O", GOOD)


def _previous(seen: SignOff, width: int) -> Iterator[Text]:
    if seen.last:
        yield from paragraph(f"Signed: {seen.last}. Re-check it: cutover manifest verify {seen.last}", width)


def _rules_in_all(results: Sequence[RuleResult]) -> tuple[str, str]:
    if not results:
        return "none was asked", DIM
    failing = [each for each in results if not each.holds]
    at = clock(max(each.at for each in results))
    if not failing:
        return f"✔ {'it holds' if len(results) == 1 else f'all {count(len(results))} hold'}, asked {at}", GOOD
    tone = ALARM if any(each.gate for each in failing) else WARN
    return (
        f"{count(len(failing))} of {count(len(results))} {'fails' if len(failing) == 1 else 'fail'}, asked {at}",
        tone,
    )


def _drift_in_all(seen: SignOff) -> tuple[str, str]:
    if seen.drift is None:
        return "the sides were not compared", WARN
    n = seen.drift.confirmed
    words = f"{counted(n, 'confirmed difference')}" if n else "✔ none"
    return f"{words}, compared {clock(seen.drift.at)}", ALARM if n else GOOD


def _opinion_in_all(wave: str, report: VerifyReport | None) -> tuple[str, str]:
    if report is None:
        return "asking …", DIM
    if report.running:
        left = f", {seconds(report.seconds_left)} left" if report.seconds_left is not None else ""
        return f"▶ verifying {neutral(report.wave)}: {count(report.done)} of {count(report.planned)}{left}", BUSY
    said = next((each for each in report.waves if each.wave == wave), None)
    if said is None:
        return "not asked yet: y verifies", DIM
    if said.ok:
        return f"✔ nothing differs, {clock(said.at)}", GOOD
    if said.disagrees_with_reconcile:
        return f"✘ the two comparisons disagree, {clock(said.at)}", ALARM
    n = sum(sum(entity.kinds.values()) for entity in said.entities)
    return f"✘ {counted(n, 'record differs', 'records differ')}, {clock(said.at)}", ALARM


def _opinion(wave: str, report: VerifyReport | None, width: int) -> Iterator[Text]:
    if report is None:
        return
    if report.problem:
        yield from paragraph(f"✘ {report.problem}", width, ALARM)
    said = next((each for each in report.waves if each.wave == wave), None)
    if said is not None:
        yield from _said(said, width)


def _said(said: VerifyWave, width: int) -> Iterator[Text]:
    for sentence in said.disagrees_with_reconcile:
        yield from paragraph(f"✘ {sentence}", width, ALARM)
    if said.mapping_changed:
        yield from paragraph(
            "▲ The playbook has changed since the wave ran; it was asked what it says now.", width, WARN
        )
    for entity in said.entities:
        yield from _entity(entity, width)
    for finding in said.findings[:_FINDINGS]:
        on = f" on {finding.root}" if finding.root not in ("", finding.key) else ""
        by = f", changed since by {finding.by}" if finding.by else ""
        words = f"✘ {finding.entity} {finding.key}{on}: {finding.kind} {finding.field}".rstrip() + by
        yield from paragraph(words, width, ALARM, indent=3)
    if (more := len(said.findings) - _FINDINGS) > 0:
        yield toned((f"   … and {count(more)} more: cutover verify", ALARM))
    yield from paragraph(f"By {said.by}, {moment(said.at)}", width, DIM)


def _entity(entity: VerifyEntity, width: int) -> Iterator[Text]:
    parts = [f"{count(entity.compared)} compared"]
    for n, words in ((entity.on_their_way, "on their way"), (entity.aside, "aside"), (entity.elsewhere, "elsewhere")):
        parts += [f"{count(n)} {words}"] if n else []
    differing = ", ".join(f"{count(n)} {kind}" for kind, n in sorted(entity.kinds.items()))
    some = "" if entity.whole else ", a sample"
    line = f"{entity.entity}: {count(entity.read)} read{some} = {' + '.join(parts)}; {differing or 'no difference'}"
    yield from paragraph(line, width, ALARM if differing else HEAD)
    if entity.not_compared:
        yield from paragraph(f"the target does not show: {', '.join(entity.not_compared)}", width, DIM, indent=3)
    for note in entity.notes:
        yield from paragraph(note, width, DIM, indent=3)
