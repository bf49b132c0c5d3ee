"""Every factor is complete: each test names what was forgotten."""

from pathlib import Path

import pytest

from veo.models import FACTORS, FactorName
from veo.scoring.factors import COLUMNS, MEASURES
from veo.scoring.personas import PERSONAS_BY_NAME
from veo.scoring.phrases import PHRASES
from veo.scoring.words import FACTOR_WORDS
from veo.sources.embedded.columns import COLUMNS as TABLE_COLUMNS

ROOT = Path(__file__).parents[2]
ABSOLUTE = {"affordability", "commute"}  # scored against the budget and the minutes, not against London
EACH = pytest.mark.parametrize("factor", FACTORS)


@EACH
def test_a_factor_has_a_measure_or_an_absolute_scale(factor: FactorName) -> None:
    assert (factor in MEASURES) != (factor in ABSOLUTE)


@EACH
def test_a_measured_factor_has_columns_of_the_embedded_table(factor: FactorName) -> None:
    assert factor in ABSOLUTE or set(COLUMNS[factor]) <= set(TABLE_COLUMNS)


@EACH
def test_a_factor_counts_for_somebody(factor: FactorName) -> None:
    assert any(factor in config.weights for config in PERSONAS_BY_NAME.values())


@EACH
def test_a_factor_has_words_and_a_phrase(factor: FactorName) -> None:
    assert (factor in FACTOR_WORDS, factor in PHRASES) == (True, True)


@EACH
def test_a_factor_has_a_name_on_the_pages(factor: FactorName) -> None:
    assert f"  {factor}: " in (ROOT / "veo" / "web" / "pages" / "format.js").read_text(encoding="utf-8")
