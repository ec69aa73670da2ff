"""A table of functions by name, each entered where the function is defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class Registry(dict[str, Callable[..., Any]]):
    """Name -> function. ``@registry("munmap")`` enters the function below it."""

    def __call__(self, *names: str) -> Callable[[Function], Function]:
        """A decorator that enters a function under each name and returns it unchanged."""

        def register(function: Function) -> Function:
            self.update((name, function) for name in names)
            return function

        return register
