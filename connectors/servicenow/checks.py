"""Whether it would work tonight: reach, credentials, time zone, and the right to each operation.

The instance has no call that tells what an account may do, and an empty answer may mean "nothing there" or "not for
you". Where a probe cannot tell, the finding says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.contract import Clock, Finding, Rejected, Scope, Write, Written
from connectors.kit.errors import ConnectorError, Misconfigured, Unavailable
from connectors.servicenow.children import ATTACHMENTS, JOURNAL, Children, commented
from connectors.servicenow.dictionary import Dictionary
from connectors.servicenow.feed import Feed
from connectors.servicenow.instance import ATTACHMENT, TABLE, Instance
from connectors.servicenow.notes import NOTES
from connectors.servicenow.others import AUDIT
from connectors.servicenow.query import conjunction
from connectors.servicenow.reading import Reader, columns
from connectors.servicenow.writing import CORRELATION, Writer

_MANY = 50  # records looked at for comments


class Checks:
    """The checks of one instance."""

    def __init__(
        self,
        instance: Instance,
        dictionary: Dictionary,
        reader: Reader,
        feed: Feed,
        children: Children,
        writer: Writer,
        clock: Clock,
    ) -> None:
        self._instance = instance
        self._dictionary = dictionary
        self._reader = reader
        self._feed = feed
        self._children = children
        self._writer = writer
        self._clock = clock

    async def run(self, reads: Sequence[Scope], writes: Sequence[str]) -> list[Finding]:
        findings = await self._account()
        if not all(finding.ok for finding in findings):
            return findings  # nothing behind it could be told
        findings.append(await self._zone())
        tables = [scope for scope in reads if scope.entity not in ATTACHMENTS and scope.entity != JOURNAL]
        for scope in tables:
            findings += await self._table(scope)
        for scope in reads:
            if scope.entity == JOURNAL:
                findings.append(await self._journal([one.entity for one in tables] or ["task"]))
            elif scope.entity in ATTACHMENTS:
                findings.append(await self._attachments())
        for entity in writes:
            findings.append(await self._write(entity))
        if any(entity not in NOTES and entity not in ATTACHMENTS for entity in writes):
            findings.append(await self._audit())
        return findings

    async def _audit(self) -> Finding:
        """Needed by a rollback alone, so a missing right stops nothing."""
        subject = f"read {AUDIT}"
        try:
            await self._instance.page(TABLE + AUDIT, "ORDERBYsys_id", ("sys_id",), 1)
        except Misconfigured:
            detail = "not readable: a rollback would miss people's changes that we wrote over later"
            return Finding(subject, True, detail, f"Grant the account read access to {AUDIT}.")
        return Finding(subject, True, "the audit answers")

    async def _account(self) -> list[Finding]:
        fields = ("sys_id", "user_name", "time_zone")
        try:
            me = await self._instance.page(TABLE + "sys_user", "sys_id=javascript:gs.getUserID()", fields, 1)
        except Misconfigured as error:
            return [
                Finding("reach", True, "the instance answers"),
                Finding("credentials", False, str(error), error.hint),
            ]
        except ConnectorError as error:
            hint = "Check `url`, the network between, and that the instance is awake (a sleeping one answers in HTML)."
            return [Finding("reach", False, str(error), hint)]
        known = "signed in" if me.rows else "signed in, though the account may not read its own sys_user record"
        return [Finding("reach", True, "the instance answers"), Finding("credentials", True, known)]

    async def _zone(self) -> Finding:
        if await self._feed.in_utc():
            return Finding("time zone", True, "queries by time mean UTC")
        return Finding(
            "time zone",
            False,
            "a record is not found by its own time stamp: the account's time zone is not UTC",
            "Set the time zone of the integration user to GMT; else changes would be missed.",
        )

    async def _table(self, scope: Scope) -> list[Finding]:
        subject = f"read {scope.entity}"
        path = TABLE + scope.entity
        try:
            filters = await self._reader.filters(scope)
            page = await self._instance.page(path, conjunction(filters), columns(scope), 1, counted=True)
            if page.total and not page.rows:
                window = await self._instance.window(path, conjunction(filters), ("sys_id",), 1)
                if not window.rows:
                    return [
                        Finding(
                            subject,
                            False,
                            f"{page.total:,} records exist and none is visible to this account",
                            "Grant it read access: a role such as itil, or an ACL on the table.",
                        )
                    ]
        except Misconfigured as error:
            return [Finding(subject, False, str(error), error.hint)]
        except ConnectorError as error:
            return [Finding(subject, False, str(error), "Try again; if it stays, ask the instance's administrator.")]
        if not page.rows:
            detail = "no record; an account without the right to read gets the same answer"
            return [Finding(subject, True, detail, "Compare with what an administrator sees.")]
        which = f" where {' and '.join(scope.filters)}" if any(scope.filters) else ""
        findings = [Finding(subject, True, f"{page.total or 0:,} records{which}")]
        absent = [name for name in scope.fields if name not in page.rows[0]]
        if absent:
            findings.append(
                Finding(
                    f"read fields of {scope.entity}",
                    False,
                    f"not readable: {', '.join(absent)}",
                    "Grant read access to these fields, or leave them out of the playbook.",
                )
            )
        return findings

    async def _journal(self, tables: Sequence[str]) -> Finding:
        subject = f"read {JOURNAL}"
        hint = f"Grant the account read access to {JOURNAL} (an ACL on the table and on its field value)."
        try:
            page = await self._instance.page(TABLE + JOURNAL, "ORDERBYsys_id", ("sys_id",), 20)
            if page.rows:
                return Finding(subject, True, "entries are visible")
            for table in tables:
                shown = await self._instance.page(
                    TABLE + table,
                    "ORDERBYDESCsys_updated_on",
                    ("sys_id", "comments", "work_notes"),
                    _MANY,
                    display="true",
                )
                if commented(shown.rows):
                    detail = "records have comments and the journal shows none: the history would be lost"
                    return Finding(subject, False, detail, hint)
        except Misconfigured as error:
            return Finding(subject, False, str(error), hint)
        return Finding(subject, True, f"no entry visible, and no comment on the latest {_MANY} records", hint)

    async def _attachments(self) -> Finding:
        try:
            await self._instance.page(ATTACHMENT, "ORDERBYsys_id", (), 1)
        except Misconfigured as error:
            return Finding("read attachment", False, str(error), error.hint)
        return Finding("read attachment", True, "the attachment API answers")

    async def _write(self, entity: str) -> Finding:
        subject = f"write {entity}"
        if entity in NOTES or entity in ATTACHMENTS:
            return Finding(subject, True, "goes with the right to write its record; not proven without writing")
        try:
            table = await self._dictionary.table(entity)
        except Misconfigured as error:
            return Finding(subject, False, str(error), error.hint)
        if not table.web_access:
            return Finding(
                subject,
                False,
                "the table is closed to web services",
                f"Tick `Allow access to this table via web services` of {entity}.",
            )
        if CORRELATION in table.columns:
            return Finding(subject, True, "the table is open; the right itself is proven by the canary only")
        detail = f"the table is open; it has no {CORRELATION}, so records are known by their sys_id only"
        return Finding(subject, True, detail)

    async def canary(self, entity: str) -> float:
        """Creates a record, waits until a query finds it, deletes it. Raises Misconfigured when it may not."""
        xid = f"canary-{int(self._clock.random() * 2**53):014x}"
        table = await self._dictionary.table(entity)
        fields: dict[str, str] = {
            name: "cutover canary, to be deleted at once"
            for name in ("short_description", "name")
            if name in table.columns
        }
        (outcome,) = await self._writer.create(entity, [Write(xid, fields)])
        if isinstance(outcome, Rejected):
            raise Misconfigured(
                f"{entity}: the canary was refused ({outcome.cause}{' ' + outcome.field if outcome.field else ''})",
                hint="Grant the account the right to create records, or give the mandatory fields defaults.",
            )
        if not isinstance(outcome, Written):
            raise outcome.error
        started = self._clock.monotonic()
        terms = f"{CORRELATION}={xid}" if CORRELATION in table.columns else f"sys_id={outcome.target}"
        try:
            while not (await self._instance.window(TABLE + entity, conjunction((), terms), ("sys_id",), 1)).rows:
                if self._clock.monotonic() - started > 300:
                    raise Unavailable(f"{entity}: a record that was created is not found by a query after 300 s")
                await self._clock.sleep(0.2)
            return self._clock.monotonic() - started
        finally:
            await self._writer.delete(entity, [outcome.target])
