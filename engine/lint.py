"""What only compiling tells of a migration's files: expressions, and names of connectors. Opens nothing, asks nobody.

`python -m engine.lint FOLDER` prints one problem a line; the exit code is 2 when there is any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from connectors.kit.errors import Misconfigured
from connectors.kit.registry import find
from engine.mapping import MappingError, compile_entity
from engine.validation import expressions_of
from engine.wire import BAD_FOLDER
from runbooks.errors import LoadError
from runbooks.loader import load
from runbooks.migration import Migration
from runbooks.playbook import Playbook

_SECRET = b"lint"  # nothing is hashed with it


def problems(migration: Migration) -> Iterator[str]:
    """One sentence each, with file:line:column."""
    for name, system in migration.systems.items():
        try:
            find(system.connector)
        except Misconfigured as error:
            yield f"{migration.where('', ('systems', name, 'connector'))}: {error}"
    for book in migration.playbooks:
        yield from _of_book(migration, book)


def _of_book(migration: Migration, book: Playbook) -> Iterator[str]:
    def where(at: tuple[str | int, ...], path: tuple[str | int, ...]) -> str:
        return migration.where(book.playbook, (*at, *path))

    for number, pair in enumerate(book.entities):
        try:
            compile_entity(pair, where=partial(where, ("entities", number)), secret=_SECRET)
        except MappingError as error:
            yield from error.problems
    for number, rule in enumerate(book.rules):
        found: list[str] = []
        expressions_of(rule, lambda key, number=number: where(("rules", number), (key,)), found)  # type: ignore[misc]
        yield from found


def main() -> int:
    try:
        found = list(problems(load(Path(sys.argv[1]))))
    except LoadError as error:
        found = str(error).splitlines()
    print(*found, sep="\n", end="\n" if found else "")
    return BAD_FOLDER if found else 0


if __name__ == "__main__":
    sys.exit(main())
