"""Every question of the registry is complete: each test names what was forgotten."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import modal_app
from veo.cache import CachedMethod
from veo.cli.main import app
from veo.services.questions import CachedQuestions, Questions
from veo.services.recommend import Recommender
from veo.services.registry import COSTS, POLICIES, QUESTIONS, Question
from veo.web.openapi import EXAMPLES, PATH_EXAMPLES
from veo.web.routes import PUBLIC

TESTS = Path(__file__).parents[1]
MODAL_FUNCTIONS = {
    node.name: ast.get_docstring(node) or ""
    for node in ast.parse(Path(modal_app.__file__).read_text(encoding="utf-8")).body
    if isinstance(node, ast.AsyncFunctionDef)
}
EACH = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
OF_AREAS = [question for question in QUESTIONS if question.name != "recommendations"]


def cached_policies() -> list[Any]:
    """Return the policy of every cached method."""
    methods = [*vars(CachedQuestions).values(), *vars(Recommender).values()]
    return [method.policy for method in methods if isinstance(method, CachedMethod)]


@EACH
def test_a_question_has_a_cached_method(question: Question) -> None:
    assert question.policy in cached_policies()


def test_every_cached_method_is_in_the_list_of_policies() -> None:
    assert {policy.family for policy in cached_policies()} == {policy.family for policy in POLICIES}


def test_every_policy_has_a_simulated_cost() -> None:
    assert set(COSTS) == {policy.family for policy in POLICIES}


@pytest.mark.parametrize("question", OF_AREAS, ids=lambda question: question.name)
def test_the_method_of_a_question_takes_its_arguments(question: Question) -> None:
    method: Callable[..., Any] = getattr(Questions, question.name)
    assert set(question.arguments) <= set(inspect.signature(method).parameters)


@EACH
def test_the_arguments_of_a_question_are_fields_of_its_request(question: Question) -> None:
    assert set(question.arguments) <= set(question.request.model_fields)


@EACH
def test_a_question_has_a_route(question: Question) -> None:
    assert (question.method, question.path) in {(endpoint.method, endpoint.path) for endpoint in PUBLIC}


@EACH
def test_the_parts_of_a_path_have_an_example(question: Question) -> None:
    parts = {part[1:-1] for part in question.path.split("/") if part.startswith("{")}
    assert parts <= set(PATH_EXAMPLES)


@EACH
def test_a_question_has_a_real_answer_as_its_example(question: Question) -> None:
    assert f'"{question.method} {question.path}"' in EXAMPLES.read_text(encoding="utf-8")


@EACH
def test_a_question_has_a_command(question: Question) -> None:
    commands: Any = get_command(app)
    assert question.command in commands.commands


@EACH
def test_a_question_has_a_modal_function(question: Question) -> None:
    assert f"fetch_{question.name}_cached" in MODAL_FUNCTIONS


@EACH
def test_a_modal_function_names_its_question_and_its_route(question: Question) -> None:
    described = MODAL_FUNCTIONS[f"fetch_{question.name}_cached"]
    assert f"`{question.name}`" in described
    assert f"`{question.method} {question.path}`" in described


@EACH
def test_a_test_asks_the_question_over_http(question: Question) -> None:
    beginning = question.path.partition("{")[0]
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    assert any(beginning in text for text in texts)
