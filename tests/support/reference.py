"""The reference tables of docs/api.md, made from the routes and the policies.

Run `python -m tests.support.reference` when a route or a policy changes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from inspect import getdoc, signature
from pathlib import Path

from veo.cache import Policy
from veo.services.registry import POLICIES
from veo.web.admin import ADMIN
from veo.web.routes import PUBLIC

API = Path(__file__).parents[2] / "docs" / "api.md"


def tables() -> Mapping[str, str]:
    """Return each table as Markdown by the name of its place in the document."""
    return {
        "routes": _table(
            ("route", "answer"),
            ((f"`{e.method} {e.path}`", e.description.summary) for e in PUBLIC if e.description),
        ),
        "admin": _table(
            ("route", "effect"),
            ((f"`{e.method} {e.path.replace(':path', '')}`", _summary(e.handler)) for e in ADMIN),
        ),
        "families": _table(
            ("family", "key", "fresh for", "stale if error", "shared by the fleet"),
            (
                (p.family, f"`{_key(p)}`", _length(p.fresh_for), _length(p.stale_if_error), _shared(p))
                for p in POLICIES
            ),
        ),
    }


def filled(document: str) -> str:
    """Return the document with its tables made anew between their markers."""
    for name, table in tables().items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        document = place.sub(lambda found, table=table: f"{found[1]}{table}{found[2]}", document)  # type: ignore[misc]
    return document


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(function: object) -> str:
    return (getdoc(function) or "").partition("\n")[0].rstrip(".")


def _key(policy: Policy) -> str:
    """Return the template of a key; a function names its parts by its parameters."""
    if isinstance(policy.key, str):
        return policy.key
    return ":".join((policy.root, *(f"{{{name}}}" for name in signature(policy.key).parameters)))


def _length(length: timedelta) -> str:
    """Return a length of time in words: days from a week on, else hours."""
    hours = length // timedelta(hours=1)
    count, unit = (hours // 24, "day") if hours >= 24 * 7 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _shared(policy: Policy) -> str:
    if not policy.shared:
        return "no: in memory only"
    return "yes, one compute across the fleet" if policy.fleet_once else "yes"


if __name__ == "__main__":
    API.write_text(filled(API.read_text(encoding="utf-8")), encoding="utf-8")
