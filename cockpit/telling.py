"""Who types, and what a command says when it cannot be done."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from pathlib import Path

from cockpit import codes, terminal
from cockpit.client import BadFolder, NoEngine, Refusal
from cockpit.rehearsal import NotReady
from runbooks.errors import InitError, LoadError

_NOT_UNDERSTOOD = 422


def who() -> str:
    """The person, also behind sudo, and the machine."""
    return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"


def shorter(text: str) -> str:
    """Paths below this folder, as a person here would type them."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")


def telling(work: Callable[[], None]) -> int:
    """Do it; say what went wrong in words, and return the exit code for it."""
    try:
        work()
    except (LoadError, InitError, BadFolder) as error:
        terminal.complain(shorter(str(error)))
        return codes.USAGE
    except Refusal as error:
        terminal.complain(shorter(str(error)))
        return codes.USAGE if error.status == _NOT_UNDERSTOOD else codes.FAILED
    except NotReady as error:
        terminal.complain(shorter(str(error)))
        return codes.FAILED
    except NoEngine as error:
        terminal.complain(shorter(str(error)))
        return codes.NO_ENGINE
    return codes.DONE
