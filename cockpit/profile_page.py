"""A profile as a page: one file, no script, nothing fetched. It says what the text report says, and no more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from cockpit.format import count, counted, moment, neutral
from cockpit.profiled import HEAD, Concern, concerns, row, spread
from engine.wire import ProfiledEntity, ProfileReport

_KINDS = {"✘": "stop", "▲": "look", "·": "fine", "✔": "fine"}

_STYLE = """
:root {
  color-scheme: light dark;
  --line: #d0d7de; --quiet: #59636e; --stop: #c6201c; --look: #8a5a00; --fine: #18703a;
}
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --quiet: #9198a1; --stop: #ff7b72; --look: #e3b341; --fine: #56d364; }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0; overflow-wrap: anywhere; }
p { margin: 0.2rem 0; }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.8rem 0; }
th, td { padding: 0.2rem 0.9rem 0.2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ul { list-style: none; padding: 0; margin: 0.8rem 0; }
ul ul { margin: 0 0 0.3rem 1.6rem; color: var(--quiet); }
li { overflow-wrap: anywhere; padding-left: 1.6rem; text-indent: -1.6rem; }
li > * { text-indent: 0; }
b { display: inline-block; width: 1.6rem; text-indent: 0; }
.stop > b { color: var(--stop); } .look > b { color: var(--look); } .fine > b { color: var(--fine); }
a { color: inherit; }
@media print {
  :root { color-scheme: light; --line: #bbb; --quiet: #444; --stop: #000; --look: #000; --fine: #000; }
  body { font-size: 10pt; margin: 0; max-width: none; }
  .wide { overflow: visible; }
  h2 { break-after: avoid; } tr, li { break-inside: avoid; } thead { display: table-header-group; }
}
"""


def page(report: ProfileReport, migration: str) -> str:
    """The whole report of this migration. HTML; every text in it is escaped."""
    title = _text(f"Profile of {migration}")
    of = f"wave {report.wave}" if report.wave else "all that may move"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title><style>{_STYLE}</style></head>",
            f"<body><h1>{title}</h1>",
            f'<p class="quiet">{_text(f"{of}, read {moment(report.at)}")}</p>',
            *([f'<ul><li class="stop"><b>✘</b>{_text(report.problem)}</li></ul>'] if report.problem else []),
            *_summary(report.entities),
            *(line for at, entity in enumerate(report.entities) for line in _section(at, entity)),
            "</body></html>",
            "",
        ]
    )


def _summary(entities: Iterable[ProfiledEntity]) -> Iterator[str]:
    rows = []
    for at, entity in enumerate(entities):
        look = sum(concern.sign == "▲" for concern in concerns(entity))
        name = f'<a href="#e{at}">{_text(entity.entity)}</a>'
        numbers = (entity.records, sum(entity.refused.values()), look)
        rows.append([name, _text(entity.system), *(count(n) for n in numbers)])
    yield from _table(("entity", "system", "records", "of these refused", "things to look at"), rows, texts=2)


def _section(at: int, entity: ProfiledEntity) -> Iterator[str]:
    whole, read = "" if entity.whole else ", not all there are", counted(entity.records, "record")
    yield f'<h2 id="e{at}">{_text(entity.entity)}</h2>'
    yield f'<p class="quiet">{_text(f"{read} at {entity.system}{whole}")}</p>'
    yield from (f"<p>{_text(line)}</p>" for line in spread(entity))
    yield "<ul>"
    yield from map(_concern, concerns(entity) or [Concern("✔", "nothing to look at")])
    yield "</ul>"
    if entity.fields:
        rows = [row(field, entity.records) for field in entity.fields]
        yield from _table(HEAD, ([_text(name), *map(escape, numbers)] for name, *numbers in rows), texts=1)


def _concern(concern: Concern) -> str:
    values = "".join(f"<li>{_text(value)}</li>" for value in concern.values)
    behind = f"<ul>{values}</ul>" if values else ""
    return f'<li class="{_KINDS[concern.sign]}"><b>{concern.sign}</b>{_text(concern.words)}{behind}</li>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, texts: int) -> Iterator[str]:
    """`rows`: cells that are HTML already; all but the first `texts` are numbers."""
    yield '<div class="wide"><table>'
    kinds = ("", ' class="number"')
    yield f"<thead><tr>{''.join(f'<th{kinds[at >= texts]}>{name}</th>' for at, name in enumerate(head))}</tr></thead>"
    yield "<tbody>"
    for cells in rows:
        yield f"<tr>{''.join(f'<td{kinds[at >= texts]}>{cell}</td>' for at, cell in enumerate(cells))}</tr>"
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    """No tag of a name or a value is a tag, and no sign of it turns the direction of what stands beside it."""
    return escape(neutral(text))
