"""The reference tables of the documentation, made from the routes, the policies and the providers.

Run `python -m tests.support.reference` when one of them changes.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from inspect import getdoc, signature
from pathlib import Path

from veo.cache import Policy
from veo.services.registry import POLICIES
from veo.sources.clients import PROVIDERS
from veo.sources.http.provider import Provider
from veo.web.admin import ADMIN
from veo.web.routes import PUBLIC

DOCS = Path(__file__).parents[2] / "docs"
TABLES = {"api.md": ("routes", "admin", "families"), "sources.md": ("providers",)}
"""The tables of each document."""

PERIODS = {1.0: "second", 60.0: "minute"}


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
        "providers": _table(
            ("provider", "for", "key", "limits"),
            ((f"`{p.name}`", p.purpose, p.key, _limits(p)) for p in PROVIDERS.values()),
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


def _limits(provider: Provider) -> str:
    """Return the rate and the concurrency that Veo keeps to, and the time limit of one try."""
    limits = [f"{provider.timeout:g} s"]
    if provider.rate is not None:
        count, seconds = provider.rate
        limits.append(f"{count} a {PERIODS[seconds]}")
    if provider.max_concurrent is not None:
        limits.append(f"{provider.max_concurrent} at once")
    return ", ".join(limits)


if __name__ == "__main__":
    for name in TABLES:
        document = DOCS / name
        document.write_text(filled(document.read_text(encoding="utf-8")), encoding="utf-8")
