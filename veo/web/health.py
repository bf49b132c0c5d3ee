"""The health of the service as last observed: a poll sends no requests to sources or L2."""

from typing import Literal

from pydantic import Field

from veo import __version__
from veo.models import Value, absent
from veo.runtime import Runtime
from veo.sources.http.client import Upstream
from veo.web.envelope import timestamp

State = Literal["up", "down", "degraded"]
BREAKER: dict[str, State] = {"closed": "up", "half-open": "degraded", "open": "down"}


class Service(Value):
    """A part of the service; `latency` is that of a live source's last successful call, in ms."""

    name: str
    status: State
    latency: int | None = Field(default=None, exclude_if=absent)
    error: str | None = Field(default=None, exclude_if=absent)


class Health(Value):
    """The state of the service; `uptime` in seconds. Never unhealthy: the embedded figures always answer."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    timestamp: str
    services: tuple[Service, ...]
    uptime: int


def health(runtime: Runtime, uptime: float) -> Health:
    """Return the state: degraded if a configured part is not up, healthy otherwise.

    A live source counts as configured if it has a key. Its status is that of its last call, and up before it.
    """
    built_in = (_cache(runtime), Service(name="figures", status="up"), Service(name="rail", status="up"))
    live = runtime.sources.live
    keyed = () if live is None else live.keyed
    services = (
        *built_in,
        *(_source(upstream) for upstream in (() if live is None else live.http.upstreams())),
    )
    configured = [s for s in services if s in built_in or s.name.partition("-")[0] in keyed]
    return Health(
        status="healthy" if all(service.status == "up" for service in configured) else "degraded",
        version=__version__,
        timestamp=timestamp(),
        services=services,
        uptime=int(uptime),
    )


def _cache(runtime: Runtime) -> Service:
    if runtime.shared_fault is not None:
        return Service(name="cache", status="down", error=f"memory only: {runtime.shared_fault}")
    shared = runtime.cache.stats()["shared"]
    status = "up" if shared is None else BREAKER[shared["breaker"]]
    if status != "up":
        refused = shared is not None and shared["refused"]
        fault = "refuses: credentials, plan limit or full" if refused else "does not answer"
        return Service(name="cache", status=status, error=f"memory only: {runtime.shared} {fault}")
    if shared is not None and shared["last"] == "down":
        return Service(name="cache", status="degraded", error=f"{runtime.shared}: the last call failed")
    return Service(name="cache", status="up")


def _source(upstream: Upstream) -> Service:
    last_call = upstream.stats
    return Service(
        name=upstream.provider.name,
        status="down" if upstream.state() == "down" else "up",
        latency=None if last_call.seconds is None else round(last_call.seconds * 1000),
        error=last_call.error,
    )
