"""Which of two large sets differ, from a hash of each key and a digest of each record: 16 bytes a record and side.

Hashed keys fall into buckets of about equal size. A bucket whose count and sums agree is clean and costs one look;
only the others are gone through record by record.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_BUCKETS = 4096


class Set(NamedTuple):
    """Records of one side: hashes of keys, and of what stands under each, in one order."""

    keys: Hashes
    digests: Hashes


class Unlike(NamedTuple):
    """Places in the one set or the other: what only one has, what differs, what comes twice in the right one."""

    only_left: NDArray[np.intp]
    only_right: NDArray[np.intp]
    differing: NDArray[np.intp]  # places in the right set
    again: NDArray[np.intp]  # places in the right set of second and further records with one key


def hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def gathered(pairs: Iterable[tuple[int, int]], size: int) -> Set:
    """From `size` pairs of (hash of a key, digest)."""
    flat = np.fromiter(chain.from_iterable(pairs), np.uint64, count=size * 2).reshape(size, 2)
    return Set(flat[:, 0].copy(), flat[:, 1].copy())


def compare(left: Set, right: Set) -> Unlike:
    """What differs between them. The left set has every key once."""
    suspect = _suspect(left, right)
    mine, theirs = np.flatnonzero(suspect[_bucket(left.keys)]), np.flatnonzero(suspect[_bucket(right.keys)])
    mine, theirs = mine[np.argsort(left.keys[mine])], theirs[np.argsort(right.keys[theirs], kind="stable")]
    have, want = left.keys[mine], right.keys[theirs]
    again = np.zeros(len(want), bool)
    again[1:] = want[1:] == want[:-1]
    place = np.searchsorted(have, want)
    known = np.zeros(len(want), bool)
    inside = place < len(have)
    known[inside] = have[place[inside]] == want[inside]
    differing = np.zeros(len(want), bool)
    differing[known] = left.digests[mine[place[known]]] != right.digests[theirs[known]]
    met = np.zeros(len(have), bool)
    met[place[known]] = True
    return Unlike(mine[~met], theirs[~known & ~again], theirs[differing & ~again], theirs[again])


def _bucket(keys: Hashes) -> NDArray[np.intp]:
    return (keys >> np.uint64(64 - 12)).astype(np.intp)


def _suspect(left: Set, right: Set) -> NDArray[np.bool_]:
    """Buckets whose counts or sums differ. Sums wrap around, alike on both sides."""
    one, other = _sums(left), _sums(right)
    unlike: NDArray[np.bool_] = (one[0] != other[0]) | (one[1] != other[1]) | (one[2] != other[2])
    return unlike


def _sums(side: Set) -> tuple[NDArray[np.intp], Hashes, Hashes]:
    buckets = _bucket(side.keys)
    keys, mixed = np.zeros(_BUCKETS, np.uint64), np.zeros(_BUCKETS, np.uint64)
    np.add.at(keys, buckets, side.keys)
    # Key and digest together: two records that swapped what stands under them must not cancel out.
    np.add.at(
        mixed, buckets, (side.keys ^ (side.digests * np.uint64(0x9E3779B97F4A7C15))) * (side.digests | np.uint64(1))
    )
    return np.bincount(buckets, minlength=_BUCKETS), keys, mixed
