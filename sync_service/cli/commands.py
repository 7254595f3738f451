"""Commands about records: what every one of them is told, and how it gets hold of that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from sync_service.cli.options import Actor, AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    Command = Callable[..., int]

_TOLD = {"school": SchoolCode, "actor": Actor, "config": Config}


def command(app: typer.Typer, name: str, *, without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Make a function a command of ``app``. It gets a :class:`Shell` first, then the arguments it declares.

    ``--school``, ``--as``, ``--config`` and ``--json`` are added and stand in the shell; ``without`` names the
    options («school», «actor») that mean nothing to this command.
    """
    told = {option: kind for option, kind in _TOLD.items() if option not in without}

    def register(function: Command) -> Command:
        hints = get_type_hints(function, include_extras=True)
        _, *own = inspect.signature(function).parameters.values()

        @wraps(function)
        def run(ctx: typer.Context, as_json: bool, **options: Any) -> int:
            meant = {option: options.pop(option) for option in told}
            return function(Shell.of(ctx, as_json=as_json, **meant), **options)

        named = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [
            inspect.Parameter("ctx", named, annotation=typer.Context),
            *(one.replace(annotation=hints[one.name]) for one in own),
            *(inspect.Parameter(option, named, default=None, annotation=kind) for option, kind in told.items()),
            inspect.Parameter("as_json", named, default=False, annotation=AsJson),
        ]
        # Typer reads the options from here, and would follow ``__wrapped__`` past it.
        del run.__dict__["__wrapped__"]
        run.__dict__["__signature__"] = inspect.Signature(parameters, return_annotation=int)
        run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
        app.command(name)(run)
        return function

    return register
