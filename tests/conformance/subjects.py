"""The connectors we ship, as subjects of the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.kit.conformance import Subject
from tests.conformance.file_subject import FileSubject
from tests.conformance.jira_subject import JiraSubject
from tests.conformance.memory_subject import MemorySubject
from tests.conformance.rehearsed import Ahead
from tests.conformance.servicenow_subject import ServiceNowSubject
from tests.rehearsal.running import running

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


@asynccontextmanager
async def rehearsed_servicenow() -> AsyncIterator[Subject]:
    subject = ServiceNowSubject(Ahead())
    with running(subject.double) as subject.url:
        yield subject


@asynccontextmanager
async def rehearsed_jira() -> AsyncIterator[Subject]:
    subject = JiraSubject(Ahead())
    with running(subject.double) as subject.url:
        await subject.begin()
        yield subject


SUBJECTS: dict[str, Factory] = {
    "memory": memory(),
    "memory, generated": memory(generated=True),
    "memory, strong, with a cursor": memory(creates="strong", feed="cursor", settle=0.05, granularity=0.01, bulk=3),
    "memory, lagging": memory(creates="lagging", search_settle=0.1, bulk=1, page=7),
    "memory, nobody knows": memory(creates="none", feed="none"),
    "file, JSONL": files("jsonl"),
    "file, CSV": files("csv"),
    "file, packed JSONL": files("jsonl.gz"),
    "ServiceNow": rehearsed_servicenow,
    "Jira": rehearsed_jira,
}
