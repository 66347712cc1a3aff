"""Secret references: a file names where a secret is, never the secret. Resolved only when an engine starts."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from runbooks.document import Document, Loc
from runbooks.errors import LoadError, Problem, did_you_mean

LARGEST_SECRET = 64_000  # bytes

_REFERENCE = re.compile(r"\$\{(env|file):([^${}]+)\}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECRET_WORDS = {"password", "passwd", "pwd", "passphrase", "token", "secret", "key"}
KEYRING = "keyring"
_INSTEAD = "write ${env:NAME} or ${file:path} instead"


@dataclass(frozen=True, slots=True)
class Access:
    """Where a system is and how to sign in, secrets and all. `repr` shows neither."""

    url: str = field(repr=False)
    auth: Mapping[str, str] = field(repr=False)


def faults(loc: Loc, value: str, document: Document) -> Iterator[Problem]:
    """What is wrong with the references of one value of `auth` or with a URL; no file or variable is looked at."""
    key = str(loc[-1])
    rest = _REFERENCE.sub("", value)
    if "${" in rest:
        yield document.problem(loc, "this is no reference; expected ${env:NAME} or ${file:path}")
        return
    for kind, name in _REFERENCE.findall(value):
        if kind == "env" and not _ENV_NAME.match(name):
            yield document.problem(loc, f"'{name}' is no name of an environment variable; expected ${{env:NAME}}")
    if _REFERENCE.search(value):
        return
    if key == "url" and _password_in(value):
        yield document.problem(loc, f"a password stands in the URL; move it to 'auth', and {_INSTEAD}")
    if key != "url" and re.split(r"[_-]", key.lower())[-1] in _SECRET_WORDS:
        yield document.problem(loc, f"a secret stands in the file under '{key}'; {_INSTEAD}")


def no_reference(loc: Loc, value: str, document: Document) -> Iterator[Problem]:
    """What is wrong with a value that must be one reference and nothing else, or `keyring`."""
    problems = list(faults(loc, value, document))
    yield from problems
    if not problems and not _REFERENCE.fullmatch(value):
        yield document.problem(
            loc, f"expected ${{env:NAME}}, ${{file:path}} or {KEYRING}{did_you_mean(value, [KEYRING])}"
        )


def _password_in(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False  # the connector says what is wrong with it


def wide_files(loc: Loc, value: str, document: Document, folder: Path) -> Iterator[Problem]:
    """A warning for each referenced file that others than its owner may open."""
    for kind, name in _REFERENCE.findall(value):
        if kind == "file":
            try:
                mode = stat.S_IMODE(_path(folder, name).stat().st_mode)
            except (OSError, ValueError, RuntimeError):
                continue  # told when it is resolved
            if mode & 0o177:
                text = f"others may open the secret's file {name} (mode {mode:04o}); type: chmod 600 {name}"
                yield document.problem(loc, text)


def resolve(
    values: Mapping[Loc, str], document: Document, folder: Path, environ: Mapping[str, str] | None = None
) -> list[str]:
    """The values with every reference replaced, in order. Raises LoadError with all that cannot be."""
    problems: list[Problem] = []
    variables = os.environ if environ is None else environ
    found = [_filled(loc, value, document, folder, variables, problems) for loc, value in values.items()]
    if problems:
        raise LoadError(problems)
    return found


def _filled(
    loc: Loc, value: str, document: Document, folder: Path, environ: Mapping[str, str], problems: list[Problem]
) -> str:
    def one(match: re.Match[str]) -> str:
        kind, name = match.groups()
        text, trouble = _from_environment(name, environ) if kind == "env" else _from_file(_path(folder, name))
        if trouble:
            problems.append(document.problem(loc, f"{match.group()}: {trouble}"))
        return text

    return _REFERENCE.sub(one, value)


def _from_environment(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The text, or what is wrong."""
    if name not in environ:
        return "", f"the environment variable {name} is not set; set it where the engine is started"
    if not environ[name]:
        return "", f"the environment variable {name} is set but empty"
    return environ[name], ""


def _from_file(path: Path) -> tuple[str, str]:
    """The text, or what is wrong."""
    try:
        if path.exists() and not path.is_file():
            return "", "this is not a regular file; expected a file that holds the secret alone"
        with path.open("rb") as stream:
            data = stream.read(LARGEST_SECRET + 1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return "", f"the file cannot be read: {reason}"
    if len(data) > LARGEST_SECRET:
        return "", f"the file is larger than {LARGEST_SECRET:,} bytes; expected a file that holds the secret alone"
    try:
        text = data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return "", "the file is not UTF-8 text"
    return text, "" if text else "the file is empty"


def _path(folder: Path, name: str) -> Path:
    return folder / Path(name.strip()).expanduser()
