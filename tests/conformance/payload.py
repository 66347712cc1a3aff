"""What subjects write."""

from __future__ import annotations

from collections.abc import AsyncIterator

from connectors.kit.contract import Content

SECRET = "CANARY-7f3e9a"  # planted in every value: it must turn up in no message


def xid(number: int) -> str:
    """An external id as the engine makes them: 26 characters of base32."""
    return f"CONFORMANCEXIDENTIFIER{number:04d}".translate(str.maketrans("0189", "XYZW"))


def pieces(data: bytes) -> Content:
    """The bytes in pieces of 50,000."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 50_000):
            yield data[start : start + 50_000]

    return stream
