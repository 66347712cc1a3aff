"""Gates: sentences over facts, such as `quarantined <= 5 && waves.pilot.state == "awaiting_sign_off"`.

A gate is a small part of CEL: facts, numbers, "text", true, false; == != < <= > >= in [...]; && || ! ( ); and + - *
between whole numbers. Checked here word by word, so that a mistake shows when the file is read and not at night.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from runbooks.errors import did_you_mean
from runbooks.facts import WORDS, FactKind

LONGEST = 500  # characters
_DEEPEST = 20

_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"[^\"\\\n]*\"|'[^'\\\n]*')|(?P<name>[A-Za-z_]\w*(?:\.\w+)*)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\],+*=&|/%-]))",
    re.ASCII,
)
_INSTEAD = {"=": "==", "&": "&&", "|": "||", "and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "is": "=="}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_NUMBERS = ("whole", "number")


class GateError(ValueError):
    """A sentence is no gate; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Part:
    """What must hold together with the other parts. `alone`: whether each of its facts can be judged by it."""

    text: str
    facts: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """A sentence that was checked. It holds when every part does."""

    sentence: str
    parts: tuple[Part, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts it names, in their order, each once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.facts))


def parse(sentence: str, known: Mapping[str, FactKind]) -> Gate:
    """Check a sentence against the facts that there are. Raises GateError."""
    if len(sentence) > LONGEST:
        raise GateError(f"a gate of more than {LONGEST} characters; split it into several gates")
    reader = _Reader(sentence, known)
    reader.whole()
    return Gate(sentence, tuple(reader.parts))


class _Token(NamedTuple):
    kind: str  # string | name | number | sign | end
    text: str
    start: int
    end: int


class _Value(NamedTuple):
    """What an operand is: its kind, the words it may say, and its text when it stands there as such."""

    kind: str
    words: tuple[str, ...] = ()
    said: str | None = None


