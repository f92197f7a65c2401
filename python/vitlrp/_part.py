"""What the parts of Model, each a class in a file of its own, use of it and of one another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import _capi, _check
    from . import image as _image
    from ._explain import Request, Wanted
    from ._info import ModelInfo
    from ._options import ClassLike
    from ._sessions import SessionPool, SessionSettings
    from .explanation import Class
    from .model import Model


class Part:
    """Of Model, which has all of this."""

    if TYPE_CHECKING:
        _sessions: SessionPool
        _hidden: int
        explain: Callable[..., Any]

        @property
        def info(self) -> ModelInfo: ...

        @property
        def classes(self) -> tuple[Class, ...]: ...

        def find_class(self, name: ClassLike) -> Class: ...

        def _in_use(self) -> AbstractContextManager[_capi.ModelPointer]: ...

        def _input(
            self, image: _image.ImageLike, request: Request, keep_photo: bool, level: int
        ) -> _image.Input: ...

        def _forward(self, values: _check.Floats) -> _check.Floats: ...

        def _wanted(self, target: Any, versus: ClassLike | None) -> Wanted: ...

        @staticmethod
        def _session_settings(
            request: Request, size: tuple[int, int], methods: str, several: bool
        ) -> SessionSettings: ...

        @staticmethod
        def _batch_request(
            function: str, threads: int | None, options: Any
        ) -> tuple[Request, int]: ...

        def _made(self, pointer: _capi.ModelPointer, passes: int, hidden: int = 0) -> Model: ...
