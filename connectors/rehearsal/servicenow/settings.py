"""What a test or an operator may change about the double, at start and live."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Settings:
    """Limits, rights and moods of the instance. Durations in seconds; None: no limit."""

    per_hour: int | None = None  # calls a window, per user
    window: float = 3600.0
    flush: float = 30.0  # counters are added up this seldom: the limit bites late
    semaphores: int = 16  # calls at once
    queue: int = 150  # calls that may wait beside them; more are refused
    url_length: int = 16_384
    transaction_records: int | None = None  # a read of more is cancelled half way
    transaction_truncates: bool = False  # cancelled in the middle of a record: the body is no JSON
    batch_items: int | None = None  # a batch services no more, as if its time was up
    batch_output: int = 10_000_000  # bytes
    attachment_size: int = 1024 * 1024 * 1024  # bytes
    token_seconds: float = 1799.0
    refresh_seconds: float = 8_640_000.0
    hidden: float = 0.0  # the share of tasks that only an admin may read
    journal_readable: bool = True  # off: sys_journal_field answers with nothing
    audit_readable: bool = True  # off: sys_audit is for admins only
    invalid_query_returns_no_rows: bool = False
    admin_only_sys_fields: bool = False  # sysparm_suppress_auto_sys_field works for admins only
    hibernating: bool = False  # every call answers with a page for people

    def change(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply changes and return all settings. Raises ValueError for a name or a type that does not fit."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}: use some of {', '.join(known)}")
            optional = name in ("per_hour", "transaction_records", "batch_items")
            if value is None and optional:
                continue
            wanted = int if optional else type(known[name])
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)) and not (
                wanted is float and number
            ):
                raise ValueError(f"setting {name} takes a {wanted.__name__}")
        for name, value in changes.items():
            setattr(self, name, value)
        return asdict(self)
