"""The connectors we ship, as subjects of the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.kit.conformance import Subject
from tests.conformance.file_subject import FileSubject
from tests.conformance.memory_subject import MemorySubject

Factory = Callable[[], AbstractAsyncContextManager[Subject]]


def memory(**options: object) -> Factory:
    @asynccontextmanager
    async def factory() -> AsyncIterator[Subject]:
        subject = MemorySubject(options)
        try:
            yield subject
        finally:
            subject.end()

    return factory


def files(form: str, **options: object) -> Factory:
    @asynccontextmanager
    async def factory() -> AsyncIterator[Subject]:
        with TemporaryDirectory() as folder:
            yield FileSubject(Path(folder), form, options)

    return factory


SUBJECTS: dict[str, Factory] = {
    "memory": memory(),
    "memory, generated": memory(generated=True),
    "memory, strong, with a cursor": memory(creates="strong", feed="cursor", settle=0.05, granularity=0.01, bulk=3),
    "memory, lagging": memory(creates="lagging", search_settle=0.1, bulk=1, page=7),
    "memory, nobody knows": memory(creates="none", feed="none"),
    "file, JSONL": files("jsonl"),
    "file, CSV": files("csv"),
    "file, packed JSONL": files("jsonl.gz"),
}
