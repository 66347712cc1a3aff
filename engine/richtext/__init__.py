"""Rich text: plain, HTML, ServiceNow journal, Markdown, Jira wiki markup and ADF, each to each through ADF.

`converter(source, target)` gives one function. It takes the value as the source wrote it (text; for ADF a mapping or
its JSON) and returns text, or a document for ADF. It raises `TextError`, whose message never holds any of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from engine.richtext import adf, html_reader, html_writer, journal, markdown_reader, markdown_writer, plain, wiki_reader
from engine.richtext.builder import Node
from engine.richtext.text import LIMIT, TextError

__all__ = ["LIMIT", "READERS", "TextError", "converter", "encoder", "writer"]

READERS: dict[str, Callable[[Any], Node]] = {
    "plain": plain.read,
    "html": html_reader.read,
    "journal": journal.read,
    "markdown": markdown_reader.read,
    "wiki": wiki_reader.read,
    "adf": adf.read,
}


def writer(target: str) -> Callable[[Node], Any]:
    """From a document to the target's way of writing."""
    if target == "adf":
        return lambda doc: doc
    if target == "plain":
        return plain.write
    write = {"html": html_writer.write, "markdown": markdown_writer.write, "journal": journal.write}[target]
    return lambda doc: write(adf.read(doc))


def encoder(source: str) -> Callable[[Any], bytes]:
    """From the source's way of writing to the JSON of a document."""
    if source == "plain":
        return plain.encode
    read = READERS[source]
    return lambda value: orjson.dumps(read(value))


def converter(source: str, target: str) -> Callable[[Any], Any]:
    """From the source's way of writing to the target's."""
    read, write = READERS[source], writer(target)
    if target == "adf":
        return read
    if source == "adf" and target == "plain":
        return lambda value: plain.write(adf.load(value))
    return lambda value: write(read(value))
