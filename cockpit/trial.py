"""One record on trial, as lines that a person reads at 80 columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from cockpit.format import shortened
from engine.wire import TracedField, Trial

_LONGEST_NAME = 24


def trial_lines(trial: Trial, columns: int) -> list[str]:
    """What the source has, what would be sent, and which rule makes each field, long values shortened to the width."""
    names = [*trial.source, *(field.field for field in trial.fields), *trial.target]
    wide = min(_LONGEST_NAME, max((len(name) for name in names), default=0))
    room = max(20, columns - wide - 6)
    lines = [f"{trial.entity} {trial.key}", "", "At the source"]
    lines += [f"    {name:<{wide}}  {_shown(value, room)}" for name, value in sorted(trial.source.items())]
    if trial.defects:
        lines += ["", f"Known defects, remedied first: {', '.join(trial.defects)}"]
    if trial.existing:
        lines += ["", f"At the target {trial.existing}"]
    lines += ["", "Would be sent" if not trial.refused else "Would not be sent"]
    if not trial.fields:  # no rule was written: it goes as it is
        lines += [f"    {name:<{wide}}  {_shown(value, room)}" for name, value in trial.target.items()]
    for field in trial.fields:
        lines.append(f"  {_sign(field)} {field.field:<{wide}}  {_made(field, room)}")
        lines.append(f"    {'':<{wide}}  {shortened(_rule(field), room)}")
        lines.append(f"    {'':<{wide}}  {field.where}")
    if trial.refused:
        lines += ["", f"✘ It would be quarantined. {trial.refused}"]
    if trial.children:
        lines += ["", "What hangs on it"]
        lines += [f"  {_child(child, columns - 4)}" for child in trial.children]
    return lines


def _child(trial: Trial, room: int) -> str:
    """One line: what it is, and what would be sent or why not."""
    sent = "; ".join(f"{name}: {_shown(value, room)}" for name, value in trial.target.items())
    said = f"would be quarantined. {trial.refused}" if trial.refused else sent
    return f"{'✘' if trial.refused else '✔'} {shortened(f'{trial.entity} {trial.key}: {said}', room)}"


def _sign(field: TracedField) -> str:
    return "✘" if field.refusal else "·" if field.left_out else "✔"


def _made(field: TracedField, room: int) -> str:
    if field.refusal:
        return f"refused: {field.refusal}"
    return "left out" if field.left_out else _shown(field.value, room)


def _rule(field: TracedField) -> str:
    """The rule in words; the sources too where the words do not name them."""
    unnamed = [source for source in field.sources if source not in field.rule]
    return f"← {field.rule}" + (f" (from {', '.join(unnamed)})" if unnamed else "")


def _shown(value: object, room: int) -> str:
    if isinstance(value, str):
        return shortened(value, room) or '""'
    if isinstance(value, dict) and value.get("type") == "doc":
        return shortened("rich text: " + " ".join(_words(value)), room)
    return shortened(orjson.dumps(value, default=str).decode(), room)


def _words(node: object) -> Iterator[str]:
    """The words in a document of nested nodes."""
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        yield from _words(node.get("content"))
    elif isinstance(node, list):
        for item in node:
            yield from _words(item)
