"""Every provider on the loopback interface, in a separate process.

`python -m benchmarks.providers SECONDS [NAME]` delays every response, or only those of the named provider,
prints the addresses as one line of JSON, and ends when its standard input closes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.upstreams import Upstreams


def main() -> None:
    """Serve until standard input closes."""
    upstreams = Upstreams()
    upstreams.start()
    upstreams.reset()
    names = sys.argv[2:] or upstreams.servers
    for name in names:
        upstreams.servers[name].delay = float(sys.argv[1])
    print(json.dumps(upstreams.addresses), flush=True)
    sys.stdin.read()


@contextmanager
def providers(seconds: float, *names: str) -> Iterator[dict[str, str]]:
    """Run the process, and yield the addresses by provider."""
    command = [sys.executable, "-m", "benchmarks.providers", str(seconds), *names]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a fixed command
    try:
        assert process.stdout is not None
        addresses: dict[str, str] = json.loads(process.stdout.readline())
        yield addresses
    finally:
        process.terminate()
        process.communicate()


if __name__ == "__main__":
    main()
