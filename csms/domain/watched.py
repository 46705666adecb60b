"""State that notes when it changes, for whoever keeps a copy of it. Pure."""

from __future__ import annotations

from typing import Any, Self


class Watched:
    """Every assignment to an attribute counts as a change; what changes inside of an attribute does not."""

    __slots__ = ("_changes", "_number")
    _changes: set[int] | None
    _number: int

    def __new__(cls, *_args: Any, **_fields: Any) -> Self:
        one = super().__new__(cls)
        object.__setattr__(one, "_changes", None)
        return one

    def watch(self, changes: set[int], number: int) -> None:
        """Add ``number`` to ``changes`` now and whenever an attribute is assigned. Raises ``ValueError`` when somebody
        else watches already."""
        if self._changes is not None and self._changes is not changes:
            raise ValueError("watched by another already")
        object.__setattr__(self, "_changes", changes)
        object.__setattr__(self, "_number", number)
        changes.add(number)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if self._changes is not None:
            self._changes.add(self._number)
