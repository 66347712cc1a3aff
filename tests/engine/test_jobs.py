"""What the outcomes of a call make of the records in it."""

import orjson

from connectors.kit.contract import Failed, Record, Rejected, Write, Written
from connectors.kit.document import Document
from connectors.kit.errors import InDoubt, Unavailable
from engine.jobs import Job, sort
from engine.mapping import Mapped
from engine.model import Bucket, Entry


def job(key: str) -> Job:
    record = Record(key, "1", {"title": f"printer of {key}"})
    fields = {"summary": f"printer of {key}"}
    return Job(
        record, Mapped(key, fields, None, {}, ()), Entry(key, Bucket.IN_FLIGHT), Write(f"x{key}", fields), "print"
    )


def test_the_first_failure_of_a_call_is_its_cause_and_those_behind_it_its_echo() -> None:
    first, echo = Unavailable("the bytes do not match"), Unavailable("not sent: the fate of an earlier write is open")
    jobs = [job(key) for key in "abc"]
    result = sort(jobs, [Written("xa", "1"), Failed("xb", first), Failed("xc", echo)])
    assert result.broken is first
    assert [one.entry.target for one in result.written] == ["1"]


def test_a_refusal_is_kept_without_what_it_quotes_from_a_document() -> None:
    one = job("a")
    one.write.fields["description"] = Document(orjson.dumps({"type": "doc", "content": [{"text": "the secret words"}]}))
    result = sort([one], [Rejected("xa", "cannot take: the secret words", "description")])
    assert result.aside[0].cause == "cannot take: …"


def test_a_refusal_is_kept_without_the_value_that_it_quotes() -> None:
    doubtful = Failed("xb", InDoubt("no answer"))
    result = sort([job("a"), job("b")], [Rejected("xa", "summary 'printer of a' is too long", "summary"), doubtful])
    assert result.aside[0].cause == "summary '…' is too long"
    assert [one.key for one in result.in_doubt] == ["b"]
    assert result.broken is None
