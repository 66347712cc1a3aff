"""Signs and colours of states. A state is never colour alone: a sign and a word say it too.

Sixteen colours of the terminal's own palette, so that light and dark both work; blue-cyan, yellow and red-magenta stay
apart for colour-blind eyes, which green and red do not. What matters less is dim, not grey: some palettes have a grey
that is their background.
"""

from __future__ import annotations

from rich.text import Text

from cockpit.format import neutral

GOOD, BUSY, WARN, ALARM, DIM, PLAIN, HEAD, CHOSEN = "good", "busy", "warn", "alarm", "dim", "plain", "head", "chosen"

STYLES = {
    GOOD: "cyan",
    BUSY: "bright_blue",
    WARN: "yellow",
    ALARM: "bold red",
    DIM: "dim",
    PLAIN: "",
    HEAD: "bold",
    CHOSEN: "reverse",
}

# One cell each, so that nothing moves where only ASCII can be seen.
ASCII = str.maketrans(
    {
        "✔": "+", "✘": "x", "▲": "!", "▶": ">", "◀": "<", "⏸": "=", "◐": "~", "■": "#", "·": "-", "☐": "o", "⛔": "X",
        "→": ">", "←": "<", "↑": "^", "↓": "v", "Σ": "S", "…": "~", "–": "-", "≤": "<", "≥": ">", "×": "x",
        "█": "#", "▒": "=", "░": ".", "─": "-", "│": "|", "▏": "|", "●": "*", "○": "o",
        "▓": "=", "┃": "|", "‹": "<", "›": ">", "━": "=", "▼": "v", "◆": "*",
    }
)  # fmt: skip


def toned(*parts: str | tuple[str, str]) -> Text:
    """One line of text: plain strings, and (string, tone). What a terminal would obey is written out."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for part in parts:
        if isinstance(part, str):
            text.append(neutral(part))
        else:
            text.append(neutral(part[0]), STYLES[part[1]])
    return text


def in_ascii(text: Text) -> Text:
    """The same line for eyes that see ASCII only; every cell stays where it is."""
    plain = "".join(c if c < "\x7f" else "?" for c in text.plain.translate(ASCII))
    return Text(plain, spans=text.spans, no_wrap=True, overflow="crop", end="")
