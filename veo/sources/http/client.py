"""Call providers with time limits, retries, rate limits, a circuit breaker and a cap on the answer's size.

Every failure is an `Unavailable`, `RateLimited`, `BadAnswer` or `NotFoundThere`. Query strings and headers
may hold a key: they appear in no error and in no log.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from veo import __version__
from veo.cache.breaker import Breaker
from veo.errors import BadAnswer, NotAsked, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.http.deadline import MIN_COUNTED_TRY, deadline, finite_deadline, retry_delay
from veo.sources.http.provider import Blob, CallStats, JsonAnswer, Params, Provider
from veo.sources.http.status import decode_json, error_for_status

if TYPE_CHECKING:  # imported at the first call: answers from the cache need no client
    import httpx
    from aiolimiter import AsyncLimiter

T = TypeVar("T")

MAX_RETRY_AFTER = 300.0  # seconds: a longer Retry-After is cut to this
STREAM_LIMIT = 900.0  # seconds for a whole file

for _noisy in ("httpx", "httpcore"):  # they log whole addresses, which may hold a key
    logging.getLogger(_noisy).setLevel(logging.WARNING)


def preload() -> None:
    """Import now what the first call would import."""
    for name in ("aiolimiter", "httpx", "stamina", "stamina.instrumentation"):
        import_module(name)


call_counts: ContextVar[dict[str, int]] = ContextVar("call_counts")
"""The number of calls by provider in the current context, counted when a dict is set."""


class Http:
    """The client that all providers share; `addresses` replaces base addresses by provider name."""

    def __init__(self, addresses: Mapping[str, str] | None = None) -> None:
        self._addresses = dict(addresses or {})
        self._upstreams: dict[str, Upstream] = {}
        self._bound: tuple[asyncio.AbstractEventLoop, httpx.AsyncClient] | None = None

    def upstream(self, provider: Provider) -> "Upstream":
        """Return the one upstream of a provider, so that all callers share its limits and its breaker."""
        if provider.name not in self._upstreams:
            base = self._addresses.get(provider.name, provider.base).rstrip("/")
            self._upstreams[provider.name] = Upstream(provider, base, self.client)
        return self._upstreams[provider.name]

    def upstreams(self) -> "tuple[Upstream, ...]":
        """Return every upstream created so far."""
        return tuple(self._upstreams.values())

    def client(self) -> "httpx.AsyncClient":
        """Return the client of the running loop: connections cannot outlive their loop."""
        import httpx  # noqa: PLC0415 - see above

        loop = asyncio.get_running_loop()
        if self._bound is None or self._bound[0] is not loop:
            agent = {"User-Agent": f"veo/{__version__} (London area recommendations)"}
            # no httpx timeouts: `Upstream._one_try` limits connecting and reading together
            client = httpx.AsyncClient(headers=agent, timeout=httpx.Timeout(None), trust_env=False)
            self._bound = loop, client
        return self._bound[1]

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        bound, self._bound = self._bound, None  # first: a concurrent call must not get a closed client
        if bound is not None and bound[0] is asyncio.get_running_loop():
            await bound[1].aclose()


class Upstream:
    """Calls to one provider, which raise only `ProviderError`s."""

    def __init__(self, provider: Provider, base: str, client: "Callable[[], httpx.AsyncClient]") -> None:
        self.provider, self.stats = provider, CallStats()
        self._base, self._client = base, client
        self._breaker, self._probing, self._paused_until = Breaker(), False, -math.inf
        self._limits: _Limits | None = None

    async def json(
        self,
        path: str,
        *,
        method: Literal["GET", "POST"] = "GET",
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        accept: Collection[int] = (HTTPStatus.OK,),
        possibly_valid: frozenset[int] = frozenset(),
    ) -> JsonAnswer:
        """Return a JSON answer whose status is in `accept`.

        `possibly_valid` adds statuses to those of the provider.
        """
        request = partial(self._request, method, path, params, headers=headers, json=body, data=form)
        with self._recorded(possibly_valid):
            status, _, content = await self._fetch(request, accept, possibly_valid)
            try:
                return JsonAnswer(status, decode_json(content))
            except ValueError:  # its message quotes the answer
                raise BadAnswer(self.provider.name, "the answer is not JSON", status) from None

    async def blob(self, path: str, *, params: Params | None = None, types: Collection[str]) -> Blob:
        """Return an answer undecoded if its content type is in `types`."""
        request = partial(self._request, "GET", path, params)
        with self._recorded():
            status, content_type, content = await self._fetch(request, (HTTPStatus.OK,))
            if content_type not in types:
                raise BadAnswer(self.provider.name, f"the answer is not {' or '.join(types)}", status)
            return Blob(content_type, content)

    @asynccontextmanager
    async def stream(self, path: str, *, max_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream a file of at most `max_bytes` in pieces; only opening it is retried."""
        request = partial(self._request, "GET", path, None, timeout=self.provider.timeout)
        end = asyncio.get_running_loop().time() + STREAM_LIMIT
        with self._recorded():
            try:
                async with asyncio.timeout_at(min(end, deadline.get())) as limit, self._slot():
                    response = await self._with_retries(partial(self._open, request, (HTTPStatus.OK,)))
                    try:
                        yield self._pieces(response, max_bytes)
                    finally:
                        await response.aclose()
            except TimeoutError:
                if not limit.expired():
                    raise  # raised by the reader of the pieces
                raise self._timeout_error(STREAM_LIMIT, counts=end <= deadline.get()) from None
            except ValueError as error:  # raised by the reader of the pieces
                reason = f"the file is not as documented: {type(error).__name__}"
                raise BadAnswer(self.provider.name, reason, HTTPStatus.OK) from error

    def state(self) -> Literal["unasked", "up", "down"]:
        """Return the state of the provider after its last call."""
        if self.stats.error is not None:
            return "down"
        return "unasked" if self.stats.seconds is None else "up"

    # ---- one call, with all its tries ----------------------------------------------------------------

    async def _fetch(
        self,
        request: "Callable[[], httpx.Request]",
        accept: Collection[int],
        possibly_valid: frozenset[int] = frozenset(),
    ) -> tuple[int, str, bytes]:
        once = partial(self._one_try, partial(self._read, request, accept))
        return await self._with_retries(once, possibly_valid)

    @contextmanager
    def _recorded(self, possibly_valid: frozenset[int] = frozenset()) -> Iterator[None]:
        """Reject the call if the provider is paused or its breaker open, else record its outcome."""
        import httpx  # noqa: PLC0415 - see above

        began = asyncio.get_running_loop().time()
        with self._admitted(began):
            self.stats.calls += 1
            if (counts := call_counts.get(None)) is not None:
                counts[self.provider.name] = counts.get(self.provider.name, 0) + 1
            try:
                yield
            except httpx.HTTPError as error:
                reason = f"the connection failed ({type(error).__name__})"
                kind = NotAsked if isinstance(error, httpx.ConnectError) else Unavailable
                raise self.record_failure(kind(self.provider.name, reason)) from None
            except NotFoundThere:
                self._record_success(began)
                raise
            except ProviderError as error:
                if error.status not in possibly_valid:
                    self.record_failure(error)
                raise error from error.__cause__
            else:
                self._record_success(began)

    @contextmanager
    def _admitted(self, now: float) -> Iterator[None]:
        self._check_pause(now)
        state = self._breaker.state(now)
        if state == "open" or (state == "half-open" and self._probing):
            raise NotAsked(self.provider.name, "not called, because its last calls failed")
        if state == "closed":
            yield
            return
        self._probing = True
        try:
            yield
        finally:
            self._probing = False

    def _check_pause(self, now: float) -> None:
        """Raise `RateLimited` while the provider is paused."""
        left = self._pause_left(now)
        if left > 0:
            raise _AlreadyPaused(self.provider.name, "rate limited, so not called yet", retry_after=left)

    def _pause_left(self, now: float) -> float:
        """Return the seconds until the pause that the provider asked for ends, 0 when it is over."""
        left = self._paused_until - now
        # more than the longest pause means that the clock has been set back since: the pause is over
        return left if 0 < left <= MAX_RETRY_AFTER else 0.0

    def _record_success(self, began: float) -> None:
        self.stats.seconds = asyncio.get_running_loop().time() - began
        self.stats.error = None
        self._breaker.succeeded(began)

    def record_failure(self, error: ProviderError) -> ProviderError:
        """Record a failure if it counts toward the breaker; return it, to be raised."""
        if (
            not isinstance(error, _CutShort | _AlreadyPaused)
            and error.status not in self.provider.possibly_valid
        ):
            self.stats.failures += 1
            self.stats.error = str(error)
            self._pause_or_trip(error, asyncio.get_running_loop().time())
        return error

    def _pause_or_trip(self, error: ProviderError, now: float) -> None:
        """Pause a provider that rate-limits; count other failures toward the breaker."""
        if error.status in self.provider.refusals:
            self._breaker.failed(now, refused=True)
        elif isinstance(error, RateLimited):
            self._paused_until = now + max(min(error.retry_after, MAX_RETRY_AFTER), self._pause_left(now))
        elif not isinstance(error, BadAnswer) or error.status == HTTPStatus.OK:
            self._breaker.failed(now)

    async def _with_retries(
        self, once: Callable[[], Awaitable[T]], possibly_valid: frozenset[int] = frozenset()
    ) -> T:
        """Try until there is an answer, a failure that is not retryable, or too little time left."""
        import stamina  # noqa: PLC0415 - see above
        from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - likewise

        set_on_retry_hooks(())  # a failure is logged once, where the missing answer is handled
        hook = partial(retry_delay, possibly_valid=self.provider.possibly_valid | possibly_valid)
        async for attempt in stamina.retry_context(
            on=hook, attempts=self.provider.tries, timeout=None, wait_max=1.0, wait_jitter=0.2
        ):
            with attempt:
                return await once()
        raise AssertionError  # unreachable: the last failure was raised above

    # ---- one try -------------------------------------------------------------------------------------

    async def _one_try(self, once: Callable[[], Awaitable[T]]) -> T:
        """Try once: waiting for a slot counts against the caller's deadline, not against the provider."""
        clock = asyncio.get_running_loop().time
        began = None
        try:
            async with (
                asyncio.timeout_at(finite_deadline()),
                self._slot(),
                asyncio.timeout(self.provider.timeout),
            ):
                began = clock()
                return await once()
        except TimeoutError:
            seconds = 0.0 if began is None else clock() - began
            counts = seconds >= min(MIN_COUNTED_TRY, self.provider.timeout)
            raise self._timeout_error(seconds, counts=counts) from None

    def _timeout_error(self, seconds: float, *, counts: bool) -> Unavailable:
        """Return the error of a try that timed out; `counts` if it counts toward the breaker."""
        reason = f"no answer within {seconds:.1f} s" if seconds else "no free slot in time"
        return (Unavailable if counts else _CutShort)(self.provider.name, reason)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Wait for a slot under the provider's concurrency limit and rate limit.

        Raise `RateLimited` if the provider has been paused meanwhile.
        """
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - see above

        loop = asyncio.get_running_loop()
        if self._limits is None or self._limits.loop is not loop:
            rate, concurrency = self.provider.rate, self.provider.max_concurrent
            limiter = AsyncLimiter(*rate) if rate else None
            self._limits = _Limits(loop, limiter, asyncio.Semaphore(concurrency) if concurrency else None)
        limits = self._limits
        if limits.concurrency is not None:
            await limits.concurrency.acquire()
        try:
            if limits.rate is not None:
                await limits.rate.acquire()
            self._check_pause(loop.time())  # again: a pause may have begun during the wait
            yield
        finally:
            if limits.concurrency is not None:
                limits.concurrency.release()

    def _request(self, method: str, path: str, params: Params | None, **extra: Any) -> "httpx.Request":
        import httpx  # noqa: PLC0415 - see above

        query = {name: value for name, value in (params or {}).items() if value is not None}
        headers = {**dict(self.provider.headers), **(extra.pop("headers", None) or {})}
        url = self._base + path
        try:
            return self._client().build_request(method, url, params=query or None, headers=headers, **extra)
        except (UnicodeError, httpx.InvalidURL):  # their messages may quote a key
            reason = "the request holds a character that cannot be sent"
            raise BadAnswer(self.provider.name, reason) from None

    async def _open(
        self, request: "Callable[[], httpx.Request]", accept: Collection[int]
    ) -> "httpx.Response":
        """Return a response whose body is still to be read; raise the error that its status stands for."""
        response = await self._client().send(request(), stream=True)
        if response.status_code in accept:
            return response
        await response.aclose()
        raise error_for_status(self.provider.name, response.status_code, response.headers.get("retry-after"))

    async def _read(
        self, request: "Callable[[], httpx.Request]", accept: Collection[int]
    ) -> tuple[int, str, bytes]:
        response = await self._open(request, accept)
        try:
            content = b"".join([piece async for piece in self._pieces(response, self.provider.max_bytes)])
        finally:
            await response.aclose()
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return response.status_code, content_type, content

    async def _pieces(self, response: "httpx.Response", max_bytes: int) -> AsyncIterator[bytes]:
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > max_bytes:
                raise BadAnswer(self.provider.name, f"the answer is larger than {max_bytes:,} bytes", 200)
            yield piece


class _CutShort(Unavailable):
    """A timeout because the caller had too little time left: it does not count toward the breaker."""


class _AlreadyPaused(RateLimited):
    """A call rejected during a pause: nothing was sent, so the pause is not extended."""


@dataclass(slots=True)
class _Limits:
    """The rate limit and the concurrency limit of a provider on one event loop."""

    loop: asyncio.AbstractEventLoop
    rate: "AsyncLimiter | None"
    concurrency: asyncio.Semaphore | None
