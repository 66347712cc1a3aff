"""The engine's door, knocked at by hand: HTTP over a Unix socket, nothing of our own between."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

Reply = TypeVar("Reply", bound=BaseModel)


class Shut(Exception):
    """Nobody answers behind it."""


class _Line(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=60)
        self._path = path

    def connect(self) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(self.timeout)
            line.connect(str(self._path))
        except OSError:
            line.close()
            raise
        self.sock = line


def ask(door: Path, path: str, reply: type[Reply], command: BaseModel | None = None) -> Reply:
    """GET, or POST when there is a command. Raises Shut; fails when the engine refuses."""
    line = _Line(door)
    try:
        body = command.model_dump_json().encode() if command is not None else None
        line.request("GET" if body is None else "POST", path, body)
        answer = line.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Shut(str(door)) from error
    finally:
        line.close()
    assert answer.status == 200, content.decode()
    return reply.model_validate_json(content)
