"""The names of the ledger's durable points, read from its source: a new one must be killed at, too."""

from __future__ import annotations

import ast
from pathlib import Path

import engine


def durable_points() -> set[str]:
    """Every name that a write of the ledger goes under, wherever in the engine it is said."""
    (folder,) = engine.__path__
    found: set[str] = set()
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Attribute) and node.func.attr == "write" and _is_database(node.func.value):
                    found |= _texts(node.args[0])
                found |= {text for keyword in node.keywords if keyword.arg == "point" for text in _texts(keyword.value)}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args
                for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
                    if argument.arg == "point" and default is not None:
                        found |= _texts(default)
    return found


def _is_database(node: ast.AST) -> bool:
    """`self._db`, as every part of the ledger calls it."""
    return isinstance(node, ast.Attribute) and node.attr == "_db"


def _texts(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
