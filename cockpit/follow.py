"""Follows a run, or a status, as the engine tells it: painted in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cockpit import format as words
from cockpit import terminal
from cockpit.client import Client, NoEngine
from cockpit.codes import INTERRUPTED, of_run
from engine.wire import Status

_LOOK = 0.5  # seconds between looks at a run
_BETWEEN_LINES = 2.0  # seconds between plain lines
_QUIET = 10.0  # seconds after which a plain line says that nothing changes, and why
_LAST_BREATH = 2.0  # seconds in which an engine that was told to stop says that it has
_WATCH = 2.0  # seconds between two prints of a watched status


def follow(client: Client) -> int:
    """Show progress until the run ends; return its exit code. Ctrl-C leaves the engine running."""
    typed = terminal.typed(client.folder)
    try:
        last = _painted(client, typed) if terminal.is_live() else _in_lines(client)
    except KeyboardInterrupt:
        terminal.say(
            "",
            "The engine runs on without this terminal.",
            f"  Watch it: {typed('status --watch')}",
            f"  Hold it:  {typed('pause --reason WHY')}",
            f"  End it:   {typed('stop')}",
        )
        return INTERRUPTED
    terminal.say(*words.status_lines(last, typed))
    return of_run(last)


def watch(client: Client, *, as_json: bool) -> None:
    """Show the status again and again until Ctrl-C: painted in place, or plain blocks, or one JSON document a line."""
    typed = terminal.typed(client.folder)
    try:
        if as_json:
            while True:
                terminal.say_json(client.get("/status", Status), one_line=True)
                time.sleep(_WATCH)
        if terminal.is_live():
            with terminal.pane(keep=True) as show:
                while True:
                    lines = words.status_lines(client.get("/status", Status), typed)
                    show([*lines[: terminal.size()[1] - 2], "  Ctrl-C ends this view; the engine runs on."])
                    time.sleep(_WATCH)
        seen: list[str] = []
        while True:
            lines = words.status_lines(client.get("/status", Status), typed)
            if lines[1:] != seen:  # the first has the time
                terminal.say(*lines)
                seen = lines[1:]
            time.sleep(_WATCH)
    except KeyboardInterrupt:
        return
    except NoEngine as error:
        raise NoEngine(_how_it_ended(client, typed("run"), error)) from error


# ---------------------------------------------------------------- inside


def _looks(client: Client) -> Iterator[Status]:
    """Snapshots of the run; the last one is from after its end. Raises NoEngine with the command that goes on."""
    again = "run"
    while True:
        try:
            status = client.get("/status", Status)
        except NoEngine as error:
            raise NoEngine(_how_it_ended(client, terminal.typed(client.folder)(again), error)) from error
        again = next((f"rollback --wave {each.wave}" for each in status.waves if each.state == "rolling_back"), "run")
        yield status
        if not status.run:
            return
        time.sleep(_LOOK)


def _painted(client: Client, typed: words.Typed) -> Status:
    with terminal.pane(keep=False) as show:
        for status in _looks(client):
            if status.run:
                show(words.run_block(status, typed, *terminal.size()))
    return status


def _in_lines(client: Client) -> Status:
    said, at, since = "", 0.0, 0.0  # the last line, when any line was printed, and since when it says the same
    for status in _looks(client):
        now = time.monotonic()
        line = words.progress_line(status)
        if not status.run or now - at < _BETWEEN_LINES:
            continue
        if line != said:
            terminal.say(f"{words.clock(status.at)}  {line}  {status.rate:,.0f}/s")
            said, at, since = line, now, now
        elif now - at >= _QUIET:
            reasons = words.waits_now(status)
            why = f"waits: {'; '.join(reasons)}" if reasons else "calls are on the way"
            terminal.say(f"{words.clock(status.at)}  no change for {words.seconds(now - since)}: {why}")
            at = now
    return status


def _how_it_ended(client: Client, again: str, error: NoEngine) -> str:
    """The engine is gone: what it said last, and the command that goes on."""
    if client.answers():
        return str(error)
    deadline = time.monotonic() + _LAST_BREATH
    while not (ended := (last := client.last_words()).endswith("ended")) and time.monotonic() < deadline:
        time.sleep(_LOOK)
    head = (
        "The engine was stopped." if ended else "The engine died. The last lines of its log:\n" + (last or "(nothing)")
    )
    return f"{head}\nWhat is written is in its ledger; nothing is lost. Go on: {again}"
