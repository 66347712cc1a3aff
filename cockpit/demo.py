"""The demonstration: a migration folder and two rehearsal systems beside it, which outlive this process."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson

from cockpit.client import Client
from engine.wire import Receipt, Stop
from runbooks.library import init

_TEMPLATE = "servicenow-to-jira"
_SYSTEMS = {"servicenow": 8801, "jira": 8802}  # name: port in the template
_SECRETS = {
    "SERVICENOW_USER": "cutover",
    "SERVICENOW_PASSWORD": "rehearsal",
    "JIRA_USER": "cutover@example.com",
    "JIRA_TOKEN": "rehearsal",
}
_READY_WITHIN = 30.0  # seconds


def prepare(folder: Path, say: Callable[[str], None]) -> None:
    """Write the migration and start the systems, or find both as they were left."""
    if not (folder / "migration.yaml").exists():
        init(_TEMPLATE, folder)
        _keep_secrets_in_files(folder)
        _take_free_ports(folder)
        say(f"A migration was written to {_near(folder)}: migration.yaml says where, its playbook says what.")
    if _healthy(_urls(folder)):
        say("The rehearsal systems are running, as they were left.")
        return
    urls = _start(folder)
    say("Rehearsal systems: " + ", ".join(f"{name} at {url}" for name, url in urls.items()))


def prove(folder: Path) -> str:
    """Ask the target, not the ledger: how many records are there, and is any of them there twice?"""
    jira = _urls(folder)["jira"]
    ids: Counter[str] = Counter()
    comments = attachments = links = 0
    with httpx.stream("GET", f"{jira}/_rehearsal/issues", timeout=60.0, trust_env=False) as answer:
        for line in answer.iter_lines():
            issue = orjson.loads(line)
            ids[issue["properties"]["cutover"]["x"]] += 1
            comments += len(issue["comments"])
            attachments += len(issue["attachments"])
            links += len(issue["links"])
    twice = sum(1 for n in ids.values() if n > 1)
    return (
        f"Asked at the target: {ids.total():,} issues, {twice} of them twice; {comments:,} comments, "
        f"{attachments:,} attachments, {links // 2:,} links.\n"
        f"The rehearsal systems run on. Look around: .venv/bin/cutover status -C {_near(folder)}. "
        "End and forget them: make clean-demo"
    )


def reset(folder: Path) -> None:
    """End the engine and the systems of this folder, and remove it."""
    if not (folder / "migration.yaml").exists():
        return
    client = Client(folder)
    if client.answers():
        client.post("/stop", Receipt, Stop(by="demo"))
        deadline = time.monotonic() + 30
        while client.answers() and time.monotonic() < deadline:
            time.sleep(0.1)
    with contextlib.suppress(OSError, ValueError):
        # Only a process that answers as our rehearsal system is ended: a number in a file may be anybody's by now.
        if _healthy(_urls(folder)):
            os.kill(int((folder / "rehearsal" / "pid").read_text()), signal.SIGTERM)
    shutil.rmtree(folder)


# ---------------------------------------------------------------- inside


def _keep_secrets_in_files(folder: Path) -> None:
    """So that every later command works without an environment."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    path = folder / "migration.yaml"
    text = path.read_text()
    for name, value in _SECRETS.items():
        (secrets / name).touch(mode=0o600)
        (secrets / name).write_text(value)
        text = text.replace(f"${{env:{name}}}", f"${{file:secrets/{name}}}")
    path.write_text(text)


def _take_free_ports(folder: Path) -> None:
    """The template's ports, or others where somebody listens there already."""
    path = folder / "migration.yaml"
    text = path.read_text()
    for port in _SYSTEMS.values():
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                trial.bind(("127.0.0.1", 0))
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{trial.getsockname()[1]}")
    path.write_text(text)


def _start(folder: Path) -> dict[str, str]:
    state = folder / "rehearsal"
    state.mkdir(exist_ok=True)
    urls = _urls(folder)
    arguments = [f"--{name}={url.rpartition(':')[2]}" for name, url in urls.items()]
    with (state / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "connectors.rehearsal.serve", *arguments, "--state", os.fspath(state),
             "--records", "3000", "--latency-ms", "20"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    (state / "pid").write_text(str(process.pid))
    deadline = time.monotonic() + _READY_WITHIN
    while not _healthy(urls):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The rehearsal systems did not start. Their log: {state / 'log'}")
        time.sleep(0.1)
    return urls


def _urls(folder: Path) -> dict[str, str]:
    """Where the migration says its systems are."""
    urls: dict[str, str] = {}
    for line in (folder / "migration.yaml").read_text().splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "url":
            urls[list(_SYSTEMS)[len(urls)]] = value.split(" ")[0]
    return urls


def _healthy(urls: dict[str, str]) -> bool:
    try:
        return all(
            httpx.get(f"{url}/_rehearsal/health", timeout=2.0, trust_env=False).is_success for url in urls.values()
        )
    except httpx.HTTPError:
        return False


def _near(folder: Path) -> str:
    """The folder as a person here would type it."""
    return os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
