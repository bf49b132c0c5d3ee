"""`python -m veo` is the command line."""

from veo.cli.main import main

main()
