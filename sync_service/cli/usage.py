"""Wrong command lines, in Russian. Typer carries its own copy of Click; its classes are named here only."""

from __future__ import annotations

import re

import typer

from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.failures import Failure

UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def usage_failure(error: Exception) -> Failure:
    """What is wrong with the command line and where to look."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ecp-sync"
    return Failure(
        kind="UsageError",
        code=ExitCode.USAGE,
        message=f"{_sentence(error)} Справка: {command} --help.",
    )


# Click's English for what people mistype, and ours; a message none of them fits is shown as it is.
_SAYINGS = (
    (re.compile(r"No such command '(?P<a>.*)'"), "нет команды «{a}»"),
    (re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((?P<a>.*)\)"), "лишнее: {a}"),
    (re.compile(r"Option '?(?P<a>--?[\w-]+)'? requires an argument"), "после {a} нужно значение"),
    (re.compile(r"(?:Value error, )?'(?P<a>.*?)' is not one of (?P<b>.*)"), "«{a}» нет среди: {b}"),
    (re.compile(r".*valid integer.*"), "ожидается целое число"),
    (re.compile(r".*greater than or equal to (?P<a>\d+).*"), "ожидается число не меньше {a}"),
    (re.compile(r".*less than or equal to (?P<a>\d+).*"), "ожидается число не больше {a}"),
    (re.compile(r".*does not match the formats?.*|.*valid datetime.*"), "ожидается дата вида ГГГГ-ММ-ДД"),
)


def _sentence(error: Exception) -> str:
    message = _in_russian(str(getattr(error, "message", error)).rstrip("."))
    parameter = getattr(error, "param", None)
    match type(error).__name__:
        case "NoArgsIsHelpError":  # the help has been shown by now
            return "Выберите команду."
        case "NoSuchOption":
            return f"Нет параметра {getattr(error, 'option_name', '')}."
        case "MissingParameter":
            return f"Не хватает: {parameter_name(parameter)}."
        case "BadParameter":
            where = f"{parameter_name(parameter)}: " if parameter is not None else ""
            return f"Неверно задано: {where}{message}."
        case _:
            return f"Команда задана неверно: {message}."


def _in_russian(message: str) -> str:
    for english, russian in _SAYINGS:
        said = english.fullmatch(message)
        if said is not None:
            return russian.format(**said.groupdict())
    return message


def parameter_name(parameter: object) -> str:
    """How a parameter is written: its long option, or the word for its place."""
    options = [name for name in getattr(parameter, "opts", []) if name.startswith("--")]
    return str(options[0] if options else getattr(parameter, "metavar", None) or getattr(parameter, "name", ""))
