"""`python -m veo` is the command line."""

import sys


def main() -> None:
    """Run the command line; end quietly if Ctrl-C comes while it is still being imported."""
    try:
        from veo.cli.main import app  # noqa: PLC0415 - the import takes most of the time until the first line

        app()
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells expect


if __name__ == "__main__":
    main()
