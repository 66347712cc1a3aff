"""One night: two rehearsal systems on real sockets, a migration folder, and engines as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from connectors.rehearsal.base import Time
from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble
from engine.wire import LEDGER, LOG, SOCKET, STATE_FOLDER, Receipt, Run, Status
from runbooks.library import init
from tests.proof.door import Reply, Shut, ask
from tests.rehearsal.running import running

full = pytest.mark.skipif(not os.environ.get("CUTOVER_FULL"), reason="takes minutes with its like: make crash")
"""For what a quicker proof covers in the main."""

SECRETS = {
    "SERVICENOW_USER": "cutover",
    "SERVICENOW_PASSWORD": "rehearsal",
    "JIRA_USER": "cutover@example.com",
    "JIRA_TOKEN": "rehearsal",
}
CHUNK, WORKERS = 10, 2
WAVES = [
    {"wave": "pilot", "filters": {"incident": "priority>=4"}, "chunk": CHUNK, "workers": WORKERS},
    {"wave": "rest", "after": ["pilot"], "filters": {"incident": ""}, "chunk": CHUNK, "workers": WORKERS},
]
ALL_AT_ONCE = [{"wave": "all", "filters": {"incident": ""}, "chunk": CHUNK, "workers": WORKERS}]
KILLED = -signal.SIGKILL


class Night:
    """The folder, the two systems, and the engine that works on it at the moment."""

    def __init__(self, folder: Path, servicenow: ServiceNowDouble, jira: JiraDouble, urls: Mapping[str, str]) -> None:
        self.folder = folder
        self.servicenow = servicenow
        self.jira = jira
        self.urls = urls
        self.state = folder / STATE_FOLDER
        self.ledger = self.state / LEDGER
        self.engine: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.state / LOG
        return path.read_text(errors="replace") if path.exists() else ""

    # ------------------------------------------------------------ the engine

    def start(self, crash_at: str = "", **options: Any) -> subprocess.Popen[bytes]:
        """An engine as `cutover run` starts one. `crash_at`: its drill, such as 'before:settle:3'.

        `options` go to Popen.
        """
        assert self.engine is None or self.engine.poll() is not None, "one engine at a time"
        self.state.mkdir(mode=0o700, exist_ok=True)
        with (self.state / LOG).open("ab") as log:
            self.engine = subprocess.Popen(
                [sys.executable, "-m", "engine", os.fspath(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **SECRETS, "CUTOVER_CRASH_AT": crash_at},
                **options,
            )
        engine = self.engine
        until(lambda: engine.poll() is not None or self.status() is not None, "the engine answers", 30)
        assert crash_at or engine.poll() is None, self.log[-3000:]
        return engine

    def run(self, *waves: str) -> None:
        self.command("/run", Run(waves=list(waves), by="ana"))

    def ask(self, path: str, reply: type[Reply], command: BaseModel | None = None) -> Reply:
        return ask(self.state / SOCKET, path, reply, command)

    def command(self, path: str, command: BaseModel) -> Receipt | None:
        """Give a command; an engine that dies of it is no error here."""
        try:
            return self.ask(path, Receipt, command)
        except Shut:
            assert self.engine is not None
            self.engine.wait(10)
            return None

    def drive(self, *waves: str, crash_at: str = "", patience: float = 90) -> Status | None:
        """Start an engine, run, and stay with it. The last snapshot; None when the drill killed it."""
        engine = self.start(crash_at)
        if engine.poll() is None:
            self.run(*waves)
        status = self.ended(patience)
        self.end()
        return status

    def ended(self, patience: float = 90) -> Status | None:
        """The snapshot after the run has ended; None when the engine was killed."""
        seen: list[Status] = []

        def over() -> bool:
            if self.engine is not None and self.engine.poll() is not None:
                return True
            status = self.status()
            if status is None or status.run:
                return False
            seen.append(status)
            return True

        until(over, "the run ends", patience, self.story)
        return seen[-1] if seen else None

    def status(self) -> Status | None:
        """The engine's word; None when there is no engine."""
        try:
            return self.ask("/status", Status)
        except Shut:
            return None

    def end(self) -> int | None:
        """End the engine; its exit code."""
        if self.engine is None:
            return None
        if self.engine.poll() is None:
            self.engine.terminate()
        return self.engine.wait(40)

    def kill(self) -> None:
        assert self.engine is not None
        self.engine.kill()
        assert self.engine.wait(10) == KILLED

    def story(self) -> str:
        status = self.status()
        return f"{status.model_dump_json(indent=1) if status else 'no engine'}\n{self.log[-3000:]}"

    # ------------------------------------------------------------ the systems

    def created(self) -> int:
        return self.jira.counts()["issues"]


def until(what: Callable[[], bool], words: str, patience: float = 20, story: Callable[[], str] = str) -> None:
    """Wait for `what`, looking often. Fails with `words` and `story()`."""
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, f"not in {patience} s: {words}\n{story()}"
        time.sleep(0.03)


@contextmanager
def night(
    folder: Path,
    incidents: int = 60,
    *,
    seed: int = 7,
    servicenow: Mapping[str, Any] | None = None,
    jira: Mapping[str, Any] | None = None,
    auth: Mapping[str, Mapping[str, str]] | None = None,
    limits: Mapping[str, Mapping[str, Any]] | None = None,
    waves: list[dict[str, Any]] | None = None,
    before: Callable[[ServiceNowDouble, JiraDouble], None] | None = None,
    clock: Time | None = None,
) -> Iterator[Night]:
    """`servicenow`, `jira`: options of the connectors; `auth`, `limits`: of a system, instead of the template's.

    `before` prepares the systems before anybody calls them; `clock` is the target's.
    """
    dataset = Dataset(seed, incidents, bad_priorities=0.03)
    source = ServiceNowDouble(dataset=dataset, seed=seed, latency=0.002)
    target = JiraDouble(people=dataset.people, seed=seed, latency=0.002, time=clock)
    if before is not None:
        before(source, target)
    with ExitStack() as stack:
        urls = {double.name: stack.enter_context(running(double)) for double in (source, target)}
        options = {
            "servicenow": {"settle": 1, **(servicenow or {})},
            "jira": {"late_commit": 0.5, "search_settle": 0.5, **(jira or {})},
        }
        _write(folder / "migration", urls, options, auth or {}, limits or {}, WAVES if waves is None else waves)
        it = Night(folder / "migration", source, target, urls)
        try:
            yield it
        finally:
            if it.engine is not None and it.engine.poll() is None:
                it.engine.kill()
                it.engine.wait(10)


def _write(
    folder: Path,
    urls: Mapping[str, str],
    options: Mapping[str, Any],
    auth: Mapping[str, Any],
    limits: Mapping[str, Any],
    waves: list[dict[str, Any]],
) -> None:
    """The library's template, pointed at these systems."""
    init("servicenow-to-jira", folder)

    def change(systems: Any) -> None:
        del systems["runbook"]  # it is written for other waves
        for name, url in urls.items():
            system = systems["systems"][name]
            system["url"] = url
            system["options"] = dict(options[name])
            for part, given in (("auth", auth), ("limits", limits)):
                if name in given:
                    system[part] = dict(given[name])

    edit(folder / "migration.yaml", change)
    edit(folder / "playbooks" / "incidents.yaml", lambda book: book.update(waves=waves))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a YAML file in place."""
    yaml = YAML()
    document = yaml.load(path)
    change(document)
    with path.open("w") as out:
        yaml.dump(document, out)
