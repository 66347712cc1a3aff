"""The library: migration folders and runbooks to start from, and `init`, which writes them."""

from __future__ import annotations

import json
from pathlib import Path

from runbooks.errors import InitError, did_you_mean

LIBRARY = Path(__file__).parent
RUNBOOKS = LIBRARY / "runbooks"
STATE = ".cutover/"  # what an engine keeps beside a migration: never in version control


def templates() -> list[str]:
    """What `init` can write."""
    return sorted(each.name for each in LIBRARY.iterdir() if (each / "migration.yaml").is_file())


def runbooks() -> list[str]:
    """The runbooks that `init` can write beside a template."""
    return sorted(path.stem for path in RUNBOOKS.glob("*.yaml"))


def init(name: str, folder: Path, runbook: str = "standard") -> list[Path]:
    """Write the template `name` with this runbook into `folder`; return the files.

    Raises InitError rather than overwrite one.
    """
    for kind, asked, known in (("template", name, templates()), ("runbook", runbook, runbooks())):
        if asked not in known:
            hint = did_you_mean(asked, known)
            raise InitError(f"There is no {kind} '{asked}'; expected {' or '.join(known)}{hint}")
    files = _files(name) | {Path("runbook.yaml"): (RUNBOOKS / f"{runbook}.yaml").read_bytes()}
    there = [str(folder / each) for each in files if (folder / each).exists()]
    if there:
        raise InitError(f"Nothing was written: {', '.join(there)} would be overwritten. Name another folder.")
    try:
        for each, content in files.items():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            with (folder / each).open("xb") as stream:
                stream.write(content)
        written = [folder / each for each in files]
        return [*written, *_ignored(folder / ".gitignore")]
    except OSError as error:
        where = error.filename or folder
        raise InitError(f"{where} cannot be written: {error.strerror}; name another folder") from error


def _files(name: str) -> dict[Path, bytes]:
    from runbooks.schema import KINDS, schema  # the models: a list of names does not wait for them

    top = LIBRARY / name
    files = {each.relative_to(top): each.read_bytes() for each in sorted(top.rglob("*")) if each.is_file()}
    for kind in KINDS:
        files[Path(".schema") / f"{kind}.json"] = (json.dumps(schema(kind), indent=1) + "\n").encode()
    return files


def _ignored(path: Path) -> list[Path]:
    """Keep the engine's state out of version control; a file that is there already only gains a line."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if STATE in lines:
        return []
    path.write_text("\n".join([*lines, STATE, ""]), encoding="utf-8")
    return [path]
