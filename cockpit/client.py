"""The only socket code on this side: asks the engine, starts it when it is not there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from engine.wire import BAD_FOLDER, LOCK, LOG, OCCUPIED, SOCKET, STATE_FOLDER, Live, Problem

Reply = TypeVar("Reply", bound=BaseModel)

_SILENCE = 6.0  # seconds; a live engine says something every two
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
_STARTS_WITHIN = 30.0  # seconds
_AGAIN = 1.0  # seconds until an engine is started anew in place of one that had the folder
_LITTLE = 65_536  # bytes of room: less is none
_LAST_LINES = 5
_LAST_BYTES = 8_000
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ ERROR [\w.]+: ")


class NoEngine(Exception):
    """No engine answers on this migration. The message says what is known of it."""


class BadFolder(Exception):
    """The folder cannot be used as it is; the message says what to change."""


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
        self._starts = False

    def get(self, path: str, reply: type[Reply], timeout: float = 60.0, **params: object) -> Reply:
        return self._ask("GET", path, reply, params=params, timeout=timeout)

    def post(
        self, path: str, reply: type[Reply], command: BaseModel | None = None, timeout: float = 60.0, **params: object
    ) -> Reply:
        """Ask for something to be done. Raises Refusal when the engine does not do it."""
        if self._starts:
            self.start()  # while a person read and thought, an engine without work has ended
        body = command.model_dump_json().encode() if command is not None else None
        return self._ask("POST", path, reply, params=params, content=body, timeout=timeout)

    async def pictures(self) -> AsyncIterator[Live]:
        """Pictures of everything, as they change; at least one each few seconds.

        Raises NoEngine when nobody answers, or nothing came for a while.
        """
        with self._path() as path:
            self._knock(path, 2.0)
            transport = httpx.AsyncHTTPTransport(uds=path)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://engine", timeout=_SILENCE, trust_env=False
            ) as http:
                try:
                    async with http.stream("GET", "/live") as response:
                        async for line in _lines(response):
                            yield Live.model_validate_json(line)
                except httpx.TimeoutException as error:
                    raise NoEngine(f"The engine has said nothing for {_SILENCE:.0f} s.") from error
                except httpx.HTTPError as error:
                    raise NoEngine(f"The line to the engine broke ({type(error).__name__}).") from error
                except ValidationError as error:
                    raise NoEngine(
                        "The engine speaks in a way that this version of cutover does not know. "
                        "If cutover was changed since the engine started, type: cutover stop"
                    ) from error

    def start(self) -> None:
        """Start an engine as a process of its own, which outlives this one and its terminal, unless one is there.
        From here on a command starts it, too.

        Raises BadFolder when the engine cannot work with this folder, NoEngine when it does not start.
        """
        self._starts = True
        if self.answers():
            return
        begins, process = self._spawn()
        # It may outlive us; should it not, somebody has to take note of its end.
        threading.Thread(target=process.wait, daemon=True).start()
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self.answers():
            code = process.poll()
            if code == BAD_FOLDER:
                raise BadFolder(_STAMP.sub("", self._said_since(begins)))
            if time.monotonic() > deadline and (pid := self.unreachable()) is not None:
                raise NoEngine(
                    f"An engine (process {pid}) works here and cannot be asked: its socket {self.state / SOCKET} is "
                    "gone. What runs goes on. End it: cutover stop. The next command goes on from the ledger."
                )
            if code not in (None, OCCUPIED) or time.monotonic() > deadline:
                words = self._said_since(begins) or self._why_nothing()
                raise NoEngine(f"The engine did not start. It said:\n{words}\nIts log: {self.log}")
            if code == OCCUPIED and self.unreachable() is None:
                time.sleep(_AGAIN)  # somebody else's engine is starting at this moment and will answer, or has ended
                if not self.answers():
                    begins, process = self._spawn()
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether an engine is there. One that is too busy to answer at once is there too."""
        try:
            with self._path() as path:
                self._knock(path, 2.0)
        except NoEngine:
            return False
        return True

    def unreachable(self) -> int | None:
        """The process of an engine that works on this folder and does not answer: somebody removed its socket."""
        if self.answers():
            return None
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.state / LOCK).read_text())
            *_, module, folder = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            if module == b"engine" and Path(os.fsdecode(folder)).resolve() == self.folder.resolve():
                return pid
        return None

    def last_words(self) -> str:
        """The last lines of the engine's log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _LAST_BYTES))
                return "\n".join(log.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
        except OSError:
            return ""

    # ------------------------------------------------------------ inside

    def _spawn(self) -> tuple[int, subprocess.Popen[bytes]]:
        """Where its words will begin in the log, and the process."""
        try:
            self.state.mkdir(mode=0o700, exist_ok=True)
            # Not `open`: others must not read it, whatever the umask.
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise BadFolder(f"{error.filename}: {error.strerror}. The engine keeps its ledger there.") from error
        with os.fdopen(descriptor, "ab") as log:
            return log.tell(), subprocess.Popen(
                [sys.executable, "-m", "engine", os.fspath(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def _ask(self, method: str, path: str, reply: type[Reply], timeout: float = 60.0, **request: object) -> Reply:
        try:
            with self._open(timeout) as http:
                response = http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx.TimeoutException as error:
            raise NoEngine(
                f"The engine is there, but has not answered for {timeout:.0f} s. Its log: {self.log}"
            ) from error
        except httpx.HTTPError as error:
            raise NoEngine(f"No engine answers ({type(error).__name__}). Its log: {self.log}") from error
        try:
            if response.status_code >= 400:
                raise Refusal(Problem.model_validate_json(response.content).error, response.status_code)
            return reply.model_validate_json(response.content)
        except ValidationError as error:
            message = (
                f"The engine answered {method} {path} in a way that this version of cutover does not know. "
                "If cutover was changed since the engine started, type: cutover stop"
            )
            raise Refusal(message, response.status_code) from error

    @contextlib.contextmanager
    def _open(self, timeout: float) -> Iterator[httpx.Client]:
        with self._path() as path:
            self._knock(path, timeout)
            transport = httpx.HTTPTransport(uds=path)
            with httpx.Client(transport=transport, base_url="http://engine", timeout=timeout, trust_env=False) as http:
                yield http

    @contextlib.contextmanager
    def _path(self) -> Iterator[str]:
        """The socket's path, short enough for the kernel."""
        path = self.state / SOCKET
        try:
            here = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError as error:
            raise self._not_ours() from error
        except OSError as error:
            raise NoEngine(f"No engine has worked in {self.folder} yet. Start one: cutover run") from error
        try:
            # Through /proc the path is short, however deep the folder lies.
            short = os.fspath(path)
            if len(os.fsencode(short)) > _LONGEST_SOCKET_PATH:
                short = f"/proc/self/fd/{here}/{SOCKET}"
            yield short
        finally:
            os.close(here)

    def _knock(self, path: str, timeout: float) -> None:
        """Raises NoEngine when nobody listens. httpcore would leave its socket open then."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout)
            try:
                line.connect(path)
            except TimeoutError:
                return  # too busy to answer is there
            except PermissionError as error:
                raise self._not_ours() from error
            except OSError as error:
                raise NoEngine(f"No engine answers in {self.folder}. Its log: {self.log}") from error

    def _not_ours(self) -> BadFolder:
        try:
            owner = self.state.owner()
        except (OSError, KeyError):  # out of sight, or a user without a name
            owner = "its owner"
        return BadFolder(
            f"{self.state} belongs to another user. Only {owner} can see and steer this migration: "
            f"type it as {owner}, or work in a folder of your own"
        )

    def _why_nothing(self) -> str:
        """An engine that said nothing could not write into its log, perhaps."""
        full = shutil.disk_usage(self.state).free < _LITTLE
        return "(nothing: the disk is full. Make room, then type this again.)" if full else "(nothing)"

    def _said_since(self, begins: int) -> str:
        """What the log says since this offset."""
        with self.log.open("rb") as log:
            log.seek(begins)
            return log.read().decode(errors="replace").strip()


def compiled(folder: Path) -> list[str]:
    """What is wrong with the files that only the engine's compilers know, offline: one problem a line."""
    words = [sys.executable, "-m", "engine.lint", os.fspath(folder.resolve())]
    done = subprocess.run(words, capture_output=True, cwd="/", timeout=_STARTS_WITHIN, check=False)
    if done.returncode not in (0, BAD_FOLDER):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise NoEngine(f"The files could not be compiled: {' '.join(last) or done.returncode}")
    return done.stdout.decode(errors="replace").splitlines()


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Lines as the engine ends them: text within JSON may hold other signs that end lines."""
    rest = b""
    async for piece in response.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line
