"""Run all benchmarks, or those named on the command line: `python -m benchmarks app`.

`soak` is run by name only: it takes five minutes.
"""

import sys
from importlib import import_module

NAMES = ("cache", "shared", "app", "throughput", "streams", "plane", "live", "pages")

for name in sys.argv[1:] or NAMES:
    import_module(f"benchmarks.{name}").main()
