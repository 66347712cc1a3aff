"""A night played from a script: an engine's socket that answers with pictures somebody wrote, over the real wire."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel

from engine.wire import SOCKET, STATE_FOLDER, Live, Problem, Receipt


class Night:
    """What is answered. `show` sends a picture to everybody who watches; `commands` is what was asked for."""

    def __init__(self, picture: Live, replies: Mapping[str, BaseModel] | None = None) -> None:
        """`replies`: by path, or by path and the name that is asked for ("/wave emea")."""
        self.replies = dict(replies or {})
        self.receipt = Receipt(accepted=True, durable=True, effective=True, message="Done.")
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        self._picture = picture
        self._changed = threading.Condition()
        self._over = False

    def show(self, picture: Live) -> None:
        with self._changed:
            self._picture = picture
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def lines(self) -> Iterator[bytes]:
        shown: Live | None = None
        while not self._over:
            with self._changed:
                if self._picture is shown:
                    self._changed.wait(1.0)
                shown = self._picture
            yield shown.model_dump_json().encode() + b"\n"

    def answer(self, path: str, name: str) -> BaseModel | None:
        self.asked.append(path)
        return self.replies.get(f"{path} {name}") or self.replies.get(path)


class _Asked(BaseHTTPRequestHandler):
    @property
    def _night(self) -> Night:
        night = self.server.night  # type: ignore[attr-defined]
        assert isinstance(night, Night)
        return night

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/live":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for line in self._night.lines():
                    self.wfile.write(line)
                    self.wfile.flush()
            return
        reply = self._night.answer(url.path, parse_qs(url.query).get("name", [""])[0])
        self._say(reply or Problem(error=f"Nothing is played at {url.path}."), 200 if reply else 409)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._night.commands.append((self.path, json.loads(body or b"{}")))
        self._say(self._night.receipt, 200)

    def _say(self, reply: BaseModel, status: int) -> None:
        data = reply.model_dump_json().encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_: object) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    block_on_close = True
    night: Night


@contextlib.contextmanager
def played(folder: Path, night: Night) -> Iterator[Night]:
    """Answer on this folder's socket until the block is left."""
    state = folder / STATE_FOLDER
    state.mkdir(parents=True, exist_ok=True)
    (state / SOCKET).unlink(missing_ok=True)
    with _Server(str(state / SOCKET), _Asked) as server:
        server.night = night
        thread = threading.Thread(target=lambda: server.serve_forever(0.05))
        thread.start()
        try:
            yield night
        finally:
            night.end()
            server.shutdown()
            thread.join()
            (state / SOCKET).unlink(missing_ok=True)
