"""Every provider on the loopback interface, in a process of its own.

`python -m benchmarks.providers SECONDS [NAME]` answers after so long, or only so late where a name is given,
prints the addresses as one line of JSON, and ends with its standard input.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.upstreams import Upstreams


def main() -> None:
    """Serve until nobody listens any more."""
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
    """Run it, and give the addresses by provider."""
    command = [sys.executable, "-m", "benchmarks.providers", str(seconds), *names]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        assert process.stdout is not None
        addresses: dict[str, str] = json.loads(process.stdout.readline())
        yield addresses
    finally:
        process.terminate()
        process.communicate()


if __name__ == "__main__":
    main()
