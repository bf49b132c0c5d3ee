"""The real server in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import variables


@contextmanager
def serving(log: Path = Path(os.devnull), **settings: str) -> Iterator[str]:
    """Serve on a free port with live sources off and these settings, and give the address."""
    kept = {name: value for name, value in os.environ.items() if name not in variables()}
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    with (
        log.open("wb") as written,
        subprocess.Popen(  # noqa: S603 - our own program
            command, env={**kept, "VEO_LIVE": "off", **settings}, stdout=subprocess.PIPE, stderr=written
        ) as server,
    ):
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[3].decode()
        finally:
            server.terminate()
