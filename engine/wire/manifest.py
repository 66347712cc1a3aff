"""A wave's manifest: its shape, and how its bytes are made. Whoever writes one and whoever re-checks one reads this.

Three files: NAME.json (the manifest itself, signed), NAME.records (one line a record) and NAME.md (for people).
A line of the records is a JSON list, [xid, entity, bucket, target id, keyed digest], and ends with a line feed; lines
are in the order of their bytes, so of their xids. A leaf is the lines whose xid begins with the same two digits: there
are 256, each with a digest, and the root is the digest of these digests. The signature is over the manifest without
it, as compact JSON; the file is the whole, indented by two.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson
from pydantic import Field

from engine.wire.base import Message
from engine.wire.live import Drift
from engine.wire.proof import RuleResult, SignedCause, SignedEntity

FORMAT = 1
FOLDER = "manifests"  # in the migration folder
LEAVES = tuple(f"{number:02x}" for number in range(256))


class SignedFile(Message):
    """A file beside the manifest, by its name there."""

    file: str
    digest: str


class SignedRecords(Message):
    file: str
    bytes: int
    lines: int
    root: str
    leaves: list[str] = Field(min_length=256, max_length=256)  # in the order of their digits


class Manifest(Message):
    """Everything a wave is signed off with, but the signature."""

    cutover_manifest: int = FORMAT
    migration: str
    wave: str
    number: int  # of the wave's sign-offs, from 1
    signed_at: str
    signed_by: str
    note: str  # of the person who signs
    despite: str  # why it is signed although a gate fails or drift stands; empty when nothing stood in the way
    stood: list[str]  # what stood in the way
    engine: str  # version
    playbook: str
    playbook_version: str  # the wave ran with it
    rules_version: str = ""  # the playbook whose rules were asked; empty when it has none
    approved_by: str
    started: str
    ended: str
    proof: str  # what the proof of the wave said beside its counts
    entities: list[SignedEntity]
    aside: list[SignedCause]
    loose_references: int
    rules: list[RuleResult]
    drift: Drift | None
    records: SignedRecords
    page: SignedFile
    previous: SignedFile | None  # the migration's manifest before this one
    public_key: str  # Ed25519, hexadecimal
    fingerprint: str  # of the public key


def digest(data: bytes) -> str:
    """Of a file, a leaf or a root: BLAKE2b, 32 bytes, hexadecimal."""
    return blake2b(data, digest_size=32).hexdigest()


def root(leaves: Iterable[str]) -> str:
    return digest("".join(leaves).encode())


def fingerprint(public_key: bytes) -> str:
    """What people compare: 16 bytes, hexadecimal."""
    return blake2b(public_key, digest_size=16).hexdigest()


def line(xid: str, entity: str, bucket: str, target: str, print_: str) -> bytes:
    """One record."""
    return orjson.dumps((xid, entity, bucket, target, print_)) + b"\n"


def signed_part(body: dict[str, Any]) -> bytes:
    """What the signature is over."""
    return orjson.dumps(body)


def whole(body: dict[str, Any], signature: str) -> bytes:
    """The bytes of the file: there is one way only to write a manifest down."""
    return orjson.dumps({**body, "signature": signature}, option=orjson.OPT_INDENT_2) + b"\n"
