"""Re-checks a signed manifest offline, from its files alone: signature, digests, counts, the sum, the chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from engine.wire import CheckLine, CheckReport
from engine.wire.manifest import (
    FOLDER,
    FORMAT,
    LEAVES,
    Manifest,
    SignedRecords,
    digest,
    fingerprint,
    root,
    signed_part,
    whole,
)

_LEFT = "left"  # no part of the sum
_RESTORE = "Get the files anew from where they were signed"
_LARGEST = 64_000_000  # bytes of a manifest or its page: beyond that it is none


class _Read(NamedTuple):
    """A manifest whose own bytes are as they were signed."""

    manifest: Manifest
    digest: str


class _Broken(Exception):
    """A file is not what it was; the message says how."""


def manifests(folder: Path) -> list[Path]:
    """The manifests in this migration folder, in the order in which they were written."""
    return sorted((folder / FOLDER).glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))


def recheck(path: Path, key: str = "") -> CheckReport:
    """Every check of the manifest at `path`. `key`: the fingerprint that the signing key must have."""
    try:
        read = _manifest(path)
    except _Broken as error:
        lines = [_line("signature", str(error))]
        return CheckReport(ok=False, lines=lines)
    lines = [*_signed(read.manifest, key), *_page(path, read.manifest), *_records(path, read.manifest)]
    lines += [*_sum(read.manifest), *_chain(path, read.manifest)]
    return CheckReport(ok=all(line.ok for line in lines), lines=lines)


# ---------------------------------------------------------------- the manifest itself


def _manifest(path: Path) -> _Read:
    data = _bytes(path)
    try:
        body = orjson.loads(data)
        signature = body.pop("signature")
        if not isinstance(signature, str) or whole(body, signature) != data:
            raise ValueError("not as it is written")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise _Broken(f"{path.name} is no manifest, or was changed") from None
    if body.get("cutover_manifest") != FORMAT:
        raise _Broken(f"{path.name} has a format that this version does not know (it knows {FORMAT})")
    try:
        manifest = Manifest.model_validate(body)
    except ValidationError:
        raise _Broken(f"{path.name} is no manifest, or was changed") from None
    _authentic(path.name, manifest, body, signature)
    return _Read(manifest, digest(data))


def _authentic(name: str, manifest: Manifest, body: Mapping[str, Any], signature: str) -> None:
    from cryptography.exceptions import InvalidSignature  # slow to load: only who re-checks needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public, signed = bytes.fromhex(manifest.public_key), bytes.fromhex(signature)
        if signed.hex() != signature or public.hex() != manifest.public_key:
            raise ValueError("hexadecimal has one form here")
        Ed25519PublicKey.from_public_bytes(public).verify(signed, signed_part(dict(body)))
    except (ValueError, InvalidSignature):
        raise _Broken(f"{name} was changed after it was signed") from None
    if fingerprint(public) != manifest.fingerprint:
        raise _Broken(f"{name} names another key than the one it is signed with")


def _signed(manifest: Manifest, key: str) -> Iterator[CheckLine]:
    who = f"signed by {manifest.signed_by} at {manifest.signed_at}, key {manifest.fingerprint}"
    if key and key.strip().lower() != manifest.fingerprint:
        yield _line("signature", f"{who}; expected the key {key}", hint="Somebody else has signed it")
    else:
        yield _line("signature", who if key else f"{who}; compare it: --key", ok=True)


# ---------------------------------------------------------------- the files beside it


def _page(path: Path, manifest: Manifest) -> Iterator[CheckLine]:
    try:
        same = digest(_bytes(_beside(path, manifest.page.file))) == manifest.page.digest
    except _Broken as error:
        yield _line("page", str(error))
        return
    yield _line("page", manifest.page.file if same else f"{manifest.page.file} was changed", ok=same)


def _records(path: Path, manifest: Manifest) -> Iterator[CheckLine]:
    signed = manifest.records
    if root(signed.leaves) != signed.root:
        yield _line("records", "the digests of the leaves do not make the root")
        return
    try:
        counts, damaged = _counted(_beside(path, signed.file), signed)
    except _Broken as error:
        yield _line("records", str(error))
        return
    if damaged:
        which = ", ".join(damaged[:5]) + (", ..." if len(damaged) > 5 else "")
        yield _line("records", f"{signed.file} was changed: {len(damaged)} of 256 leaves differ ({which})")
        return
    yield _line("records", f"{signed.lines:,} records, {signed.bytes:,} bytes, digest {signed.root}", ok=True)
    said = {(entity.entity, word): n for entity in manifest.entities for word, n in entity.buckets.items()}
    wrong = sorted(
        f"{entity} {word}" for entity, word in {*said, *counts} if said.get((entity, word)) != counts[entity, word]
    )
    groups = len(said)
    yield _line(
        "counts", f"differ: {', '.join(wrong[:5])}" if wrong else f"{groups} counts, as the records are", ok=not wrong
    )


def _counted(path: Path, signed: SignedRecords) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Records by entity and bucket, and the leaves that differ. One leaf is in memory at a time."""
    counts: Counter[tuple[str, str]] = Counter()
    damaged = []
    try:
        if (size := path.stat().st_size) != signed.bytes:
            raise _Broken(f"{path.name} has {size:,} bytes; {signed.bytes:,} were signed")
        found = dict.fromkeys(LEAVES, digest(b""))
        last = ""
        with path.open("rb") as file:
            for prefix, group in groupby(file, itemgetter(slice(2, 4))):
                digits, lines = prefix.decode("latin-1"), list(group)
                data = b"".join(lines)
                if digits not in found or digits <= last:
                    raise _Broken(f"{path.name} was changed: its records are not in order")
                found[digits], last = digest(data), digits
                if found[digits] == signed.leaves[LEAVES.index(digits)]:
                    counts.update(_parsed(path.name, digits, lines))
        damaged = [digits for digits, leaf in zip(LEAVES, signed.leaves, strict=True) if found[digits] != leaf]
    except OSError as error:
        raise _Broken(f"{path.name}: {error.strerror}. {_RESTORE}") from None
    if not damaged and counts.total() != signed.lines:
        raise _Broken(f"{path.name} has {counts.total():,} records; {signed.lines:,} were signed")
    return counts, damaged


