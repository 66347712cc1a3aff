"""Expressions (CEL) for what no rule says: checked and bounded when the playbook is loaded, sandboxed when they run.

What an expression may use
- Source fields by name, references with dots (`assignment_group.name`); a field that is missing is "", null stays null.
- CEL itself: == != < <= > >= && || ! + - * / % in ?: [] {} int() double() string() size() timestamp() duration()
  startsWith() endsWith() contains() matches() has(), and the macros all, exists, exists_one, map, filter.
- `has(field)`: whether the field holds anything ("" and null count as nothing).
- text.lower(), .upper(), .trim(), .split(separator), .replace(old, new); list.join(separator), .first(), .last(), where
  `first` and `last` of nothing are "".

Bounds (an expression has no clock of its own, so its work is bounded before it starts)
- 2,000 characters, brackets 24 deep, 32 additions; at most two macros, none inside another, 2 additions inside them,
  and 100 commas where there is a macro, 8 of them inside one.
- `matches` takes a literal pattern of at most 200 characters, at most twice, never inside a macro.
- Values handed in: 131,072 characters and 1,000 items in all (with a macro 32,768 and 100), nested at most 6 deep.
- The result is text, a number, a boolean, null, or a list or map of these, within the same bounds.
Whole numbers beyond 64 bits and decimals are handed in as text, because CEL would silently round them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cel

Getter = Callable[[Mapping[str, Any]], Any]

# The binding logs what a function raises, and CEL's own messages hold values: neither may reach a log.
logging.getLogger("cel").addHandler(logging.NullHandler())
logging.getLogger("cel").propagate = False

_MAX_SOURCE = 2_000
_MAX_BRACKETS = 24
_MAX_ADDITIONS = 32
_MAX_ADDITIONS_IN_MACROS = 2
_MAX_MACROS = 2
_MAX_COMMAS_WITH_MACROS = 100
_MAX_COMMAS_IN_MACROS = 8
_MAX_PATTERN = 200
_MAX_REPEAT = 50
_MAX_MATCHES = 2
_MAX_DEPTH = 6
_MAX_INT = 2**63

_TOKEN = re.compile(
    r"(?P<blank>\s+|//[^\n]*)"
    r"|(?P<string>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<path>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
    r"|(?P<number>\d[\w.]*)"
    r"|(?P<sign>[\[\](){}.,?:+*/%!<>=&|-])",
    re.DOTALL | re.ASCII,
)
_MACROS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter"))
_WORDS = frozenset(("true", "false", "null", "in"))
_NATIVE = frozenset(
    {"int", "uint", "double", "string", "bytes", "size", "timestamp", "duration", "type", "startsWith", "endsWith"}
    | {"contains", "matches", "has", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"}
    | {"getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
_HAS = re.compile(r"\bhas(?=\s*\()")
_POSITION = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)")
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")


class ExpressionError(ValueError):
    """An expression cannot be used; `line` and `column` (from 1) are places in the expression."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{message} (line {line}, column {column} of the expression)")


class ExpressionFailed(Exception):
    """An expression failed on a record. The message names the kind of failure and holds no value."""


# ---------------------------------------------------------------- what is offered beyond CEL


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, before, after = _text(text), _text(old), _text(new)
    if len(whole) + whole.count(before) * len(after) > 131_072:
        raise ValueError("the result is too long")
    return whole.replace(before, after)


def _joined(items: Any, separator: Any) -> str:
    parts = [_text(item) for item in items]
    if sum(map(len, parts)) + len(parts) * len(_text(separator)) > 131_072:
        raise ValueError("the result is too long")
    return _text(separator).join(parts)


def _splitter(limit: int) -> Callable[[Any, Any], list[str]]:
    def split(text: Any, separator: Any) -> list[str]:
        parts = _text(text).split(_text(separator), limit)
        if len(parts) > limit:
            raise ValueError("too many parts")
        return parts

    return split


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lower": lambda text: _text(text).lower(),
    "upper": lambda text: _text(text).upper(),
    "trim": lambda text: _text(text).strip(),
    "replace": _replace,
    "join": _joined,
    "first": lambda items: items[0] if items else "",
    "last": lambda items: items[-1] if items else "",
}


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of ours for CEL: what it raises names the kind of error, never a value."""

    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001
            raise ValueError(type(error).__name__) from None

    return guarded


# ---------------------------------------------------------------- loading


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `fields` are the source fields it reads; calling it with their getters' record runs it."""

    source: str
    fields: tuple[str, ...]
    run: Callable[[Mapping[str, Any]], Any]


