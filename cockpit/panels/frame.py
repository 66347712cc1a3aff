"""The frame of every screen: the head, the keys, what is wrong with the line, and what needs a person."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import cell_len
from rich.text import Text

from cockpit import glance, keys
from cockpit.format import clock, ledger_sum, neutral, seconds, shortened
from cockpit.store import Line, Store
from cockpit.tones import ALARM, DIM, HEAD, PLAIN, STYLES, WARN, toned
from engine.wire import Buckets, Live

_RIGHT = ("help", "quit")  # always in the footer, at its right end
_SMALL = 60  # columns: on fewer, little works beside these keys
_LAST_LINES = 8  # of an engine's last words


def head(store: Store, title: str, who: str, width: int) -> Text:
    """Is it going well, will it fit the window, who am I."""
    word, picture = glance.of(store), store.picture
    sign = (f"{word.sign} {word.word}", word.tone)
    if picture is None:
        return toned((" CUTOVER  ", HEAD), sign)
    tail = toned(f"  {clock(picture.status.at)}")
    tail.append_text(_window(picture))
    right = f"{shortened(who, 24)} " if width >= 100 else ""
    phase = _phase(picture) if width >= 120 else ""
    fixed = len(" CUTOVER ") + 2 + cell_len(sign[0]) + tail.cell_len + cell_len(phase) + len(right)
    name = shortened(picture.status.migration, max(8, min(40, width - fixed)))
    line = toned((" CUTOVER ", HEAD), name, "  ", sign, phase)
    line.append_text(tail)
    rest = f"{title}  {right}" if right else f"{title} "
    if line.cell_len + cell_len(rest) + 1 <= width:
        line.append(" " * (width - line.cell_len - cell_len(rest)))
        line.append(rest)
    return line


def foot(screen: str, width: int) -> Text:
    """Keys as many as there is room for; the way to the other screens, help and quit always."""
    listed = [key for key in keys.keys_of(screen) if key.word and key.verb not in (screen, *_RIGHT)]
    screens = [key for key in listed if key.verb in keys.SCREENS]
    ends = [key for verb in _RIGHT if (key := keys.key_of(verb)) is not None]
    pairs = [(key.shown, key.word) for key in ends]
    if width < _SMALL:
        listed, pairs = [key for key in listed if key.verb in ("pause", "resume")], pairs[-1:]
    elif sum(len(key.shown) + len(key.word) + 3 for key in (*listed, *ends)) > width:
        listed = [key for key in listed if key not in screens]
        pairs.insert(0, (f"{min(keys.SCREENS.values())}-{max(keys.SCREENS.values())}", "screens"))
    right, line = toned(""), toned("")
    for shown, word in pairs:
        right.append_text(toned(" ", (shown, HEAD), f" {word} "))
    for key in listed:
        part = toned(" ", (key.shown, HEAD), f" {key.word} ")
        if line.cell_len + part.cell_len + right.cell_len > width:
            break
        line.append_text(part)
    line.append(" " * max(0, width - line.cell_len - right.cell_len))
    line.append_text(right)
    return line


def total(buckets: Buckets, width: int) -> Text:
    """The ledger's sum on one line: what is 0 goes first where there is no room."""
    line = ledger_sum(buckets)
    if cell_len(line) > width - 2:
        line = ledger_sum(buckets, frozenset())
    return toned(f" {shortened(line, width - 2)}")


def no_word(store: Store, width: int) -> Text:
    """The line is down: since when, and which key helps."""
    since = f" since {clock(store.since.isoformat())}" if store.since else ""
    if store.line is Line.DEAD:
        what = f" ■ No engine{since}. Press e to start it again; q leaves."
    else:
        what = f" ■ No word from the engine{since}: what you see is old. Trying again."
    return toned((f" {shortened(what, width - 1)}", ALARM))


def last_words(store: Store, width: int) -> list[Text]:
    """What an engine that is gone said last: below the picture of then. Nothing while one is there."""
    words = (store.starting or store.words).strip()
    if store.line is not Line.DEAD or not words:
        return []
    lines: list[str] = []
    for line in words.splitlines():
        lines += wrap(neutral(line), max(20, width - 4), subsequent_indent="  ") or [""]
    return [
        toned((" Starting it again" if store.starting else " Last words of the engine", HEAD)),
        *(toned(f"  {line}") for line in lines[-_LAST_LINES:]),
    ]


def need_line(need: glance.Need, more: int, width: int, here: str) -> Text:
    """One sentence and one key, unless the key leads to the screen that one is on (`here`)."""
    key = keys.key_of(need.verb) if need.verb != here else None
    tail = (f" Press {key.shown}." if key is not None else "") + (f" ({more} more)" if more > 0 else "")
    said = need.sentence.rstrip()
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    sentence = shortened(said, max(8, width - cell_len(tail) - 4))
    sign = "▲" if need.tone != PLAIN else "☐"
    line = toned((f" {sign} {sentence}{tail}", need.tone))
    line.truncate(max(0, width))
    return line


def on_less(store: Store, wave: str, width: int, least: tuple[int, int]) -> list[Text]:
    """What can be said on a terminal that is too small for a screen."""
    lines = []
    if (picture := store.picture) is not None:
        lines += [toned(shortened(ledger_sum(picture.status.total), width))]
        for hold in picture.status.holds[:2]:
            lines.append(toned((shortened(f"⏸ {hold.wave or 'all'}: {hold.by}: {hold.reason}", width), WARN)))
    lines.append(toned((shortened(f"Needs {least[0]} columns and {least[1]} lines.", width), DIM)))
    lines.append(toned((shortened(f"p, r: {wave or 'all'}. q leaves.", width), DIM)))
    return lines


def _window(picture: Live) -> Text:
    if not picture.window_ends:
        return toned("")
    margin = picture.window_margin
    text = toned(f"  window ends {clock(picture.window_ends)[:5]}")
    if margin is not None:
        tone = ALARM if margin < 0 else PLAIN
        text.append(f" ({'+' if margin >= 0 else '-'}{seconds(abs(margin))})", STYLES[tone])
    return text


def _phase(picture: Live) -> str:
    book = picture.runbook
    if book is None:
        return ""
    at = next((i for i, phase in enumerate(book.phases) if phase.id == book.phase), None)
    return "" if at is None else f"  phase {at + 1}/{len(book.phases)} {shortened(book.phases[at].title, 30)}"
