"""One YAML file as plain values that remember where they stood.

Values are read as YAML 1.2 has them (`no` is text), with fewer surprises: no tags, no merge keys, no duplicate keys,
no dates, keys are text. Built from the parser's events, so that depth and the growth by aliases are bounded here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamStartEvent,
)

from runbooks.errors import LoadError, Problem

LARGEST_FILE = 1_000_000  # bytes
LARGEST_TREE = 200_000  # values, aliases counted by what they stand for
DEEPEST = 60
MOST_PROBLEMS = 100  # nobody reads more of one file

_NULL = re.compile(r"(~|null|Null|NULL)?\Z")
_BOOLEAN = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_BASED = re.compile(r"0(o[0-7]+|x[0-9a-fA-F]+)\Z")
_PADDED = re.compile(r"[-+]?0[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_OLD_BOOLEAN = re.compile(r"(yes|no|on|off)\Z", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff\x00]")
_INT64 = 2**63

Loc = tuple[str | int, ...]
"""The way from a file's top to a value: keys, and positions in lists from 0."""


@dataclass(slots=True)
class Node:
    """A value, where it stands (from 1), and what is in it."""

    value: Any
    line: int
    column: int
    size: int = 1
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str | int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read. `file` is its name as people see it."""

    file: str
    root: Node = field(repr=False)
    warnings: tuple[Problem, ...] = ()

    def problem(self, loc: Loc, text: str, *, key: str = "") -> Problem:
        """A problem with the value at `loc`, or with its key `key`."""
        node = self._nearest(loc)[0]
        line, column = node.keys.get(key, (node.line, node.column))
        return Problem(self.file, line, column, text)

    def where(self, loc: Loc) -> str:
        """`file:line:column` of a value: where a scalar stands, or where the key of a mapping or list stands."""
        node, key = self._nearest(loc)
        line, column = key if node.children and key else (node.line, node.column)
        return f"{self.file}:{line}:{column}"

    def _nearest(self, loc: Loc) -> tuple[Node, tuple[int, int] | None]:
        # Steps that the file does not have are skipped: models have layers of their own (a status' `rule`).
        node, key = self.root, None
        for step in loc:
            if step in node.children:
                node, key = node.children[step], node.keys.get(step)
        return node, key


def read(path: Path, file: str) -> Document:
    """Read one file. Raises LoadError with everything that is wrong with it as YAML."""
    text = _text(path, file)
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        _stop(file, line, column, f"the character U+{ord(bad.group()):04X} is not allowed in YAML; take it out")
    builder = _Builder(file)
    root = builder.document(text)
    if builder.problems:
        raise LoadError(builder.problems)
    if root is None or root.value is None:
        _stop(file, 1, 1, "the file is empty; see `cutover schema` for what belongs in it")
    return Document(file, root, tuple(builder.warnings))


def _stop(file: str, line: int, column: int, text: str) -> NoReturn:
    raise LoadError([Problem(file, line, column, text)])


def is_there(path: Path) -> bool:
    """Whether there is anything at this path; a path that cannot be is none."""
    try:
        return path.exists()
    except OSError:
        return False


def _text(path: Path, file: str) -> str:
    try:
        if path.is_dir():
            _stop(file, 1, 1, "this is a folder; expected a YAML file")
        if path.exists() and not path.is_file():
            _stop(file, 1, 1, "this is not a regular file; expected a YAML file")
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        near = sorted(each.name for each in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        _stop(file, 1, 1, "there is no such file" + (f"; its folder has {', '.join(near)}" if near else ""))
    except OSError as error:
        _stop(file, 1, 1, f"the file cannot be read: {error.strerror}")
    if len(data) > LARGEST_FILE:
        _stop(file, 1, 1, f"the file is larger than {LARGEST_FILE:,} bytes; split it into several playbooks")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        _stop(file, line, column, "this byte is not UTF-8; save the file as UTF-8")


class _Builder:
    """From events to nodes; collects what can be passed over, stops at what cannot.

    Sentences name no value, tag or alias: a password that was written unquoted may look like any of them.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._anchors: dict[str, Node | None] = {}  # None: still being read
        self._events: Iterator[Event] = iter(())

    def document(self, text: str) -> Node | None:
        """The file's one document; None when there is nothing in it."""
        try:
            self._events = iter(YAML(typ="safe", pure=True).parse(text))
            root: Node | None = None
            for event in self._events:
                if isinstance(event, DocumentStartEvent):
                    if root is not None:
                        self._stop(event, "a second document starts here; keep one document to a file")
                    root = self._node(next(self._events), 0)
                elif not isinstance(event, StreamStartEvent | DocumentEndEvent):
                    break
            return root
        except MarkedYAMLError as error:
            line, column, sentence = _explain(error)
            _stop(self.file, line, column, sentence)
        except (YAMLError, ValueError, OverflowError, AttributeError, AssertionError, LookupError, TypeError) as error:
            # The parser trips over some broken input instead of judging it.
            _stop(self.file, 1, 1, f"the file is not YAML ({type(error).__name__} while reading it)")

    def _stop(self, event: Event, text: str) -> NoReturn:
        raise LoadError([*self.problems, self._problem(event, text)])

    def _problem(self, event: Event, text: str) -> Problem:
        return Problem(self.file, event.start_mark.line + 1, event.start_mark.column + 1, text)

    def _node(self, event: Event, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event)
        assert isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent)  # the parser's grammar
        if event.ctag is not None:
            self.problems.append(
                self._problem(event, "tags are not taken; write the plain value, in quotes when it begins with '!'")
            )
        if len(self.problems) >= MOST_PROBLEMS:
            raise LoadError(self.problems)
        if depth > DEEPEST:
            self._stop(event, f"nested deeper than {DEEPEST} levels; nothing in a migration needs that")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = Node(None, event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, ScalarEvent):
            node.value = self._scalar(event)
        elif isinstance(event, SequenceStartEvent):
            self._sequence(node, depth)
        else:
            self._mapping(node, depth)
        if node.size > LARGEST_TREE:
            self._stop(event, f"more than {LARGEST_TREE:,} values, aliases counted by what they stand for")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            self._stop(event, "this alias has no anchor before it; put the value in quotes when it begins with '*'")
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, "this alias stands inside what it names")
        return replace(node, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def _sequence(self, node: Node, depth: int) -> None:
        node.value = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            self._add(node, len(node.value), self._node(event, depth + 1), event)
            node.value.append(node.children[len(node.value)].value)

    def _mapping(self, node: Node, depth: int) -> None:
        node.value = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, depth)
            child = self._node(next(self._events), depth + 1)
            if key is None:
                continue
            if key in node.children:
                first = node.keys[key][0]
                self.problems.append(self._problem(event, f"the key '{key}' is here twice (first in line {first})"))
                continue
            self._add(node, key, child, event)
            node.keys[key] = (event.start_mark.line + 1, event.start_mark.column + 1)
            node.value[key] = child.value

    def _add(self, node: Node, step: str | int, child: Node, event: Event) -> None:
        node.children[step] = child
        node.size += child.size
        if node.size > LARGEST_TREE:
            self._stop(event, f"more than {LARGEST_TREE:,} values, aliases counted by what they stand for")

    def _key(self, event: Event, depth: int) -> str | None:
        if not isinstance(event, ScalarEvent):
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._node(event, depth + 1)  # read past it
            self.problems.append(
                self._problem(event, "expected a key that is text, found a list, a mapping or an alias")
            )
            return None
        if event.ctag is not None:
            self.problems.append(self._problem(event, "tags are not taken; write the plain key"))
        if event.anchor is not None:
            self._anchors[event.anchor] = Node(str(event.value), event.start_mark.line + 1, event.start_mark.column + 1)
        key = str(event.value)
        if _plain(event):
            if key == "<<":
                text = "merge keys are not taken; write the keys out, or alias the whole value"
                self.problems.append(self._problem(event, text))
                return None
            if _BOOLEAN.match(key) or _NULL.match(key):
                kind = "a boolean" if _BOOLEAN.match(key) else "nothing"
                text = f"the key {key or 'here'} is {kind} in YAML; expected text" + (f': write "{key}"' if key else "")
                self.problems.append(self._problem(event, text))
                return None
            self._tell_old_boolean(event, key)
        return self._sound(event, key)

    def _scalar(self, event: ScalarEvent) -> Any:
        text = str(event.value)
        if not _plain(event):
            return self._sound(event, text)
        if _NULL.match(text):
            return None
        if _BOOLEAN.match(text):
            return text.lower() == "true"
        if _INT.match(text) or _BASED.match(text):
            return self._number(event, text)
        if _PADDED.match(text):
            return self._refuse(event, "a number with a leading zero; put it in quotes for text, or take the zero away")
        if _FLOAT.match(text) or _NOT_FINITE.match(text):
            number = math.nan if _NOT_FINITE.match(text) else float(text)
            return (
                number
                if math.isfinite(number)
                else self._refuse(event, "infinity and NaN are no numbers here; put it in quotes for text")
            )
        self._tell_old_boolean(event, text)
        return self._sound(event, text)

    def _number(self, event: ScalarEvent, text: str) -> int:
        # Digits are counted first: int() itself refuses thousands of them.
        number = int(text, 0) if len(text) <= 20 else _INT64
        if not -_INT64 <= number < _INT64:
            return int(self._refuse(event, "the number is larger than 64 bits; write it in quotes, as text"))
        return number

    def _sound(self, event: ScalarEvent, text: str) -> str:
        return (
            str(self._refuse(event, "NUL and lone surrogates are not text; take them out"))
            if _SURROGATE.search(text)
            else text
        )

    def _refuse(self, event: ScalarEvent, text: str) -> int:
        self.problems.append(self._problem(event, text))
        return 0

    def _tell_old_boolean(self, event: ScalarEvent, text: str) -> None:
        if _OLD_BOOLEAN.match(text):
            value = "true" if text.lower() in ("yes", "on") else "false"
            sentence = f'{text} is the text "{text}" here, no boolean; write "{text}" if that is meant, else {value}'
            self.warnings.append(self._problem(event, sentence))


