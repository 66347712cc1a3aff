"""How lines of JSONL and rows of CSV are found in a stream of bytes, read and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol

import orjson

from connectors.kit.contract import Fields

_BOM = b"\xef\xbb\xbf"
_LONGEST = 64 * 1024 * 1024  # bytes of one line or row: beyond it, a quote was never closed or it is no such file
csv.field_size_limit(_LONGEST)


class Line(NamedTuple):
    """One line or row: where it lies, its number in the file (from 1), its bytes, and whether its end was seen."""

    offset: int
    number: int
    raw: bytes
    whole: bool


class Unreadable(Exception):
    """A line is no record. The message carries no value."""


class Format(Protocol):
    """JSONL or CSV."""

    appended: bool  # a later line of a key replaces an earlier one

    def lines(self, file: BinaryIO, offset: int, number: int) -> Iterator[Line]:
        """The lines from this offset on, which is the start of line `number`."""

    def parse(self, raw: bytes) -> Fields: ...

    def make(self, fields: Fields) -> bytes:
        """One line, its end included. Unreadable when a value cannot be written so that it can be read again."""


class Jsonl:
    appended = True

    def lines(self, file: BinaryIO, offset: int, number: int) -> Iterator[Line]:
        file.seek(offset)
        while raw := file.readline(_LONGEST):
            length = len(raw)
            if offset == 0 and raw.startswith(_BOM):
                raw, offset, length = raw[3:], 3, length - 3
            if raw.strip():
                yield Line(offset, number, raw, raw.endswith(b"\n"))
            offset += length
            number += 1

    def parse(self, raw: bytes) -> Fields:
        try:
            fields = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Unreadable(f"no JSON at column {error.colno}") from None
        if not isinstance(fields, dict):
            raise Unreadable("no JSON object")
        return fields

    def make(self, fields: Fields) -> bytes:
        try:
            return orjson.dumps(fields) + b"\n"
        except orjson.JSONEncodeError:
            raise Unreadable("a value that JSON cannot hold") from None


class Csv:
    appended = False

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.header: list[str] = []  # known once the first row was read, or by the first write

    def lines(self, file: BinaryIO, offset: int, number: int) -> Iterator[Line]:
        """Rows without the header, which is taken from the first row."""
        file.seek(offset)
        raw, start, first = b"", offset, number
        while piece := file.readline(_LONGEST):
            if offset == 0 and piece.startswith(_BOM):
                piece, offset, start = piece[3:], 3, 3
            quotes = piece.count(b'"')
            inside = quotes % 2 == 0 if raw else quotes > 0 and self._opens(piece)
            raw += piece
            offset += len(piece)
            number += 1
            if inside and len(raw) < _LONGEST:
                continue  # a line break inside quotes
            yield from self._row(Line(start, first, raw, piece.endswith(b"\n")))
            raw, start, first = b"", offset, number
        if raw:
            yield from self._row(Line(start, first, raw, False))

    def _row(self, line: Line) -> Iterator[Line]:
        if not line.raw.strip():
            return
        if self.header:
            yield line
            return
        header = self._cells(line.raw)
        if len(set(header)) < len(header) or "" in header:
            raise Unreadable(f"line {line.number}: the header names a column twice or not at all")
        self.header = header

    def parse(self, raw: bytes) -> Fields:
        cells = self._cells(raw)
        if len(cells) != len(self.header):
            raise Unreadable(f"{len(cells)} cells where the header has {len(self.header)}")
        return dict(zip(self.header, cells, strict=True))

    def _opens(self, line: bytes) -> bool:
        """A quote is open at the end of this first line of a row. (A quote may also be a plain character: 5" disk.)"""
        return not self._fits(line) and self._fits(line + b'"')

    def _fits(self, raw: bytes) -> bool:
        try:
            return len(list(csv.reader([raw.decode(errors="replace")], delimiter=self.delimiter, strict=True))) == 1
        except csv.Error:
            return False

    def _cells(self, raw: bytes) -> list[str]:
        try:
            rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), delimiter=self.delimiter, strict=True))
        except UnicodeDecodeError:
            raise Unreadable("no UTF-8") from None
        except csv.Error:
            raise Unreadable("quotes that do not match") from None
        if len(rows) != 1:
            raise Unreadable("quotes that do not match")
        return rows[0]

    def make(self, fields: Fields) -> bytes:
        return self.row([cell(fields.get(name)) for name in self.header])

    def row(self, cells: Sequence[str]) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        try:
            return out.getvalue().encode()
        except UnicodeEncodeError:
            raise Unreadable("a value that is no Unicode text") from None


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise Unreadable("a value that JSON cannot hold") from None
