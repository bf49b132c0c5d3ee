"""Sanitise text, addresses and citations from outside, which are never trusted.

A page must still escape them. This module removes what is harmful even as plain text: characters that hide
or reorder others, mark-up, links that run code, and citation numbers without a source.
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
    """A web page: the number by which a text cites it, and its address if that is safe to follow."""

    number: int | None
    url: str | None


def plain(text: str, most: int) -> str:
    """Return a text as one line of at most `most` characters, cut at a word.

    A Markdown link is reduced to its label, which keeps its brackets if it is a number. HTML tags are
    removed and angle brackets replaced.
    """
    visible = "".join(char for char in text if char.isspace() or category(char) not in _HIDDEN)
    line = " ".join(visible.split())  # first, so that no pattern has to scan runs of spaces
    bare = _TAG.sub(" ", _LINK.sub(_label, line)).translate(_BRACKETS)
    return _capped(" ".join(bare.replace("](", "] (").split()), most)


def web_url(text: str) -> str | None:
    """Return an address that is safe to follow (http or https, a host, no credentials), else None."""
    url = text.strip()
    if len(url) > LONGEST_URL or any(_unsafe(char) for char in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading the port validates it
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return url if usable else None


def citations(pages: Sequence[Page], text: str) -> tuple[tuple[str, ...], dict[int, int]]:
    """Return the distinct addresses by ascending number, and the position (from 1) of each number.

    Above `MOST_CITATIONS`, addresses that the text cites take precedence. A number that several pages share
    is dropped: no source is better than the wrong one.
    """
    ordered = sorted(pages, key=lambda page: (page.number is None, page.number or 0))
    urls = list(dict.fromkeys(page.url for page in ordered if page.url))
    urls_by_number: dict[int, set[str | None]] = {}
    for page in pages:
        if page.number is not None:
            urls_by_number.setdefault(page.number, set()).add(page.url)
    unique = {number: shared.pop() for number, shared in urls_by_number.items() if len(shared) == 1}
    cited = {unique.get(number) for number in _numbers(text)}
    selected = set(sorted(urls, key=lambda url: url not in cited)[:MOST_CITATIONS])
    kept = [url for url in urls if url in selected]
    positions = {url: position for position, url in enumerate(kept, 1)}
    return tuple(kept), {number: positions[url] for number, url in unique.items() if url in positions}


def renumbered(text: str, positions: Mapping[int, int]) -> str:
    """Replace every number in square brackets by its position among the citations; remove others."""

    def renumber(marker: re.Match[str]) -> str:
        cited = dict.fromkeys(positions[number] for number in _numbers(marker[0]) if number in positions)
        space = " " if cited and marker[0].startswith(" ") else ""
        return space + "".join(f"[{position}]" for position in cited)

    return _MARKER.sub(renumber, text).strip()


def _numbers(text: str) -> Iterator[int]:
    for marker in _MARKER.findall(text):
        yield from map(int, re.findall(r"\d+", marker))


def _label(link: re.Match[str]) -> str:
    label = link[1]
    return f"[{label}]" if label.isdigit() else label  # a number cites a source


def _capped(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    head = text[:most]  # the last character is dropped for the ellipsis, or is the space after a whole word
    whole = head.rpartition(" ")[0] or head[:-1]
    return whole.rstrip(" ,;:") + "…"


def _unsafe(char: str) -> bool:
    return char.isspace() or char in _NEVER_IN_A_URL or category(char) in _HIDDEN
