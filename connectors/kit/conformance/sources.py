"""What every source promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta

from connectors.kit.conformance.checks import must, of_source
from connectors.kit.conformance.subject import Subject
from connectors.kit.contract import Change, Content, Feed, Record, Scope, Source
from connectors.kit.errors import Misconfigured, Throttled, Unavailable

_TYPES = frozenset(
    "string text rich_text number boolean date datetime duration choice person reference list".split()  # noqa: SIM905
)
_PAGES = 10_000  # more pages than any subject has: the end was never reached


async def pages(source: Source, scope: Scope, span: str, limit: int) -> AsyncIterator[tuple[str, list[Record]]]:
    """Each page of a span: its own span and its records."""
    rest: str | None = span
    for _ in range(_PAGES):
        if rest is None:
            return
        page = await source.read(scope, rest, limit)
        must(len(page.records) <= limit, f"a page of {limit} has {len(page.records)} records")
        yield page.span, page.records
        rest = page.rest
    must(False, f"{_PAGES} pages and no end: `rest` must become None")


async def keys_in(source: Source, scope: Scope, span: str, limit: int = 500) -> list[str]:
    return [record.key async for _, records in pages(source, scope, span, limit) for record in records]


async def all_keys(source: Source, scope: Scope, limit: int = 500) -> list[str]:
    spans = await source.spans(scope, 1)
    return [key for span in spans for key in await keys_in(source, scope, span, limit)]


async def drain(source: Source, scope: Scope, position: str) -> tuple[list[Change], str]:
    """All changes since `position`, and where the feed stands then."""
    found: list[Change] = []
    for _ in range(_PAGES):
        piece = await source.changes(scope, position)
        found += piece.changes
        position = piece.position
        if piece.caught_up:
            return found, position
    must(False, f"{_PAGES} pieces of the feed and not caught up")
    raise AssertionError


async def one(source: Source, scope: Scope, key: str) -> Record:
    found = await source.fetch(scope, [key])
    must([record.key for record in found] == [key], "fetch of one record did not give that record")
    return found[0]


def feeds(traits: object) -> bool:
    return getattr(traits, "feed", Feed.NONE) is not Feed.NONE


@of_source("keys")
async def every_record_is_read_once_and_in_key_order_whatever_the_page_size(subject: Subject, source: Source) -> None:
    for limit in (1, 7, 500):
        keys = await all_keys(source, Scope(subject.entity), limit)
        must(len(keys) == len(set(keys)), f"pages of {limit}: {len(keys) - len(set(keys))} records came twice")
        must(set(keys) == subject.keys, f"pages of {limit}: {len(subject.keys ^ set(keys))} records differ")
        must(keys == sorted(keys, key=subject.order), f"pages of {limit}: not in key order")


@of_source("keys")
async def a_span_reads_the_same_slice_again(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    for span in await source.spans(scope, 1):
        async for slice_, records in pages(source, scope, span, 7):
            again = await keys_in(source, scope, slice_)
            must(again == [record.key for record in records], "the span of a page gives other records")


@of_source("keys")
async def spans_are_disjoint_and_cover_everything(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    for parts in (1, 3, 8, 1000):
        spans = await source.spans(scope, parts)
        must(1 <= len(spans) <= parts, f"{parts} parts asked, {len(spans)} spans given")
        keys = [key for span in spans for key in await keys_in(source, scope, span)]
        must(len(keys) == len(set(keys)), f"{parts} parts: spans overlap")
        must(set(keys) == subject.keys, f"{parts} parts: {len(subject.keys ^ set(keys))} records differ")


@of_source("keys", "insert")
async def a_record_that_appears_later_belongs_to_exactly_one_span(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    spans = await source.spans(scope, 4)
    new = await subject.insert()
    await subject.wait(_settled(source, subject))
    found = [key for span in spans for key in await keys_in(source, scope, span)]
    must(found.count(new) == 1, f"a new record is in {found.count(new)} of the spans")


@of_source("nothing")
async def an_empty_scope_comes_to_its_end(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity, (subject.nothing,))
    must(await all_keys(source, scope) == [], "records came out of an empty scope")
    must(await source.count(scope) == 0, "an empty scope counts more than 0")


@of_source("keys")
async def the_count_leaves_nothing_out(subject: Subject, source: Source) -> None:
    count = await source.count(Scope(subject.entity))
    must(count >= len(subject.keys), f"{count} counted, {len(subject.keys)} there")


@of_source("narrowed")
async def a_filter_lets_through_what_it_says(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity, (subject.narrow,))
    keys = set(await all_keys(source, scope, 7))
    must(keys == subject.narrowed, f"{len(keys ^ subject.narrowed)} records differ")
    must(await source.count(scope) >= len(keys), "fewer counted than read")


@of_source("broken_filters")
async def a_filter_that_cannot_be_read_is_told_never_ignored(subject: Subject, source: Source) -> None:
    for number, text in enumerate(subject.broken_filters):
        try:
            await all_keys(source, Scope(subject.entity, (text,)))
        except Misconfigured as error:
            must(bool(error.hint), f"broken filter {number}: no hint")
        else:
            must(False, f"broken filter {number} was accepted")


@of_source("keys", "names")
async def only_some_fields_can_be_asked_for(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity, (), subject.names)
    span = (await source.spans(scope, 1))[0]
    page = await source.read(scope, span, 7)
    must(bool(page.records), "the first page is empty")
    for record in page.records:
        must(set(subject.names) <= record.fields.keys(), "a field that was asked for is missing")
    whole = await source.read(Scope(subject.entity), span, 1)
    must(set(subject.names) <= whole.records[0].fields.keys(), "no field named: not all fields came")


@of_source("keys", "gone")
async def a_fetch_gives_what_is_there_and_leaves_out_what_is_gone(subject: Subject, source: Source) -> None:
    some = sorted(subject.keys)[:5]
    found = {record.key for record in await source.fetch(Scope(subject.entity), [*some, subject.gone])}
    must(found == set(some), f"{len(found ^ set(some))} keys differ")
    must(await source.fetch(Scope(subject.entity), []) == [], "a fetch of nothing gave something")


@of_source("keys", "remove")
async def a_removed_record_is_gone(subject: Subject, source: Source) -> None:
    key = sorted(subject.keys)[3]
    await subject.remove(key)
    must(await source.fetch(Scope(subject.entity), [key]) == [], "fetch still gives a removed record")
    await subject.wait(_settled(source, subject))
    must(key not in await all_keys(source, Scope(subject.entity)), "reading still gives a removed record")


@of_source("keys", "edit")
async def versions_grow_with_every_edit(subject: Subject, source: Source) -> None:
    key = sorted(subject.keys)[0]
    scope = Scope(subject.entity)
    versions = [(await one(source, scope, key)).version]
    for _ in range(2):
        await subject.wait(source.traits(subject.entity).granularity)
        await subject.edit(key)
        versions.append((await one(source, scope, key)).version)
    must(versions == sorted(set(versions)), "a version did not grow")


@of_source("keys", "edit", declares=feeds)
async def a_change_after_the_position_is_seen_and_not_as_older(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    key = sorted(subject.keys)[2]
    position = await source.position(scope)
    before = (await one(source, scope, key)).version
    await subject.wait(source.traits(subject.entity).granularity)
    await subject.edit(key)
    await subject.wait(_settled(source, subject))
    found, position = await drain(source, scope, position)
    mine = [change for change in found if change.key == key]
    must(bool(mine), "the feed does not show the change")
    must(max(change.version for change in mine) > before, "the feed shows the change with an old version")
    must(not any(change.deleted for change in mine), "an edit came as a deletion")


@of_source("keys", "edit", declares=feeds)
async def a_position_read_too_early_still_shows_the_change_later(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    key = sorted(subject.keys)[2]
    start = await source.position(scope)
    await subject.edit(key)
    early = await source.changes(scope, start)
    shown = any(change.key == key for change in early.changes)
    await subject.wait(_settled(source, subject))
    later, _ = await drain(source, scope, early.position)
    must(shown or any(change.key == key for change in later), "the position ran past a change that it had not shown")
    settles = source.traits(subject.entity).settle > 0
    if settles and shown:
        must(any(change.key == key for change in later), "the position passed now minus the settle horizon")


@of_source("keys", "insert", "edit", declares=feeds)
async def a_feed_resumes_where_it_stood(subject: Subject, source: Source) -> None:
    scope = Scope(subject.entity)
    start = await source.position(scope)
    new = await subject.insert()
    await subject.wait(_settled(source, subject))
    first, position = await drain(source, scope, start)
    must(new in {change.key for change in first}, "the feed does not show a new record")
    await subject.edit(new)
    await subject.wait(_settled(source, subject))
    second, _ = await drain(source, scope, position)
    must(new in {change.key for change in second}, "the feed lost a change after it was resumed")


@of_source("children")
async def children_belong_to_their_parents_oldest_first(subject: Subject, source: Source) -> None:
    scope = Scope(subject.child)
    found = await source.children(scope, list(subject.children))
    for parent, expected in subject.children.items():
        mine = [record.key for record in found if record.parent == parent]
        must(sorted(mine) == sorted(expected), f"{len(expected)} children seeded, {len(mine)} found")
        must(mine == list(expected), "children are not oldest first")
    must(len(found) == sum(map(len, subject.children.values())), "there are children of other parents")
    must(await source.children(scope, []) == [], "children of nobody")


@of_source("contents")
async def bytes_come_as_they_are_and_may_be_read_again(subject: Subject, source: Source) -> None:
    for parent, expected in subject.contents.items():
        found = {record.key: record for record in await source.children(Scope(subject.attachment), [parent])}
        must(found.keys() == expected.keys(), "other attachments than seeded")
        for key, data in expected.items():
            content = source.content(subject.attachment, found[key])
            for _ in range(2):
                must(await _bytes(content) == data, f"an attachment of {len(data)} bytes differs")


@of_source("contents", "cut_content")
async def a_cut_stream_is_noticed_before_its_end(subject: Subject, source: Source) -> None:
    parent, expected = next(
        (parent, held) for parent, held in subject.contents.items() if any(len(data) > 1 for data in held.values())
    )
    key = next(key for key, data in expected.items() if len(data) > 1)
    records = await source.children(Scope(subject.attachment), [parent])
    record = next(record for record in records if record.key == key)
    await subject.cut_content()
    try:
        data = await _bytes(source.content(subject.attachment, record))
    except Unavailable:
        return
    must(data == expected[key], "a cut stream ended as if it were complete")


@of_source("people")
async def people_are_known_by_their_address(subject: Subject, source: Source) -> None:
    found = await source.emails([*subject.people, "nobody-by-this-id"])
    must(found == dict(subject.people), "addresses differ from those seeded, or somebody unknown was given one")
    must(await source.emails([]) == {}, "addresses of nobody")


@of_source("keys", "fail_read")
async def a_failed_read_is_repeated_or_told_and_loses_nothing(subject: Subject, source: Source) -> None:
    span = (await source.spans(Scope(subject.entity), 1))[0]
    await subject.fail_read()
    try:
        keys = await keys_in(source, Scope(subject.entity), span, 7)
    except (Unavailable, Throttled):
        keys = await keys_in(source, Scope(subject.entity), span, 7)
    must(set(keys) == subject.keys, "records were lost to a failed read")


@of_source("keys")
async def a_cancelled_read_leaves_it_usable(subject: Subject, source: Source) -> None:
    for turns in range(4):
        task = asyncio.ensure_future(all_keys(source, Scope(subject.entity)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    must(set(await all_keys(source, Scope(subject.entity))) == subject.keys, "a read after a cancelled one differs")


@of_source()
async def its_traits_make_sense(subject: Subject, source: Source) -> None:
    traits = source.traits(subject.entity)
    must(traits.page >= 1 and traits.bulk >= 1, "page and bulk are 1 at least")
    must(min(traits.granularity, traits.settle, traits.search_settle, traits.late_commit) >= 0, "a negative time")
    must(traits.feed is not Feed.CURSOR or traits.settle >= traits.granularity, "settle is shorter than the grain")


@of_source()
async def its_clock_is_in_utc(subject: Subject, source: Source) -> None:
    now = await source.now()
    must(now.tzinfo is not None and now.utcoffset() == timedelta(0), "now() is not in UTC")
    away = abs((now - subject.ports.clock.now().astimezone(UTC)).total_seconds())
    must(away < 60, f"now() is {away:.0f} s away from the clock of the test")


@of_source("keys")
async def its_check_is_satisfied_with_what_works(subject: Subject, source: Source) -> None:
    writes = [subject.target_entity] if subject.target_entity else []
    findings = await source.check([Scope(subject.entity)], writes)
    must(bool(findings), "check() says nothing")
    bad = [finding.subject for finding in findings if not finding.ok]
    must(not bad, f"not ok though it works: {', '.join(bad)}")


@of_source("names")
async def its_schema_speaks_the_words_of_the_contract(subject: Subject, source: Source) -> None:
    fields = await source.schema(subject.entity)
    must(set(subject.names) <= {field.name for field in fields}, "the schema lacks a field that records have")
    odd = {field.type for field in fields} - _TYPES
    must(not odd, f"types that are not in the contract: {', '.join(sorted(odd))}")


@of_source()
async def closing_twice_is_fine(subject: Subject, source: Source) -> None:
    await source.close()
    await source.close()


def _settled(source: Source, subject: Subject) -> float:
    """When a feed must show a write: stamps and clocks are cut to the grain, and the call itself takes time."""
    traits = source.traits(subject.entity)
    return traits.settle + 3 * traits.granularity


async def _bytes(content: Content) -> bytes:
    return b"".join([piece async for piece in content()])