def _plain(event: ScalarEvent) -> bool:
    return not event.style


def _explain(error: MarkedYAMLError) -> tuple[int, int, str]:
    """Line, column and a sentence for what the parser says about broken YAML."""
    mark = error.problem_mark or error.context_mark
    problem, context = str(error.problem or ""), str(error.context or "")
    if "quoted scalar" in context and "end of stream" in problem and error.context_mark:
        mark, sentence = error.context_mark, "this quote is never closed"
    elif "'\\t'" in problem or "tab" in problem.lower():
        sentence = "a tab stands here; YAML indents with spaces"
    elif "mapping values are not allowed" in problem:
        sentence = "a ': ' that cannot stand here; quote the value, or mend the indentation"
    elif "could not find expected ':'" in problem:
        sentence = "expected 'key: value'; the ':' is missing, or the indentation is off"
    elif problem.startswith("expected <block end>"):
        sentence = "the indentation is off: this belongs to no block above it"
    elif "cannot start any token" in problem:
        sentence = "a plain value cannot start so; put it in quotes"
    elif "found '{'" in problem or "got '{'" in problem:
        sentence = "a '{' that cannot stand here; inside braces, write \"${env:NAME}\" and the like in quotes"
    elif "end of stream" in problem or "<stream end>" in problem:
        sentence = f"the file ends too early ({context})" if context else "the file ends too early"
    else:
        sentence = "not YAML: " + problem + (f" ({context})" if context else "")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return line, column, sentence