def _parsed(name: str, digits: str, lines: list[bytes]) -> list[tuple[str, str]]:
    """Entity and bucket of each. These bytes were signed: what is wrong here was wrong then."""
    try:
        rows = orjson.loads(b"[" + b",".join(lines) + b"]")
        xids, pairs = [row[0] for row in rows], [(row[1], row[2]) for row in rows]
    except (ValueError, IndexError, TypeError, KeyError):
        raise _Broken(f"{name}: leaf {digits} holds what is no record") from None
    if not all(before < xid for before, xid in pairwise(xids)):
        raise _Broken(f"{name}: an external id stands twice in leaf {digits}")
    return pairs


# ---------------------------------------------------------------- what it says


def _sum(manifest: Manifest) -> Iterator[CheckLine]:
    said: list[str] = []
    off: list[str] = []
    for entity in manifest.entities:
        held = sum(n for word, n in entity.buckets.items() if word != _LEFT)
        if entity.planned is None:
            continue
        said.append(f"{entity.planned:,} {entity.entity}")
        if entity.planned != held:
            off.append(f"the source counts {entity.planned:,} {entity.entity}, the records are {held:,}")
    # Some systems count what they do not show: the wave's proof told so, and that was signed.
    told = bool(manifest.proof) or not off
    text = "; ".join(off) + (f" (signed so: {manifest.proof})" if off and told else "")
    yield _line("sum", text or f"{', '.join(said)}: each in one bucket", ok=told)
    for word in ("quarantined", "excluded"):
        counted = sum(entity.buckets.get(word, 0) for entity in manifest.entities)
        grouped = sum(group.records for group in manifest.aside if group.bucket == word)
        if counted != grouped:
            yield _line("set aside", f"{counted:,} records are {word}, their causes tell of {grouped:,}")
    if unsettled := sum(entity.buckets.get(w, 0) for entity in manifest.entities for w in ("in_flight", "in_doubt")):
        yield _line("sum", f"{unsettled:,} records were in flight or in doubt: this is no loaded wave")


def _chain(path: Path, manifest: Manifest) -> Iterator[CheckLine]:
    """Each manifest names the one before it: none was taken out, none was put in."""
    links, here, seen = 0, manifest, {path.name}
    while (before := here.previous) is not None:
        if before.file in seen:
            yield _line("chain", f"{before.file} comes before itself")
            return
        seen.add(before.file)
        try:
            read = _manifest(_beside(path, before.file))
        except _Broken as error:
            yield _line("chain", str(error))
            return
        if read.digest != before.digest:
            yield _line("chain", f"{before.file} is not the manifest that came before {here.wave}-{here.number}")
            return
        links, here = links + 1, read.manifest
    yield _line("chain", f"{links} before it" if links else "the first of its migration", ok=True)


def _beside(path: Path, name: str) -> Path:
    if Path(name).name != name:
        raise _Broken(f"it names a file elsewhere: {name}")
    return path.with_name(name)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise _Broken(f"{path.name}: {error.strerror}. {_RESTORE}") from None
    if len(data) > _LARGEST:
        raise _Broken(f"{path.name} is too large to be what it should be")
    return data


def _line(subject: str, detail: str, *, ok: bool = False, hint: str = "") -> CheckLine:
    return CheckLine(system="manifest", subject=subject, ok=ok, detail=detail, hint=hint or ("" if ok else _RESTORE))
