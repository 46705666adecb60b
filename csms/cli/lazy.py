"""Commands that are imported when they are called: `csms config check` must not wait for the solvers' kernels."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Lazy(NamedTuple):
    """``module:attribute`` is a function or a ``typer.Typer``."""

    target: str
    help: str


class LazyGroup(TyperGroup):
    """A group whose context object names its commands: ``dict[str, Lazy]``."""

    _is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(ctx.obj)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known: dict[str, Lazy] = ctx.obj
        lazy = known.get(cmd_name)
        if lazy is None:
            return None
        if self._is_listing:
            return TyperCommand(cmd_name, help=lazy.help)
        return _loaded(cmd_name, lazy)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False


def _loaded(name: str, lazy: Lazy) -> Any:
    module, _, attribute = lazy.target.partition(":")
    found: Any = getattr(import_module(module), attribute)
    root = typer.Typer(add_completion=False)
    root.callback()(_nothing)  # or a single command would stand for the whole
    if isinstance(found, typer.Typer):
        root.add_typer(found, name=name)
    else:
        root.command(name)(found)
    group = typer.main.get_command(root)
    assert isinstance(group, TyperGroup)
    return group.commands[name]


def _nothing() -> None:
    pass
