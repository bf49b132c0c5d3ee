"""How many generated inputs a property is tried with: few in `make test`, all of them in `make check`."""

from hypothesis import HealthCheck, settings

QUICK, THOROUGH = "quick", "thorough"
SHARE = 6  # of the inputs, one in this many is tried in `make test`
FEWEST = 10

# machines are shared: no input is timed
settings.register_profile(QUICK, deadline=None, max_examples=100 // SHARE)
settings.register_profile(THOROUGH, deadline=None)


def tries(count: int, steps: int = 50) -> settings:
    """Return the settings of a property tried with `count` inputs, or runs of `steps` of a state machine."""
    thorough = settings.get_current_profile_name() == THOROUGH
    return settings(
        max_examples=count if thorough else max(FEWEST, count // SHARE),
        stateful_step_count=steps,
        deadline=None,
        # a server of the whole run keeps nothing of an input before
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