@dataclass(slots=True)
class _Scan:
    """What one pass over the tokens finds."""

    out: list[str]
    fields: dict[str, str]  # field: the variable it is handed in as
    macros: int = 0
    matches: int = 0
    commas: int = 0
    commas_in_macros: int = 0
    additions: int = 0
    additions_in_macros: int = 0


def compile_expression(source: str, getter: Callable[[str], Getter]) -> Expression:
    """Check an expression and make it runnable. `getter` gives the way to read one field of a record.

    Raises ExpressionError, with the place in the expression, for what is wrong or beyond the bounds.
    """
    if len(source) > _MAX_SOURCE:
        raise ExpressionError(f"the expression has {len(source)} characters; at most {_MAX_SOURCE} are allowed")
    try:
        cel.compile(_HAS.sub("hax", source))  # CEL's own `has` takes no plain field; ours does
    except ValueError as error:
        raise _syntax_error(str(error)) from None
    scan = _scan(source)
    try:
        program = cel.compile("".join(scan.out))
    except ValueError as error:
        raise _syntax_error(str(error)) from None
    _check_functions(program, source)
    readers = tuple((name, getter(field)) for field, name in scan.fields.items())
    bounds = (32_768, 100) if scan.macros else (131_072, 1_000)
    functions = {**_FUNCTIONS, "split": _splitter(bounds[1])}
    used = set(program.functions())
    offered = {name: _quiet(function) for name, function in functions.items() if name in used}
    return Expression(source, tuple(scan.fields), _runner(program, offered, readers, bounds))


def _syntax_error(message: str) -> ExpressionError:
    found = _POSITION.search(message)
    if found is None:
        return ExpressionError("not an expression")
    what = re.sub(r" expecting \{.*", "", found[3]).strip()
    return ExpressionError(what, int(found[1]), int(found[2]))


def _place(source: str, offset: int) -> tuple[int, int]:
    return source.count("\n", 0, offset) + 1, offset - source.rfind("\n", 0, offset)


def _scan(source: str) -> _Scan:
    """Find the fields, give each a plain variable, and count what costs."""
    scan = _Scan([], {})
    bound: list[tuple[int, str]] = []  # variables of open macros: (bracket depth, name)
    depth = at = macro_depth = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise ExpressionError("unexpected character", *_place(source, at))
        token, here = found[0], _place(source, at)
        follows = source[found.end() :].lstrip()[:1]
        after_dot = bool(scan.out) and "".join(scan.out[-2:]).rstrip().endswith(".")
        at = found.end()
        if found["path"]:
            at, token, macro = _path(scan, found, source, after_dot, follows, {name for _, name in bound}, here)
            if macro:
                if macro_depth:
                    raise ExpressionError("a macro inside a macro has no time bound", *here)
                macro_depth = depth + 1
                bound.append((macro_depth, _bound_name(source, at, here)))
        elif found["sign"]:
            if token in "([{":
                depth += 1
                if depth > _MAX_BRACKETS:
                    raise ExpressionError(f"brackets more than {_MAX_BRACKETS} deep", *here)
            elif token in ")]}":
                if depth == macro_depth:
                    macro_depth = 0
                bound = [entry for entry in bound if entry[0] < depth]
                depth -= 1
            elif token == ",":
                scan.commas += 1
                scan.commas_in_macros += bool(macro_depth)
            elif token == "+":
                scan.additions += 1
                scan.additions_in_macros += bool(macro_depth)
                if scan.additions > _MAX_ADDITIONS or scan.additions_in_macros > _MAX_ADDITIONS_IN_MACROS:
                    raise ExpressionError("too many additions", *here)
        if scan.matches and macro_depth and "matches" in token:
            raise ExpressionError("'matches' inside a macro has no time bound; use startsWith or contains", *here)
        scan.out.append(token)
    if scan.commas_in_macros > _MAX_COMMAS_IN_MACROS or (scan.macros and scan.commas > _MAX_COMMAS_WITH_MACROS):
        raise ExpressionError("a list too long for an expression with a macro")
    return scan


def _path(
    scan: _Scan,
    found: re.Match[str],
    source: str,
    after_dot: bool,
    follows: str,
    bound: set[str],
    here: tuple[int, int],
) -> tuple[int, str, bool]:
    """One dotted name: a field, a method on one, a function, a word. Returns (end, what to write, is it a macro)."""
    names = re.split(r"\s*\.\s*", found[0])
    calls = follows == "("
    method = names[-1] if calls else ""
    macro = calls and method in _MACROS and (len(names) > 1 or after_dot)
    if macro:
        scan.macros += 1
        if scan.macros > _MAX_MACROS:
            raise ExpressionError(f"more than {_MAX_MACROS} macros", *here)
    if method == "matches":
        scan.matches += 1
        _check_pattern(scan, source, found.end(), here)
    if calls and method == "has" and len(names) == 1 and not after_dot:
        return (*_has(scan, source, found.end(), here), False)
    path = names[:-1] if calls else names
    if after_dot or not path or path[0] in bound or (len(path) == 1 and path[0] in _WORDS):
        return found.end(), found[0], macro
    variable = scan.fields.setdefault(".".join(path), f"f{len(scan.fields)}_")
    return found.end(), f"{variable}.{method}" if calls else variable, macro


