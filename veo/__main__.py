"""`python -m veo` is the command line."""

from veo.cli import main

main()
