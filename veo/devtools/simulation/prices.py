"""The cost of Upstash in US dollars."""

MONTH = 30  # days, as in the owner's figures
FREE_COMMANDS = 500_000  # a month, on Upstash's free plan
USD_PER_COMMAND = 0.20 / 100_000  # pay as you go; commands inside pipelines count too


def upstash_usd(commands_a_month: float) -> float:
    """Return the monthly cost: free up to the free plan's limit; above it, every command is billed."""
    return 0.0 if commands_a_month <= FREE_COMMANDS else commands_a_month * USD_PER_COMMAND
