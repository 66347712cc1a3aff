"""Connector `file`: a folder of JSONL and CSV files, one for each entity.

`connection.url` is a folder: `file:///data/export`, or a path relative to the migration folder. The entity
`incident` is `incident.jsonl` or `incident.csv`; with `.gz` it can be read, not written. Options: see `options`.

As a source. Files of any size are streamed: only keys and offsets are kept in memory, about 40 bytes a record.
- JSONL: one object a line; the last line of a key wins, `{"id": KEY, "_deleted": true}` removes it. Lines appended
  later are a change feed (LOG).
- CSV: a header, then rows; quoted fields may hold line breaks. Two rows with one key are an error. No feed: sweep it.
- A line that cannot be read stops everything, and is named. A torn last line (no line end, not whole) is not there yet.
- Versions are the field that the option `version` names. Without it they are the file's modification time and the
  line's offset: they grow with every append and with every export that replaces the file, and may grow without an edit.

As a target. JSONL: each create or update appends one whole line, on disk (fsync) before the answer; the external id is
the key, so that sending again is harmless (NATIVE). CSV: the first call fixes the header; rows are only ever added (no
updates, no deletes), so that nothing written can be lost. A torn last line is moved to `FILE.torn` when a file is first
written to. One process writes a file at a time. Attachments are files named by their SHA-256 in `ENTITY.files/`.

Attachments: the field `content` (an option) holds the path of the file inside the folder, `size` its bytes, if any.

People: `people.jsonl` or `people.csv` (id, email) when it is there; without it an address stands for itself.
"""

from connectors.file.connector import Files, connect

__all__ = ["Files", "connect"]