class _Reader:
    """Reads a sentence from left to right, one function for each strength of binding."""

    def __init__(self, sentence: str, known: Mapping[str, FactKind]) -> None:
        self.parts: list[Part] = []
        self._sentence = sentence
        self._known = known
        self._tokens = _tokens(sentence)
        self._at = 0
        self._depth = 0

    # ------------------------------------------------------------ from the weakest binding to the strongest

    def whole(self) -> None:
        """The sentence: its parts are what stands between && at the top."""
        while True:
            self._part()
            if self._next.text != "&&":
                break
            self._take()
        if self._next.text == "||":  # weaker than &&: the whole is one part
            self.parts.clear()
            self._at = 0
            self._mark(self._or)
        if self._next.kind != "end":
            self._unexpected("&&, || or the end")

    def _part(self) -> None:
        self._mark(self._not)

    def _mark(self, read: Callable[[], _Value]) -> None:
        first = self._at
        self._boolean(read())
        tokens = self._tokens[first : self._at]
        text = self._sentence[tokens[0].start : tokens[-1].end]
        names = dict.fromkeys(t.text for t in tokens if t.kind == "name" and t.text in self._known)
        alone = len(names) == 1 or not any(t.text == "||" for t in tokens)
        self.parts.append(Part(text, tuple(names), alone))

    def _or(self) -> _Value:
        value = self._and()
        while self._next.text == "||":
            self._boolean(value)
            self._take()
            value = self._boolean(self._and())
        return value

    def _and(self) -> _Value:
        value = self._not()
        while self._next.text == "&&":
            self._boolean(value)
            self._take()
            value = self._boolean(self._not())
        return value

    def _not(self) -> _Value:
        if self._next.text == "!":
            self._take()
            self._deeper()
            value = self._boolean(self._operand() if self._next.text != "!" else self._not())
            self._depth -= 1
            return value
        return self._comparison()

    def _comparison(self) -> _Value:
        left = self._sum()
        if self._next.text == "in" and self._next.kind == "name":
            self._take()
            self._list(left)
            return _Value("boolean")
        if self._next.text not in _COMPARISONS:
            return left
        sign = self._take().text
        self._check(left, sign, self._sum())
        return _Value("boolean")

    def _sum(self) -> _Value:
        value = self._product()
        while self._next.text in ("+", "-"):
            value = self._counted(value, self._take().text, self._product)
        return value

    def _product(self) -> _Value:
        value = self._operand()
        while self._next.text == "*":
            value = self._counted(value, self._take().text, self._operand)
        return value

    def _operand(self) -> _Value:
        token = self._take()
        if token.text == "(":
            self._deeper()
            value = self._or()
            self._expect(")")
            self._depth -= 1
            return value
        if token.text == "-" and self._next.kind == "number":
            return self._operand()
        if token.kind == "string":
            return _Value("text", said=token.text[1:-1])
        if token.kind == "number":
            return _Value("number" if "." in token.text else "whole")
        if token.kind == "name":
            return self._name(token.text)
        return self._unexpected("a fact or a value", token)

    # ------------------------------------------------------------ what it means

    def _name(self, name: str) -> _Value:
        if name in ("true", "false"):
            return _Value("boolean")
        if name in self._known:
            return _Value(self._known[name].kind, self._known[name].words)
        if name in WORDS:
            return _Value("text", said=name)
        if name in _INSTEAD:
            raise GateError(f"'{name}' is no word of a gate; write {_INSTEAD[name]}")
        if self._next.text == "(":
            raise GateError(f"'{name}(' calls a function; a gate compares facts and calls nothing")
        hint = did_you_mean(name, list(self._known)) or "; `docs/reference/runbook.md` lists the facts"
        raise GateError(f"unknown fact '{name}'{hint}")

    def _check(self, left: _Value, sign: str, right: _Value) -> None:
        if left.kind in _NUMBERS and right.kind in _NUMBERS:
            return
        if left.kind != right.kind:
            raise GateError(f"'{sign}' between {_called(left)} and {_called(right)} can never hold")
        if sign not in ("==", "!="):
            raise GateError(f"'{sign}' compares numbers, not {_called(left)}; write == or !=")
        for one, other in ((left, right), (right, left)):
            if one.words and other.said is not None and other.said not in one.words:
                hint = did_you_mean(other.said, one.words)
                raise GateError(f"'{other.said}' is never said there; expected one of {', '.join(one.words)}{hint}")

    def _counted(self, left: _Value, sign: str, read: Callable[[], _Value]) -> _Value:
        right = read()
        if left.kind != "whole" or right.kind != "whole":
            raise GateError(
                f"'{sign}' takes whole numbers, found {_called(left)} and {_called(right)}; "
                "write a share so: quarantined * 100 <= records"
            )
        return _Value("whole")

    def _list(self, left: _Value) -> None:
        self._expect("[")
        while True:
            self._check(left, "==", self._operand())
            if self._next.text != ",":
                break
            self._take()
        self._expect("]")

    def _boolean(self, value: _Value) -> _Value:
        if value.kind != "boolean":
            if self._next.text in _INSTEAD:
                self._unexpected("a comparison")
            raise GateError(f"expected a comparison, such as quarantined <= 5, found {_called(value)} alone")
        return value

    # ------------------------------------------------------------ tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._next.text != sign:
            self._unexpected(f"'{sign}'")
        self._take()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise GateError(f"brackets more than {_DEEPEST} deep; split it into several gates")

    def _unexpected(self, expected: str, token: _Token | None = None) -> NoReturn:
        token = token or self._next
        if token.text in _INSTEAD and token.kind in ("sign", "name"):
            raise GateError(f"'{token.text}' is no sign of a gate; write {_INSTEAD[token.text]}")
        found = f"'{token.text}'" if token.kind != "end" else "the end of the sentence"
        raise GateError(f"expected {expected}, found {found}")


def _tokens(sentence: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while sentence[at:].strip():
        found = _TOKEN.match(sentence, at)
        if found is None:
            rest = sentence[at:].strip()
            raise GateError(f"'{rest[0]}' cannot stand in a gate" + ("; close the quote" if rest[0] in "\"'" else ""))
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found[kind], found.start(kind), found.end(kind)))
        at = found.end()
    return [*tokens, _Token("end", "", len(sentence), len(sentence))]


def _called(value: _Value) -> str:
    words = {"whole": "a whole number", "number": "a number", "text": "text", "boolean": "true or false"}
    return words[value.kind]
