"""Values of a given size, nested as deeply as a real answer."""

from veo.models import Figure, FrozenMap, Value


class Facts(Value):
    """A block of figures."""

    name: str
    figures: FrozenMap[str, Figure]
    notes: tuple[str, ...]


def facts(kilobytes: int) -> Facts:
    """Return a value of about that many kilobytes of JSON."""
    figures = {
        f"figure_{number}": Figure(
            value=1234.5 + number,
            unit="GBP a month",
            level="borough",
            source="a register",
            vintage="Aug 2026",
        )
        for number in range(kilobytes * 8)
    }
    return Facts(name="E15", figures=FrozenMap(figures), notes=("a note of some length",) * kilobytes)
