"""What calls cost, in US dollars: the price table of the settings, and Upstash's tariff."""

from collections.abc import Mapping
from dataclasses import dataclass

MONTH = 30  # days, as the owner's figures count it
FREE_COMMANDS = 500_000  # a month, on Upstash's free plan
USD_PER_COMMAND = 0.20 / 100_000  # pay as you go: each of them, also inside pipelines


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars a call; `modal` is for one invocation."""

    tfl: float = 0.0
    google: float = 0.005
    perplexity: float = 0.01
    modal: float = 0.002

    def providers(self) -> Mapping[str, float]:
        """Give the price of each provider's call; those that are not named cost nothing."""
        return {"TfL": self.tfl, "Google": self.google, "Perplexity": self.perplexity}


def upstash_usd(commands_a_month: float) -> float:
    """Give what Upstash takes a month: nothing on the free plan; beyond it every command is paid."""
    return 0.0 if commands_a_month <= FREE_COMMANDS else commands_a_month * USD_PER_COMMAND
