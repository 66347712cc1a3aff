"""Writes docs/reference/keys.md from the table of keys: python docs/write_keys.py"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cockpit.keys import KEYS, SCREENS, Key, keys_of

PAGE = Path(__file__).parent / "reference" / "keys.md"
HEAD = """\
# Keys of the cockpit

`cutover` in a migration folder, or with its path, opens the cockpit on its engine and starts one where there is none.
Leaving it never stops the engine. This page is written by `python docs/write_keys.py`.

Lower case acts gently. Upper case acts heavily: it shows first exactly what it will do, then wants a name typed.
No key acts on an old picture: while the engine does not answer, only the keys marked *always* work. On a terminal of
less than 60 columns or 14 lines only `p`, `r`, `e`, `q` and the keys that leave work.

What a key did is told in three stages: accepted (understood), durable (on disk), effective (the engine's own picture
shows it).

| variable | does |
|---|---|
| `CUTOVER_BELL=1` | the terminal's bell rings for a new alarm; off otherwise |
| `CUTOVER_TITLE=0` | the terminal's title stays as it is; otherwise it says how it goes |
| `NO_COLOR=1` | no colours; every state has a sign and a word as well |

With `LANG=C` or `TERM=linux` the cockpit uses ASCII only; with `TERM=dumb`, or without a terminal, the status is
printed.
"""


def reference() -> str:
    """The page, as the table is now."""
    own = "".join(
        _section(f"{name.capitalize()} (`{digit}`)", [key for key in keys_of(name) if key.screens])
        for name, digit in SCREENS.items()
        if any(key.screens for key in keys_of(name))
    )
    return HEAD + own + _section("Everywhere", [key for key in KEYS if not key.screens])


def _section(title: str, keys: Iterable[Key]) -> str:
    rows = "".join(f"| {_presses(key)} | {key.help}{' *Always.*' if key.stale else ''} |\n" for key in keys)
    return f"\n## {title}\n\n| key | does |\n|---|---|\n{rows}"


def _presses(key: Key) -> str:
    return ", ".join(f"`{shown}`" for shown in key.all_shown)


if __name__ == "__main__":
    PAGE.write_text(reference())
