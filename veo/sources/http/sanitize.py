"""Text, addresses and citations that strangers wrote: kept short and harmless, never trusted.

A page must still escape what it shows. Here only that is taken away which does harm as plain text too:
characters that hide or reorder others, mark-up, links that run something, and numbers that cite nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import category
from urllib.parse import urlsplit

LONGEST_URL = 500
MOST_CITATIONS = 20

# Control, format (zero-width, bidirectional overrides), surrogate and private-use characters.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_LABEL = r"!?\[((?:[^\[\]]|\[\d+\])*)\]"
_TARGET = r"\( ?[^ ()]*(?:\([^ ()]*\)[^ ()]*)*(?: \"[^\"]*\")? ?\)"
_LINK = re.compile(_LABEL + _TARGET)
_TAG = re.compile(r"<[A-Za-z/!?][^<>]*>")
_BRACKETS = str.maketrans("<>", "\u2039\u203a")  # quotation marks of the same form
_NEVER_IN_A_URL = frozenset('<>"`\\')
_MARKER = re.compile(r" ?\[(?:web:)?\d{1,3}(?:, ?(?:web:)?\d{1,3})*\]", re.ASCII)


class Page(NamedTuple):
    """A page that was found: the number by which a text cites it, and its address if one can follow it."""

    number: int | None
    url: str | None


def plain(text: str, most: int) -> str:
    """Give a text in one line of at most `most` characters, cut at a word.

    Of a Markdown link its label stays, a number in its brackets; HTML tags go, and no angle bracket is left.
    """
    seen = "".join(char for char in text if char.isspace() or category(char) not in _HIDDEN)
    line = " ".join(seen.split())  # first, so that no pattern has to look through runs of space
    bare = _TAG.sub(" ", _LINK.sub(_label, line)).translate(_BRACKETS)
    return _capped(" ".join(bare.replace("](", "] (").split()), most)


def web_url(text: str) -> str | None:
    """Give an address that a reader may follow: http or https, a host, no credentials; else None."""
    url = text.strip()
    if len(url) > LONGEST_URL or any(_odd(char) for char in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return url if usable else None


def citations(pages: Sequence[Page], text: str) -> tuple[tuple[str, ...], dict[int, int]]:
    """Give the addresses in the order of their numbers, each once, and the place (from 1) of each number.

    Where there are too many, those that the text cites stay. A number that two pages share points at
    neither: better no source than the wrong one.
    """
    ordered = sorted(pages, key=lambda page: (page.number is None, page.number or 0))
    urls = list(dict.fromkeys(page.url for page in ordered if page.url))
    found: dict[int, set[str | None]] = {}
    for page in pages:
        if page.number is not None:
            found.setdefault(page.number, set()).add(page.url)
    sure = {number: shared.pop() for number, shared in found.items() if len(shared) == 1}
    cited = {sure.get(number) for number in _numbers(text)}
    first = set(sorted(urls, key=lambda url: url not in cited)[:MOST_CITATIONS])
    kept = [url for url in urls if url in first]
    places = {url: place for place, url in enumerate(kept, 1)}
    return tuple(kept), {number: places[url] for number, url in sure.items() if url in places}


def renumbered(text: str, places: Mapping[int, int]) -> str:
    """Let every number in square brackets be a place among the citations; one that has none goes."""

    def renumber(marker: re.Match[str]) -> str:
        known = dict.fromkeys(places[number] for number in _numbers(marker[0]) if number in places)
        space = " " if known and marker[0].startswith(" ") else ""
        return space + "".join(f"[{place}]" for place in known)

    return _MARKER.sub(renumber, text).strip()


def _numbers(text: str) -> Iterator[int]:
    for marker in _MARKER.findall(text):
        yield from map(int, re.findall(r"\d+", marker))


def _label(link: re.Match[str]) -> str:
    label = link[1]
    return f"[{label}]" if label.isdigit() else label  # a number points at a source


def _capped(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    head = text[:most]  # one too many for the ellipsis: the last may be the space after a whole word
    whole = head.rpartition(" ")[0] or head[:-1]
    return whole.rstrip(" ,;:") + "…"


def _odd(char: str) -> bool:
    return char.isspace() or char in _NEVER_IN_A_URL or category(char) in _HIDDEN
