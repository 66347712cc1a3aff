"""The demonstration: a migration folder, two rehearsal systems beside it, a run, and a proof asked at the target.

Every step finds what an earlier one left, whatever was killed in between: typing the command again goes on.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from pathlib import Path

import httpx
import orjson
import typer
from pydantic import BaseModel

from cockpit.attach import has_screen, show
from cockpit.client import BadFolder, Client, NoEngine
from cockpit.codes import DONE, FAILED
from cockpit.follow import follow
from cockpit.format import status_lines
from cockpit.proof_verbs import recheck_lines, typed_to_verify
from cockpit.recheck import manifests, recheck
from cockpit.rehearsal import NotReady, Rehearsal, free_port
from cockpit.terminal import near, say, typed
from engine.wire import Receipt, Resume, Run, Sign, Status, Stop
from runbooks.library import init

_TEMPLATE = "servicenow-to-jira"
_PORTS = {"servicenow": 8801, "jira": 8802}  # as the template has them
_SECRETS = {
    "SERVICENOW_USER": "cutover",
    "SERVICENOW_PASSWORD": "rehearsal",
    "JIRA_USER": "cutover@example.com",
    "JIRA_TOKEN": "rehearsal",
}
_SETTINGS = "rehearsal/settings.json"  # also says that a folder is a demonstration
RECORDS = 3000
_ENDS_WITHIN = 40.0  # seconds
_SIGNS_WITHIN = 300.0
_NOTE = "signed by the demonstration for the person who typed it"


class Settings(BaseModel):
    """What the rehearsal systems were started with: the same again finds the same data."""

    records: int
    ports: dict[str, int]


class Demo:
    """One demonstration, in a folder of its own."""

    def __init__(self, folder: Path, records: int = RECORDS, ports: dict[str, int] | None = None) -> None:
        """`records` counts at the first start only; `ports` where they are given, 0 for any free one."""
        self.folder = folder
        self.rehearsal = Rehearsal(folder / "rehearsal")
        self._first = Settings(records=records, ports=_PORTS)
        self._asked = ports or {}
        self._settings = folder / _SETTINGS

    def run(self, by: str) -> int:
        """Everything, from wherever it stands; return the exit code."""
        self._write()
        self._start_systems()
        client = Client(self.folder)
        client.start()
        status = client.get("/status", Status)
        self._lift_own_holds(client, status, by)
        if status.run:
            say(f"A run goes on already: {', '.join(status.run)}.")
        else:
            say(client.post("/run", Receipt, Run(by=by)).message)
        if has_screen():
            show(self.folder, by)
            return self._tell_where_it_stands(client, by)
        if client.get("/status", Status).run:
            self._say_what_to_try(client)
        code = follow(client)
        return code if code != DONE else self._end(client, by)

    def reset(self) -> None:
        """End the engine and the systems, and remove the folder. Raises NotReady when something does not end."""
        shutil.rmtree(self._part, ignore_errors=True)
        if not self.folder.exists():
            return
        if not self._settings.exists():
            raise BadFolder(f"{self.folder} is no demonstration; nothing was removed.")
        client = Client(self.folder)
        if client.answers():
            client.post("/stop", Receipt, Stop(by="demo"))
            deadline = time.monotonic() + _ENDS_WITHIN
            while client.answers():
                if time.monotonic() > deadline:
                    raise NotReady(f"The engine does not end; nothing was removed. Its log: {client.log}")
                time.sleep(0.1)
        self.rehearsal.end()
        shutil.rmtree(self.folder)

    # ------------------------------------------------------------ preparing

    @property
    def _part(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.part")

    def _write(self) -> None:
        """The migration folder, whole or not at all: a process may be killed at any line."""
        if self._settings.exists():
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise BadFolder(f"{self.folder} is no demonstration. Name a new folder: cutover demo FOLDER")
        shutil.rmtree(self._part, ignore_errors=True)
        init(_TEMPLATE, self._part)
        (self._part / "rehearsal").mkdir()
        (self._part / _SETTINGS).write_text(self._first.model_dump_json())
        self._keep_secrets_in_files(self._part)
        self._part.rename(self.folder)
        where = near(self.folder)
        say(f"A migration was written: {where}/migration.yaml says where, {where}/playbooks/ what and how.")

    def _keep_secrets_in_files(self, folder: Path) -> None:
        """So that every later command works without an environment."""
        (folder / "secrets").mkdir(mode=0o700)
        path = folder / "migration.yaml"
        text = path.read_text()
        for name, value in _SECRETS.items():
            (folder / "secrets" / name).touch(mode=0o600)
            (folder / "secrets" / name).write_text(value)
            text = text.replace(f"${{env:{name}}}", f"${{file:secrets/{name}}}")
        path.write_text(text)

    def _start_systems(self) -> None:
        settings = self._read_settings()
        if self.rehearsal.healthy(settings.ports):
            say(f"The rehearsal systems run as they were left (process {self.rehearsal.pid}).")
            return
        if self.rehearsal.pid is not None:
            self.rehearsal.end()  # there, but answering no more
        ports = self._take_free_ports(settings)
        self.rehearsal.start(ports, settings.records)
        urls = ", ".join(f"{name} at {url}" for name, url in self.rehearsal.urls(ports).items())
        say(f"Rehearsal systems: {urls} (process {self.rehearsal.pid}).")

    def _read_settings(self) -> Settings:
        return Settings.model_validate_json(self._settings.read_bytes())

    def _take_free_ports(self, settings: Settings) -> dict[str, int]:
        """The ports of last time, or others where somebody listens there now; migration.yaml follows."""
        free = {name: free_port(port) for name, port in {**settings.ports, **self._asked}.items()}
        path = self.folder / "migration.yaml"
        text = path.read_text()
        for name, port in free.items():
            text = re.sub(rf"127\.0\.0\.1:{settings.ports[name]}\b", f"127.0.0.1:{port}", text)
        path.write_text(text)
        self._settings.write_text(Settings(records=settings.records, ports=free).model_dump_json())
        return free

    def _lift_own_holds(self, client: Client, status: Status, by: str) -> None:
        """Holds that the engine placed because a system was away: they are back."""
        for hold in status.holds:
            if hold.by == "engine":
                client.post("/resume", Receipt, Resume(wave=hold.wave, by=by))
                say(f"The hold of {hold.wave} was lifted: the systems are back.")

    # ------------------------------------------------------------ telling

    def _say_what_to_try(self, client: Client) -> None:
        verb = typed(self.folder)
        engine = client.get("/status", Status).pid
        say(
            "",
            "While it runs, in another terminal:",
            f"  {verb('status --watch')}",
            f"  {verb('pause --reason lunch')}, then {verb('resume')}",
            f"  kill -9 {engine} (the engine) or {self.rehearsal.pid} (both systems), then start this again",
            "",
        )

    def _tell_where_it_stands(self, client: Client, by: str) -> int:
        """After the cockpit: the proof when everything is loaded, else how far it is and how to come back."""
        verb = typed(self.folder)
        try:
            status = client.get("/status", Status)
        except NoEngine:
            say("", f"No engine runs any more. What is written is in its ledger; go on: {typed(Path.cwd())('demo')}")
            return DONE
        say("", *status_lines(status, verb))
        if status.run:
            say("", "It goes on without this terminal.", f"  End it:  {verb('stop')}")
            return DONE
        over = ("awaiting_sign_off", "signed_off", "rolled_back")
        return self._end(client, by) if all(wave.state in over for wave in status.waves) else DONE

    # ------------------------------------------------------------ proof, signature, the way back

    def _end(self, client: Client, by: str) -> int:
        """Prove it, sign it, re-check what was signed, and say how to go back."""
        waves = client.get("/status", Status).waves  # first: an engine without work does not wait for an answer
        right = self._prove(client) and self._sign(client, by) and self._recheck()
        back = next((wave.wave for wave in waves if wave.state == "rolled_back"), "")
        verb, folder = typed(self.folder), near(self.folder)
        again = f'rollback --wave {waves[0].wave} --despite-sign-off "the desk wants it back"'
        say(
            "",
            f"Wave {back} is rolled back. Once more:"
            if back
            else "The way back. Kill the engine on it, type it again:",
            f"  {verb(f'run --wave {back}' if back else again)}",
            "The rehearsal systems run on. Look around:",
            f"  {verb(f'verify --wave {next(wave.wave for wave in waves if wave.wave != back)}')}",
            f"  {verb('quarantine list')}",
            f"  {verb('map try --record INC0010001')}",
            f"  {typed(Path.cwd())('demo --reset')} {folder} (ends and forgets all of it)",
        )
        return DONE if right else FAILED

    def _sign(self, client: Client, by: str) -> bool:
        """Sign what waits for it. In a demonstration that is whoever typed it; at a terminal they are asked."""
        waves = [each.wave for each in client.get("/status", Status).waves if each.state == "awaiting_sign_off"]
        if not waves:
            return True
        if has_screen() and not typer.confirm(f"\nSign {', '.join(waves)} off as {by}?", default=True):
            say(f"Later: {typed(self.folder)(f'sign --wave {waves[0]}')}")
            return True
        for wave in waves:
            client.post("/sign", Receipt, Sign(wave=wave, note=_NOTE, by=by), timeout=_SIGNS_WITHIN)
        say("", f"✔ Signed off: {', '.join(waves)}, by {by}, who typed this. Yours wait for a person who has looked.")
        return True

    def _recheck(self) -> bool:
        """Every manifest, from its files alone; the newest one line by line."""
        files = manifests(self.folder)
        reports = {file: recheck(file) for file in files}
        if not files:
            return True
        say("", f"$ {typed_to_verify(files[-1])}", *recheck_lines(files[-1], reports[files[-1]]))
        for file, report in reports.items():
            if not report.ok and file != files[-1]:
                say(*recheck_lines(file, report))
        return all(report.ok for report in reports.values())

    def _prove(self, client: Client) -> bool:
        """Ask the target, not the ledger: is every record there, and none of them twice?"""
        ids: Counter[str] = Counter()
        comments = attachments = links = 0
        url = f"{self.rehearsal.urls(self._read_settings().ports)['jira']}/_rehearsal/issues"
        with httpx.stream("GET", url, timeout=60.0, trust_env=False) as answer:
            for line in answer.iter_lines():
                issue = orjson.loads(line)
                ids[issue["properties"]["cutover"]["x"]] += 1
                comments += len(issue["comments"])
                attachments += len(issue["attachments"])
                links += len(issue["links"])
        synced = client.get("/status", Status).total.synced
        twice = sum(1 for n in ids.values() if n > 1)
        right = not twice and len(ids) == synced
        say(
            "",
            f"{'✔' if right else '✘'} Asked at the target: {ids.total():,} issues for {synced:,} synced records, "
            f"{twice or 'none'} twice,",
            f"  with {comments:,} comments, {attachments:,} attachments, {links // 2:,} links.",
        )
        return right
