"""The virtual-time loop of the simulation, for tests.

Use it in a folder or module of tests without real sockets:

    @pytest.fixture
    def anyio_backend() -> tuple[str, dict[str, Any]]:
        return "asyncio", {"loop_factory": VirtualTimeLoop}
"""

from veo.devtools.simulation.clock import EPOCH, VirtualTimeLoop
from veo.devtools.simulation.clock import LoopClock as FakeClock

__all__ = ["EPOCH", "FakeClock", "VirtualTimeLoop"]
