"""The packages of an image that is never built: of this interpreter's those that the image would have.

An image has what `requirements.lock` pins, and Modal adds its own client with what that needs.
"""

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FINDER = '''"""Makes a container see only the packages of its image."""

import sys

ABSENT = frozenset({absent!r})


class Image:
    """Finds nothing that the image lacks."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Refuse what is not there, and leave the rest to the other finders."""
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Image)
'''


def hide_the_rest(folder: Path, lock: Path) -> None:
    """Write a `sitecustomize` into a folder for PYTHONPATH that hides what the image would not have.

    Veo is never hidden: it is uploaded, and stands first in the path.
    """
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)
    present = needed_by({"modal"}) | {canonicalize_name(name) for name in pinned}
    absent = sorted(
        module
        for module, distributions in packages_distributions().items()
        if module != "veo" and present.isdisjoint(canonicalize_name(name) for name in distributions)
    )
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FINDER.format(absent=absent))


def needed_by(names: Iterable[str]) -> set[str]:
    """Give some installed packages and all that they need, without extras."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += [canonicalize_name(needed) for needed in _needs(name)]
    return found


def _needs(name: str) -> list[str]:
    try:
        needs = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:  # for another platform or another Python
        return []
    return [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
