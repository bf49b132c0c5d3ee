"""A command for each question of the registry that has no special one: `veo crime E15`, `veo maps N1`."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from veo.cli import output
from veo.services.registry import QUESTIONS, Question

Plain = dict[str, Any]
Ask = Callable[[str, Mapping[str, Any]], Plain]
Show = Callable[[Plain, Callable[[Plain], None], bool], None]


def add_questions(app: typer.Typer, ask: Ask, show: Show) -> None:
    """Add a command for every question that `app` has no command for yet.

    `ask(name, fields)` answers a question; `show(answer, readable, as_json)` prints the answer.
    """
    existing = {command.callback.__name__ for command in app.registered_commands if command.callback}
    for question in QUESTIONS:
        if question.command not in existing:
            app.command(question.command, help=f"{question.summary}.")(_command(question, ask, show))


def _command(question: Question, ask: Ask, show: Show) -> Callable[..., None]:
    def command(as_json: bool, **fields: str | None) -> None:
        show(ask(question.name, fields), output.facts, as_json)

    parameters = [_parameter(name, question.request.model_fields[name]) for name in question.arguments]
    as_json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
    parameters.append(_keyword("as_json", as_json, default=False))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    return command


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return an argument for a required field, and an option for any other."""
    if field.is_required():
        example = f"Such as {field.examples[0]}." if field.examples else None
        return _keyword(name, Annotated[str, typer.Argument(help=example)])
    return _keyword(name, Annotated[str | None, typer.Option(help=field.description)], default=None)


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