def _has(scan: _Scan, source: str, at: int, here: tuple[int, int]) -> tuple[int, str]:
    """`has(field)`, as whether the field holds anything."""
    inside = re.compile(r"\s*\(\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\)", re.ASCII).match(source, at)
    if inside is None:
        raise ExpressionError("'has' takes one source field", *here)
    variable = scan.fields.setdefault(inside[1], f"f{len(scan.fields)}_")
    return inside.end(), f'!({variable} in [null, "", [], {{}}])'


def _bound_name(source: str, at: int, here: tuple[int, int]) -> str:
    name = re.compile(r"\s*\(\s*([A-Za-z_]\w*)\s*,", re.ASCII).match(source, at)
    if name is None:
        raise ExpressionError("a macro begins with the name of its variable", *here)
    return name[1]


def _check_pattern(scan: _Scan, source: str, at: int, here: tuple[int, int]) -> None:
    pattern = re.compile(r"\s*\(\s*([rR]?(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))\s*\)").match(source, at)
    if pattern is None or len(pattern[1]) > _MAX_PATTERN:
        raise ExpressionError(f"'matches' takes a literal pattern of at most {_MAX_PATTERN} characters", *here)
    repeats = [int(number) for pair in _REPEAT.findall(pattern[1]) for number in pair if number]
    if scan.matches > _MAX_MATCHES or len(repeats) > 2 or any(number > _MAX_REPEAT for number in repeats):
        raise ExpressionError(f"'matches' at most {_MAX_MATCHES} times, repeats at most {_MAX_REPEAT}", *here)
    try:
        cel.evaluate(f"''.matches({pattern[1]})")
    except RuntimeError:
        raise ExpressionError("not a valid pattern", *here) from None


def _check_functions(program: Any, source: str) -> None:
    for name in program.functions():
        if name.isidentifier() and name not in _NATIVE and name not in _FUNCTIONS and name != "split":
            offset = max(0, source.find(name))
            raise ExpressionError(f"unknown function '{name}'", *_place(source, offset))


# ---------------------------------------------------------------- running


def _runner(
    program: Any, functions: Mapping[str, Any], readers: tuple[tuple[str, Getter], ...], bounds: tuple[int, int]
) -> Callable[[Mapping[str, Any]], Any]:
    execute = program.execute

    def run(record: Mapping[str, Any]) -> Any:
        budget = list(bounds)
        try:
            values = {name: _handed_in(read(record), budget, 0) for name, read in readers}
            values.update(functions)
            return _handed_out(execute(values), list(_RESULT_BOUNDS), 0)
        except ExpressionFailed:
            raise
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of the evaluator is no Exception
            raise ExpressionFailed(type(error).__name__) from None

    return run


_RESULT_BOUNDS = (131_072, 1_000)


def _spend(budget: list[int], characters: int, items: int) -> None:
    budget[0] -= characters
    budget[1] -= items
    if budget[0] < 0 or budget[1] < 0:
        raise ExpressionFailed("value too large for an expression")


def _handed_in(value: Any, budget: list[int], depth: int) -> Any:
    if isinstance(value, str):
        _spend(budget, len(value), 0)
        return value if value.isascii() else value.encode("utf-8", "ignore").decode()
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -_MAX_INT <= value < _MAX_INT else str(value)
    if depth >= _MAX_DEPTH:
        raise ExpressionFailed("value nested too deeply for an expression")
    if isinstance(value, list | tuple):
        _spend(budget, 0, len(value))
        return [_handed_in(item, budget, depth + 1) for item in value]
    if isinstance(value, dict):
        _spend(budget, 0, len(value))
        return {str(key): _handed_in(item, budget, depth + 1) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _handed_out(value: Any, budget: list[int], depth: int) -> Any:
    if isinstance(value, str):
        _spend(budget, len(value), 0)
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if depth < _MAX_DEPTH and isinstance(value, list):
        _spend(budget, 0, len(value))
        return [_handed_out(item, budget, depth + 1) for item in value]
    if depth < _MAX_DEPTH and isinstance(value, dict):
        _spend(budget, 0, len(value))
        return {str(key): _handed_out(item, budget, depth + 1) for key, item in value.items()}
    raise ExpressionFailed(f"an expression makes no {type(value).__name__}")
