"""The real server in a separate process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import settings_variables


@contextmanager
def serving(log: Path = Path(os.devnull), **settings: str) -> Iterator[str]:
    """Serve on a free port with live sources off and the given settings; yield the address."""
    environment = {name: value for name, value in os.environ.items() if name not in settings_variables()}
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(  # noqa: S603 - a fixed command
            command, env={**environment, "VEO_LIVE": "off", **settings}, stdout=subprocess.PIPE, stderr=stderr
        ) as server,
    ):
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[3].decode()
        finally:
            server.terminate()
