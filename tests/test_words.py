"""The code and the documentation use the terms of the field; retired words stay out."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = sorted([ROOT / "modal_app.py", *(ROOT / "veo").rglob("*.py")])
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

RETIRED = {
    r"in earnest": "foreground (not background)",
    r"\bshel(f|ves)\b": "table storage",
    r"\bpurses?\b": "spend cap",
    r"\baccounts?\b": "spend counter",
    r"\bcoherence\b": "invalidation sync",
    r"\b(in|out of|keep\w* in) step\b": "invalidation sync, synchronised",
    r"\bgenerations?\b": "tag version",
    r"\bstamps?\b": "tag version",
    r"\blook\w* ahead\b|\bahead of time\b": "early refresh",
    r"\bration(s|ed|ing)?\b": "fleet-wide single flight, rate-limited",
    r"\bgates?\b": "concurrency limit",
    r"\bturns?\b": "slot",
    r"\blandings?\b": "result",
    r"\bunsure\b": "possibly valid status",
    r"\bmend(s|ed|ing)?\b": "retryable, fix",
    r"\bverdicts?\b": "status, decision, result",
    r"\b(day's|daily) budget\b|\bbudget is spent\b": "daily command limit",
    r"\bpaid=": "fleet_once=",
    r"\bwants? of\b|\bwho is told\b|\bwhat is told\b": "plain words",
    r"\banew\b": "again",
    r"\bof ours\b|\bour own\b": "plain words",
}
"""Retired words, each with the field's term."""

ALLOWED = (
    r"(an|no|a new|Upstash|Modal) accounts?|accounts? (with|at|of) ",
    r"in turn\b|turns? (on|off|out)\b|turns?( \S+)* into|turn live sources on",
    r"[\"'`]verdict[\"'`]|\.verdict\b|\bverdict(: Literal|=)",  # a field of robustness and of advice
    r"[\"'`]generations[\"'`]",  # the field of the admin API
    r"time ?stamps?",
    r"delegate|aggregate",
)
"""Honest uses of the same words."""

VAGUE = re.compile(r"^(told|said|asked|found|known)$")
"""Names that do not say what they hold."""


def docstring_starts(text: str) -> Iterator[str]:
    """Yield the first word of each docstring."""
    yield from re.findall(r'^\s*r?"""(\w+)', text, re.MULTILINE)


def lines_with(path: Path, pattern: str) -> Iterator[str]:
    """Yield where a text uses the pattern, except in the honest uses."""
    text = path.read_text(encoding="utf-8")
    plain = re.sub("|".join(ALLOWED), "", text.replace("_", " ") if path.suffix == ".py" else text)
    for number, line in enumerate(plain.splitlines(), 1):
        if re.search(pattern, line, re.IGNORECASE):
            yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_no_retired_word_is_used() -> None:
    assert [use for path in (*CODE, *TEXTS) for use in lines_with(path, "|".join(RETIRED))] == []


def test_docstrings_begin_as_pep_257_asks() -> None:
    assert [
        f"{path.relative_to(ROOT)}: {word}"
        for path in CODE
        for word in docstring_starts(path.read_text())
        if re.fullmatch("Gives?|Tells?|Says?", word)
    ] == []


def test_a_name_says_what_it_holds() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for path in CODE
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.NAME and VAGUE.match(token.string)
    ] == []
