"""Everything that is printed goes through here: no control character of a record gets out, no sign that cannot be seen.

Records and vendors' messages may hold escape sequences. A terminal would obey them; here they become visible text.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from cockpit.codes import READER_GONE
from cockpit.format import neutral

_ASCII = str.maketrans(
    {
        "✔": "+",
        "✘": "x",
        "▲": "!",
        "☐": "o",
        "»": "~",
        "▶": ">",
        "⏸": "=",
        "·": "-",
        "→": "->",
        "←": "<-",
        "Σ": "Sum",
        "…": "...",
        "█": "#",
        "▒": "=",
        "░": ".",
    }
)
_STYLES = {
    "✔": "green",
    "✘": "bold red",
    "▲": "bold yellow",
    "⏸": "yellow",
    "▶": "cyan",
    "█": "cyan",
    "▒": "blue",
    "░": "bright_black",
}
_SIGNS = re.compile("[" + "".join(_STYLES) + "]+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")
_OBEYED = re.compile(
    r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f\u00ad\u180e\u200b\u2060-\u2064\ufeff]"
)


def prepare() -> None:
    """What cannot be encoded is printed as an escape, never as an error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(*lines: str) -> None:
    """Print lines to the reader."""
    for line in lines:
        for part in line.split("\n"):
            _print(part, sys.stdout)
    _write(sys.stdout, "")


def complain(text: str) -> None:
    """Print what went wrong to stderr."""
    for part in text.split("\n"):
        _print(part, sys.stderr)


def say_json(model: BaseModel, *, one_line: bool = False) -> None:
    """Print one JSON document. What a terminal would obey is escaped, which JSON readers undo."""
    text = model.model_dump_json(indent=None if one_line else 2)
    text = (_OBEYED if shows_unicode(sys.stdout) else _BEYOND_ASCII).sub(_escaped, text)
    _write(sys.stdout, text + "\n")


@contextlib.contextmanager
def pane(keep: bool) -> Iterator[Callable[[Sequence[str]], None]]:
    """A block of lines that is painted over in place. `keep`: its last state stays on the screen."""
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, transient=not keep, redirect_stdout=False) as live:

        def show(lines: Sequence[str]) -> None:
            painted = [_styled(_seen(line, sys.stdout)) for line in lines]
            for text in painted:
                text.no_wrap, text.overflow = True, "crop"  # one line is one line: the block must not jump
            live.update(Group(*painted), refresh=True)

        yield show


def is_live() -> bool:
    """Whether lines can be painted over."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def size() -> tuple[int, int]:
    """Columns and lines."""
    return shutil.get_terminal_size((80, 24))


def shows_unicode(stream: TextIO) -> bool:
    """Whether the reader can see more than ASCII. Python writes UTF-8 in the C locale too."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return (stream.encoding or "").lower().replace("-", "") == "utf8" and locale not in ("C", "POSIX")


def typed(folder: Path) -> Callable[[str], str]:
    """From a verb to what a person types here for this folder: `cutover run`, `.venv/bin/cutover run -C demo`."""
    program = _program()
    where = "" if folder.resolve() == Path.cwd() else f" -C {shlex.quote(near(folder))}"
    return lambda verb: f"{program} {verb}{where}"


def typed_to_attach(folder: Path) -> str:
    """What a person types here for the cockpit of this folder: `cutover`, `cutover ./demo`."""
    if folder.resolve() == Path.cwd():
        return _program()
    path = near(folder)
    return f"{_program()} {shlex.quote(path if os.sep in path else f'.{os.sep}{path}')}"


def _program() -> str:
    if shutil.which("cutover") is None and Path(sys.argv[0]).name == "cutover":
        return near(Path(sys.argv[0]))
    return "cutover"


def near(path: Path) -> str:
    """A path as short as a person here would type it."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - symbolic links stay: .venv/bin/python is one
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


# ---------------------------------------------------------------- inside


def _print(line: str, stream: TextIO) -> None:
    text = _seen(line, stream)
    if stream.isatty():
        Console(file=stream, highlight=False).print(_styled(text), soft_wrap=True)
    else:
        _write(stream, text + "\n", flush=False)


def _seen(line: str, stream: TextIO) -> str:
    text = neutral(line)
    return text if shows_unicode(stream) else text.translate(_ASCII)


def _styled(text: str) -> Text:
    styled = Text(text)
    for match in _SIGNS.finditer(text):
        styled.stylize(_STYLES[match.group()[0]], *match.span())
    return styled


def _write(stream: TextIO, text: str, *, flush: bool = True) -> None:
    try:
        stream.write(text)
        if flush:
            stream.flush()
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise SystemExit(READER_GONE) from None


def _escaped(match: re.Match[str]) -> str:
    data = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[i]:02x}{data[i + 1]:02x}" for i in range(0, len(data), 2))
