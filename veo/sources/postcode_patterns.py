"""The forms of UK outcodes and postcodes."""

import re

OUTWARD = r"[A-Z]{1,2}[0-9][A-Z0-9]?"
"""The part of a postcode before the space, such as E1, E15, EC1A or SW1A."""

OUTCODE = re.compile(OUTWARD)
POSTCODE = re.compile(rf"({OUTWARD}) [0-9][A-Z]{{2}}")
"""A full postcode as providers write it, with the outcode as its first group."""


def compact_code(text: str) -> str:
    """Return an outcode or postcode in capitals, without spaces (`e1 6an` → `E16AN`)."""
    return "".join(text.split()).upper()
