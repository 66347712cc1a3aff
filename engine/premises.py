"""The engine's folder beside `migration.yaml`: ledger, socket, lock, log, key. For its user's eyes only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.clock import Clock
from engine.database import Witness
from engine.errors import EngineError, Occupied
from engine.wire import LEDGER, LOCK, SOCKET, STATE_FOLDER

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107


class Premises:
    """Files of one engine. One engine a folder: the lock says so, and the kernel lifts it when the engine dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / STATE_FOLDER
        self.ledger = self.folder / LEDGER
        try:
            self.folder.mkdir(mode=0o700, parents=False, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{self.folder} cannot be made ({error.strerror}). Make {folder} writable.") from error
        os.umask(0o077)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. Raises Occupied when another engine has it."""
        with (self.folder / LOCK).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise Occupied(
                    f"Another engine (process {lock.read().strip() or 'unknown'}) works on this migration. "
                    "Look at it: cutover status. End it: cutover stop"
                ) from error
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @contextlib.contextmanager
    def socket(self) -> Iterator[socket.socket]:
        """A listening Unix socket, mode 0600. A socket left over by a dead engine is removed; anything else is not."""
        path = self.folder / SOCKET
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise EngineError(f"{path} is not a socket. Move it away, then try again.")
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        here = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Through /proc the path is short, however deep the folder lies: the kernel takes 107 bytes at most.
            short = path if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH else Path(f"/proc/self/fd/{here}/{SOCKET}")
            listening.bind(os.fspath(short))
            path.chmod(0o600)
            listening.listen(64)
            yield listening
        finally:
            os.close(here)
            listening.close()
            path.unlink(missing_ok=True)

    def secret(self, clock: Clock) -> bytes:
        """The key of the fingerprints: made once, beside the ledger, never in it."""
        return made_once(self.folder / "fingerprint.key", clock)

    def signing_key(self, clock: Clock) -> bytes:
        """The private key of the manifests (Ed25519, 32 bytes): made once, when the first one is signed."""
        return made_once(self.folder / "signing.key", clock)

    def witness(self, spec: str) -> Witness | None:
        """A drill: 'before:written:3' kills this process by SIGKILL before the third durable write of that name."""
        if not spec:
            return None
        when, point, number = spec.split(":")
        left = int(number)

        def pull_the_plug(at: str, name: str) -> None:
            nonlocal left
            if at == when and name == point:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        return pull_the_plug


def made_once(path: Path, clock: Clock) -> bytes:
    """The 32 bytes in this file, for its owner's eyes only; made where it is not there."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    secret = clock.secret(32)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        part.chmod(0o600)
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return secret
