"""A small reader of GraphQL requests, enough to answer honestly: only what was asked for, with its arguments.

Invariant: a field that the simulated schema does not have is an error, and a field that was not selected is not sent,
so that an adapter cannot rely on what it forgot to ask.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'\s*(?:#[^\n]*\s*|,\s*)*(\.\.\.|[A-Za-z_]\w*|\$\w+|@\w+|-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|[{}()\[\]:=!|])'
)
_MAX_CHARS = 50_000
_MAX_DEPTH = 30


class QueryError(Exception):
    """A request that the schema refuses; `code` goes into extensions.code."""

    def __init__(self, message: str, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Field:
    """One selected field."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    directives: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: list["Field"] = field(default_factory=list)


@dataclass(slots=True)
class Operation:
    kind: str
    """query or mutation"""
    fields: list[Field]


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        if len(text) > _MAX_CHARS:
            raise QueryError("Query is too large")
        self._tokens = _tokens(text)
        self._at = 0
        self._variables = variables
        self._declared: set[str] = set()

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, expected: str | None = None) -> str:
        token = self._peek()
        if not token or (expected is not None and token != expected):
            raise QueryError(f"syntax error, unexpected {token or 'end of document'!r}, expecting {expected!r}")
        self._at += 1
        return token

    def operation(self) -> Operation:
        kind = "query"
        if self._peek() in ("query", "mutation"):
            kind = self._next()
            if self._peek() not in ("(", "{"):
                self._next()
            if self._peek() == "(":
                self._declarations()
        fields = self._selection(0)
        if self._peek():
            raise QueryError("only one operation per request")
        return Operation(kind, fields)

    def _declarations(self) -> None:
        self._next("(")
        while self._peek() != ")":
            name = self._next()[1:]
            self._next(":")
            needed = self._type()
            if self._peek() == "=":
                self._next()
                self._value()
            if needed and self._variables.get(name) is None:
                raise QueryError(f"Variable ${name} of type was provided invalid value", "INVALID_VARIABLE")
            self._declared.add(name)
        self._next(")")

    def _type(self) -> bool:
        """Skip a type; True when it may not be null."""
        if self._peek() == "[":
            self._next()
            self._type()
            self._next("]")
        else:
            self._next()
        if self._peek() == "!":
            self._next()
            return True
        return False

    def _selection(self, depth: int) -> list[Field]:
        if depth > _MAX_DEPTH:
            raise QueryError("Query has too much depth")
        self._next("{")
        fields: list[Field] = []
        while self._peek() != "}":
            if self._peek() == "...":
                self._next()
                self._next("on")
                self._next()
                fields.extend(self._selection(depth + 1))
            else:
                fields.append(self._field(depth))
        self._next("}")
        return fields

    def _field(self, depth: int) -> Field:
        name = alias = self._next()
        if self._peek() == ":":
            self._next()
            name = self._next()
        found = Field(name, alias)
        if self._peek() == "(":
            found.arguments = self._arguments()
        while self._peek().startswith("@"):
            directive = self._next()[1:]
            found.directives[directive] = self._arguments() if self._peek() == "(" else {}
        if self._peek() == "{":
            found.fields = self._selection(depth + 1)
        return found

    def _arguments(self) -> dict[str, Any]:
        self._next("(")
        arguments: dict[str, Any] = {}
        while self._peek() != ")":
            name = self._next()
            self._next(":")
            arguments[name] = self._value()
        self._next(")")
        return arguments

    def _value(self) -> Any:
        word = self._next()
        if word.startswith("$"):
            if word[1:] not in self._declared:
                raise QueryError(f"Variable {word} is used but not declared", "undefinedVariable")
            return self._variables.get(word[1:])
        if word == "[":
            return list(self._until("]"))
        return self._object() if word == "{" else _scalar(word)

    def _until(self, end: str) -> list[Any]:
        values = []
        while self._peek() != end:
            values.append(self._value())
        self._next(end)
        return values

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != "}":
            name = self._next()
            self._next(":")
            found[name] = self._value()
        self._next("}")
        return found


def _tokens(text: str) -> list[str]:
    tokens = []
    at = 0
    stripped = text.rstrip().rstrip(",")
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise QueryError(f"syntax error near {stripped[at : at + 20]!r}")
        tokens.append(match.group(1))
        at = match.end()
    return tokens


def _scalar(token: str) -> Any:
    if token.startswith('"'):
        return token[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if token in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[token]
    return int(token) if token.lstrip("-").isdigit() else token


def read_operation(text: str, variables: Mapping[str, Any]) -> Operation:
    """The one operation of a request, variables filled in. Raises QueryError."""
    return _Reader(text, variables).operation()


def select(value: Any, fields: list[Field], type_name: str = "object") -> Any:
    """The asked part of a rendered object. A callable in it is a field with arguments: it receives them.

    Raises QueryError for a field that the object does not have.
    """
    if isinstance(value, list):
        return [select(inner, fields, type_name) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if not fields:
        raise QueryError(f"Field must have selections (field '{type_name}' returns an object)", "selectionMismatch")
    return {asked.alias: _resolve(value, asked, type_name) for asked in fields}


def _resolve(value: Mapping[str, Any], asked: Field, type_name: str) -> Any:
    if asked.name not in value:
        raise QueryError(f"Field '{asked.name}' doesn't exist on type '{type_name}'", "undefinedField")
    inner = value[asked.name]
    if isinstance(inner, Callable):  # type: ignore[arg-type]  # typing's Callable is fine at run time
        inner = inner(asked.arguments)
    return select(inner, asked.fields, asked.name)
