"""What records held before we wrote over them, so that a rollback can put them back: sealed, and shredded at sign-off.

Each wave has a key of its own (AES-256-GCM), and the ledger holds it only wrapped by the vault's key, which is a
person's, the keyring's, or a file of the folder's. What is sealed is tied to its record: it opens for no other.
Signing a wave off destroys its key, and with it all of its images for good.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.kit.contract import Fields
from connectors.kit.document import encoded
from engine.clock import Clock
from engine.errors import EngineError
from engine.images import Images, Sealed, WaveKey
from engine.premises import made_once
from engine.wire import STATE_FOLDER
from runbooks.migration import Migration
from runbooks.secrets import KEYRING

FILE = "vault.key"
_BYTES = 32
_NONCE = 12
_PAGE = 1_000
_SERVICE = "cutover"


class VaultError(EngineError):
    """An image cannot be sealed or opened; the message says why and what to do. Nothing was written over for it."""


class Image(NamedTuple):
    """A record as it was. `steps` are fields that a step of the status may require."""

    fields: Fields
    status: str = ""
    steps: Fields = {}  # noqa: RUF012  never mutated


class Vault:
    """Seals and opens. `master` gives the vault's key; `True`: make one where there is none yet."""

    def __init__(self, images: Images, clock: Clock, master: Callable[[bool], bytes]) -> None:
        self._images = images
        self._clock = clock
        self._master = master
        self._known: dict[int, AESGCM] = {}  # by the key's id
        self._making = asyncio.Lock()

    async def keep(
        self, wave: int, entity: int, place: str, at: datetime, images: Mapping[str, tuple[str, Image]]
    ) -> set[str]:
        """{key: (id at the target, image)}: durable on return, together with the entries. Gives the keys whose target
        is theirs; of the others it belongs to another record."""
        key = await self._key_of(wave)
        cipher = self._unwrapped(key)
        rows = []
        for record, (target, image) in images.items():
            nonce = self._clock.secret(_NONCE)
            plain = orjson.dumps([*image], default=encoded)
            sealed = cipher.encrypt(nonce, plain, _about(entity, record, target))
            rows.append((record, target, base64.b64encode(nonce + sealed).decode()))
        await self._images.keep(wave, entity, place, at, key.id, rows)
        taken = await self._images.taken(entity, list(images))
        return {record for record, (target, _) in images.items() if record in taken and taken[record].target == target}

    async def open(self, entity: int, keys: Sequence[str]) -> dict[str, Image]:
        """The images of these records; of those that were shredded, none. VaultError when one does not open."""
        return {one.key: self._opened(one) for one in await self._images.sealed(entity, keys)} if keys else {}

    async def flaw(self, wave: int) -> str:
        """Why not every image of this wave's records can be opened; empty when all can. Looks at each."""
        after = (0, "")
        try:
            while page := await self._images.page(wave, after, _PAGE):
                after = (page[-1].entity, page[-1].key)
                for one in page:
                    self._opened(one)
        except VaultError as error:
            return str(error)
        return ""

    # ------------------------------------------------------------ keys

    async def _key_of(self, wave: int) -> WaveKey:
        async with self._making:
            key = await self._images.key(wave)
            if key is not None:
                return key
            number = int.from_bytes(self._clock.secret(7), "big")
            secret = self._clock.secret(_BYTES)
            nonce = self._clock.secret(_NONCE)
            wrapped = nonce + AESGCM(self._master(True)).encrypt(nonce, secret, _whose(wave, number))
            key = WaveKey(number, wave, base64.b64encode(wrapped).decode())
            await self._images.keep_key(key)
            self._known[number] = AESGCM(secret)
            return key

    def _unwrapped(self, key: WaveKey) -> AESGCM:
        if key.id not in self._known:
            try:
                raw = base64.b64decode(key.wrapped, validate=True)
                secret = AESGCM(self._master(False)).decrypt(raw[:_NONCE], raw[_NONCE:], _whose(key.wave, key.id))
            except (InvalidTag, ValueError):
                raise VaultError(
                    "The key of the vault is not the one that the before-images were sealed with. Put that one back: "
                    f"`vault` in migration.yaml says where it is, {STATE_FOLDER}/{FILE} where it says nothing."
                ) from None
            self._known[key.id] = AESGCM(secret)
        return self._known[key.id]

    def _opened(self, one: Sealed) -> Image:
        cipher = self._unwrapped(one.by)
        try:
            raw = base64.b64decode(one.sealed, validate=True)
            plain = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _about(one.entity, one.key, one.target))
        except (InvalidTag, ValueError):
            raise VaultError(
                f"The before-image of the record {one.key} is damaged or was changed: it does not open, and nothing is "
                "restored from it. Restore the ledger from a copy."
            ) from None
        return Image(*orjson.loads(plain))


def _about(entity: int, key: str, target: str) -> bytes:
    return orjson.dumps(["image", entity, key, target])


def _whose(wave: int, number: int) -> bytes:
    return orjson.dumps(["wave key", wave, number])


def master_of(migration: Migration, clock: Clock) -> Callable[[bool], bytes]:
    """The vault's key, from where the migration says; asked for only when an image is sealed or opened."""

    def master(make: bool) -> bytes:
        if migration.vault is None:
            path = migration.folder / STATE_FOLDER / FILE
            if not (make or path.exists()):
                raise VaultError(f"The key of the vault is gone: {path}. Put it back; nothing is restored without it.")
            path.parent.mkdir(mode=0o700, exist_ok=True)
            return _whole(made_once(path, clock))
        if migration.vault == KEYRING:
            return _of_keyring(migration.name, clock, make=make)
        return _spelled(migration.resolve_vault())

    return master


def _of_keyring(name: str, clock: Clock, *, make: bool) -> bytes:
    try:
        keyring: Any = import_module("keyring")
    except ImportError:
        raise VaultError(
            "migration.yaml keeps the vault's key in the keyring, and the library keyring is not installed. Type: "
            "pip install keyring. Or name a file: vault: ${file:vault.key}"
        ) from None
    try:
        text = keyring.get_password(_SERVICE, name)
        if text is None and make:
            text = clock.secret(_BYTES).hex()
            keyring.set_password(_SERVICE, name, text)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own, and none may tell the key
        raise VaultError(f"The keyring does not answer ({type(error).__name__}). Unlock it, then try again.") from None
    if text is None:
        raise VaultError(f"The keyring has no key of the vault: service {_SERVICE}, user {name}. Put it back there.")
    return _spelled(text)


def _spelled(text: str) -> bytes:
    """A key as people keep it: 64 hexadecimal digits, or base64."""
    for read in (bytes.fromhex, lambda given: base64.b64decode(given, validate=True)):
        try:
            key = read(text.strip())
        except (ValueError, binascii.Error):
            continue
        if len(key) == _BYTES:
            return key
    raise VaultError(
        "The key of the vault must be 32 bytes, as 64 hexadecimal digits or in base64. Make one: openssl rand -hex 32"
    )


def _whole(key: bytes) -> bytes:
    if len(key) != _BYTES:
        raise VaultError(f"{STATE_FOLDER}/{FILE} is no key of a vault: 32 bytes were expected. Put the right one back.")
    return key
