"""A multipart form with one file, streamed: the file never lies in memory as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from connectors.kit.contract import Clock, Content
from connectors.kit.streams import opened


def multipart(
    fields: Mapping[str, str],
    content: Content,
    *,
    file_field: str,
    file_name: str,
    content_type: str = "application/octet-stream",
    clock: Clock,
) -> tuple[dict[str, str], Content]:
    """The headers and the body: fields first, the file last. The body may be opened again for a resend."""
    boundary = f"cutover-{int(clock.random() * 2**53):014x}{int(clock.random() * 2**53):014x}"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(file_field)}"; '
        f'filename="{_quoted(file_name)}"\r\nContent-Type: {_one_line(content_type)}\r\n\r\n'
    )

    async def body() -> AsyncIterator[bytes]:
        yield head.encode()
        async with opened(content) as pieces:
            async for piece in pieces:
                yield piece
        yield f"\r\n--{boundary}--\r\n".encode()

    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def _quoted(text: str) -> str:
    """As browsers do it (WHATWG): a quote or a line break in a file name must not end the header."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "") or "application/octet-stream"
