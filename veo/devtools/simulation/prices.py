"""What Upstash takes, in US dollars."""

MONTH = 30  # days, as the owner's figures count it
FREE_COMMANDS = 500_000  # a month, on Upstash's free plan
USD_PER_COMMAND = 0.20 / 100_000  # pay as you go: each of them, also inside pipelines


def upstash_usd(commands_a_month: float) -> float:
    """Give what Upstash takes a month: nothing on the free plan; beyond it every command is paid."""
    return 0.0 if commands_a_month <= FREE_COMMANDS else commands_a_month * USD_PER_COMMAND
