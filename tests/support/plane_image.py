"""The packages of an image that is never built: the subset of this interpreter's that it would have.

An image has the packages that `requirements.lock` pins; Modal adds its client and its dependencies.
"""

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FINDER = '''"""Makes a container see only the packages of its image and the uploaded files."""

import sys

sys.path[:] = [place for place in sys.path if place != {checkout!r}]  # where `veo` is installed from

ABSENT = frozenset({absent!r})


class Image:
    """Finds nothing that the image lacks."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Refuse absent packages, and leave the rest to the other finders."""
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Image)
'''


def hide_the_rest(folder: Path, lock: Path) -> None:
    """Write a `sitecustomize` for PYTHONPATH that hides the packages that the image would not have.

    Veo itself is found only among the uploaded files, although the checkout is installed here.
    """
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)
    present = needed_by({"modal"}) | {canonicalize_name(name) for name in pinned}
    absent = sorted(
        module
        for module, distributions in packages_distributions().items()
        if module != "veo" and present.isdisjoint(canonicalize_name(name) for name in distributions)
    )
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FINDER.format(absent=absent, checkout=str(lock.parent)))


def needed_by(names: Iterable[str]) -> set[str]:
    """Return some installed packages and all their dependencies, without extras."""
    packages: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        if (name := waiting.pop()) not in packages:
            packages.add(name)
            waiting += [canonicalize_name(needed) for needed in _needs(name)]
    return packages


def _needs(name: str) -> list[str]:
    try:
        needs = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:  # for another platform or another Python
        return []
    return [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
