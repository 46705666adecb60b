"""Reads OpenDSS scripts into commands: what the language says, before any of it means a circuit.

Covered: commands with their values, ``~`` and ``More``, ``class.name.property=value``, ``Redirect`` and ``Compile``;
comments (``!``, ``//``, ``/* */``); lists in brackets, parentheses, braces and quotes; RPN arithmetic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from csms.grid.network import FeederError

MAX_COMMANDS = 500_000
MAX_DEPTH = 8
MAX_BYTES = 64 * 1024 * 1024
_TOKEN = re.compile(
    r"""\s*,?\s*(?:([\w%.\-/]+)\s*=\s*)?("[^"]*"|'[^']*'|\([^)]*\)|\[[^\]]*\]|\{[^}]*\}|[^\s,=]+)"""
)
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqr": lambda a: a * a,
    "sqrt": math.sqrt,
    "inv": lambda a: 1.0 / a,
    "ln": math.log,
    "exp": math.exp,
    "log10": math.log10,
    "sin": lambda a: math.sin(math.radians(a)),
    "cos": lambda a: math.cos(math.radians(a)),
    "tan": lambda a: math.tan(math.radians(a)),
}


class OpenDssError(FeederError):
    """A script that cannot be read or has no meaning here; names file and line."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its verb in lower case and its (name or "", value) pairs."""

    where: str
    verb: str
    pairs: tuple[tuple[str, str], ...]


def commands(path: Path, read: Callable[[Path], str] | None = None) -> list[Command]:
    """All commands of a script and of those it redirects to, in order. Raises :class:`OpenDssError`."""
    found: list[Command] = []
    for command in _file(path, read or _read, 0):
        found.append(command)
        if len(found) > MAX_COMMANDS:
            raise OpenDssError(f"{command.where}: more than {MAX_COMMANDS} commands")
    return found


def numbers(text: str) -> list[float]:
    """The numbers of a list such as ``[1 2, 3]``, ``(8 1000 /)`` (RPN) or ``4.16``."""
    inner = text.strip().strip("[](){}\"'").replace(",", " ").replace("|", " ")
    stack: list[float] = []
    for word in inner.split():
        lower = word.lower()
        if lower in _OPERATORS and len(stack) >= 2:
            b, a = stack.pop(), stack.pop()
            stack.append(_OPERATORS[lower](a, b))
        elif lower in _FUNCTIONS and stack:
            stack.append(_FUNCTIONS[lower](stack.pop()))
        else:
            stack.append(float(word))
    if not stack:
        raise ValueError(f"a number is needed, got {text!r}")
    return stack


def number(text: str) -> float:
    """One number, RPN allowed."""
    return numbers(text)[0]


def words(text: str) -> list[str]:
    """The words of a list such as ``[a.1 b.2]`` or ``"a, b"``."""
    return text.strip().strip("[](){}\"'").replace(",", " ").split()


def matrix(text: str, order: int) -> list[list[float]]:
    """A square matrix given whole or as its lower triangle, rows parted by ``|``."""
    rows = [numbers(row) for row in text.strip().strip("[](){}\"'").split("|")]
    if len(rows) != order or any(len(row) < i + 1 for i, row in enumerate(rows)):
        raise ValueError(f"a matrix of order {order} is needed, got {text!r}")
    return [
        [rows[i][j] if j < len(rows[i]) else rows[j][i] for j in range(order)] for i in range(order)
    ]


def _unquoted(value: str) -> str:
    """Quotes, brackets, parentheses and braces all hold one value together, and are no part of it."""
    return value[1:-1].strip() if value[0] in "\"'([{" and len(value) > 1 else value


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise OpenDssError(f"{path}: larger than {MAX_BYTES} bytes")
    return path.read_text("utf-8-sig", errors="replace")


def _find(path: Path) -> Path:
    """OpenDSS comes from a file system that does not tell ``a`` from ``A``."""
    if path.exists():
        return path
    folder = path.parent if path.parent.exists() else None
    match = [p for p in folder.iterdir() if p.name.lower() == path.name.lower()] if folder else []
    if not match:
        raise OpenDssError(f"{path}: no such file")
    return match[0]


def _file(path: Path, read: Callable[[Path], str], depth: int) -> Iterator[Command]:
    if depth > MAX_DEPTH:
        raise OpenDssError(f"{path}: redirected more than {MAX_DEPTH} deep")
    path = _find(path)
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), read(path), flags=re.DOTALL)
    pending: tuple[str, str] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.split(r"!|//", raw, maxsplit=1)[0].strip()
        if not line:
            continue
        more = re.match(r"(~|m(?:o|or|ore)?\b)\s*(.*)", line, re.IGNORECASE)
        if more and pending:
            pending = (pending[0], pending[1] + " " + more.group(2))
            continue
        if pending:
            yield from _command(*pending, path, read, depth)
        pending = (f"{path.name}:{number}", line)
    if pending:
        yield from _command(*pending, path, read, depth)


def _command(
    where: str, line: str, path: Path, read: Callable[[Path], str], depth: int
) -> Iterator[Command]:
    verb, rest = (*line.split(maxsplit=1), "")[:2]
    verb = verb.lower()
    if verb in ("redirect", "compile"):
        target = path.parent / rest.strip().strip("()\"'[]{}").replace("\\", "/")
        if not target.resolve().is_relative_to(path.parent.resolve().parent):
            raise OpenDssError(f"{where}: {rest.strip()} lies outside the folder of the circuit")
        yield from _file(target, read, depth + 1)
        return
    if "=" in verb or (verb.count(".") >= 1 and verb not in ("new", "edit")):
        # class.name.property=value is an edit
        name, _, value = line.partition("=")
        target_name, _, key = name.strip().rpartition(".")
        verb, rest = "edit", f"{target_name} {key}={value}"
    pairs = tuple((key.lower(), _unquoted(value)) for key, value in _TOKEN.findall(rest))
    yield Command(where, verb, pairs)
