"""The only socket code on this side: asks the engine, starts it when it is not there."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel

from engine.wire import LOG, SOCKET, STATE_FOLDER, Problem

Reply = TypeVar("Reply", bound=BaseModel)

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
_STARTS_WITHIN = 20.0  # seconds


class NoEngine(Exception):
    """No engine answers on this migration."""


class Refusal(Exception):
    """The engine refuses a command; its message says why and what to type next. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """One migration folder's engine, by its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / STATE_FOLDER
        self.log = self.state / LOG

    def get(self, path: str, reply: type[Reply], **params: object) -> Reply:
        return self._ask("GET", path, reply, params=params)

    def post(
        self, path: str, reply: type[Reply], command: BaseModel | None = None, timeout: float = 60.0, **params: object
    ) -> Reply:
        body = command.model_dump_json().encode() if command is not None else None
        return self._ask("POST", path, reply, params=params, content=body, timeout=timeout)

    def start(self) -> None:
        """Start an engine as a process of its own, which outlives this one and its terminal, unless one is there."""
        if self.answers():
            return
        self.state.mkdir(mode=0o700, exist_ok=True)
        # Not `open`: others must not read it, whatever the umask.
        with open(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:  # noqa: PTH123
            begins = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "engine", os.fspath(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < deadline:
            if self.answers():
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        if not self.answers():
            raise NoEngine(self._last_words(begins))

    def answers(self) -> bool:
        """Whether an engine is there."""
        try:
            with self._open(2.0) as http:
                http.get("/status")
        except (NoEngine, httpx.HTTPError):
            return False
        return True

    # ------------------------------------------------------------ inside

    def _ask(self, method: str, path: str, reply: type[Reply], timeout: float = 60.0, **request: object) -> Reply:
        try:
            with self._open(timeout) as http:
                response = http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise NoEngine(f"The engine does not answer ({type(error).__name__}). Its log: {self.log}") from error
        if response.status_code >= 400:
            raise Refusal(Problem.model_validate_json(response.content).error, response.status_code)
        return reply.model_validate_json(response.content)

    @contextlib.contextmanager
    def _open(self, timeout: float) -> Iterator[httpx.Client]:
        path = self.state / SOCKET
        try:
            here = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise NoEngine(f"No engine has worked in {self.folder} yet. Start one: cutover run") from error
        try:
            # Through /proc the path is short, however deep the folder lies.
            short = os.fspath(path)
            if len(os.fsencode(short)) > _LONGEST_SOCKET_PATH:
                short = f"/proc/self/fd/{here}/{SOCKET}"
            transport = httpx.HTTPTransport(uds=short)
            with httpx.Client(transport=transport, base_url="http://engine", timeout=timeout, trust_env=False) as http:
                yield http
        finally:
            os.close(here)

    def _last_words(self, begins: int) -> str:
        """What the log says since this offset."""
        with self.log.open("rb") as log:
            log.seek(begins)
            words = log.read().decode(errors="replace").strip()
        return f"The engine did not start. It said:\n{words or '(nothing)'}\nIts log: {self.log}"
