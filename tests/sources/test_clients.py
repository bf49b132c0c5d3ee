"""Every provider of the package is registered, described and has a loopback server."""

from importlib import import_module
from pkgutil import walk_packages

import pytest

import veo.sources
from tests.support.upstreams import server_kinds
from veo.runtime import build
from veo.settings import Settings
from veo.sources.clients import PROVIDERS
from veo.sources.http.provider import Provider


def declared() -> set[str]:
    """Return the names of the providers that any module of `veo.sources` declares."""
    modules = [import_module(found.name) for found in walk_packages(veo.sources.__path__, "veo.sources.")]
    return {item.name for module in modules for item in vars(module).values() if isinstance(item, Provider)}


def test_every_declared_provider_is_registered() -> None:
    assert declared() == set(PROVIDERS)


def test_every_provider_has_a_loopback_server() -> None:
    assert {name for kind in server_kinds() for name in kind.provider_names} == set(PROVIDERS)


def test_an_address_for_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"VEO_UPSTREAMS: tlf: no such source; use one of tfl, police\.uk, "):
        build(Settings(upstreams={"tlf": "https://tfl.example"}))


def test_a_wrong_name_is_refused_even_while_live_sources_are_off() -> None:
    with pytest.raises(ValueError, match="tlf"):
        build(Settings(live="off", upstreams={"tlf": "https://tfl.example"}))
