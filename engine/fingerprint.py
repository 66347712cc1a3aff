"""What the ledger keeps of a record instead of the record: a keyed hash, which is the same while nothing changed."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from connectors.kit.document import encoded
from engine.mapping import Mapped, Mapper


def form_of(mapper: Mapper) -> int:
    """What rules make comes in one order always; what goes as it is comes in whatever order the source likes."""
    return 0 if mapper.makes else orjson.OPT_SORT_KEYS


def fingerprint(mapped: Mapped, form: int, secret: bytes) -> str:
    """Of the record as it should stand at the target: 32 hex digits. TypeError: it is no JSON."""
    body = orjson.dumps((mapped.fields, mapped.status), encoded, form)
    return blake2b(body, digest_size=16, key=secret).hexdigest()
