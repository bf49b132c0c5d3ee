"""How every provider is asked: a time limit, retries, a rate, a breaker and a cap on the size of an answer.

Whatever goes wrong is one of `Unavailable`, `RateLimited`, `BadAnswer` and `NotFoundThere`. Query strings and
headers may hold a key: they appear in no error and in no log.
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
from veo.sources.http.deadline import TELLING, deadline, next_wait, until
from veo.sources.http.provider import Blob, Observed, Params, Provider, Reply
from veo.sources.http.status import decoded, failure

if TYPE_CHECKING:  # imported at the first call: who is answered from the cache needs no client
    import httpx
    from aiolimiter import AsyncLimiter

T = TypeVar("T")

LONGEST_REST = 300.0  # seconds that a Retry-After may ask for
STREAM_LIMIT = 900.0  # seconds for a whole file


for _noisy in ("httpx", "httpcore"):  # they log whole addresses, which may hold a key
    logging.getLogger(_noisy).setLevel(logging.WARNING)


def preload() -> None:
    """Import what the first call would import."""
    for name in ("aiolimiter", "httpx", "stamina", "stamina.instrumentation"):
        import_module(name)


made: ContextVar[dict[str, int]] = ContextVar("made")
"""Where the calls of what is under way are added up, by provider, for whoever wants to know."""


class Http:
    """The client that all providers share. `addresses` replaces the bases of providers by name."""

    def __init__(self, addresses: Mapping[str, str] | None = None) -> None:
        self._addresses = dict(addresses or {})
        self._upstreams: dict[str, Upstream] = {}
        self._bound: tuple[asyncio.AbstractEventLoop, httpx.AsyncClient] | None = None

    def upstream(self, provider: Provider) -> "Upstream":
        """Give the one way to a provider: its rate and its breaker hold for all who ask it."""
        if provider.name not in self._upstreams:
            base = self._addresses.get(provider.name, provider.base).rstrip("/")
            self._upstreams[provider.name] = Upstream(provider, base, self.client)
        return self._upstreams[provider.name]

    def upstreams(self) -> "tuple[Upstream, ...]":
        """Give every provider that may be asked."""
        return tuple(self._upstreams.values())

    def client(self) -> "httpx.AsyncClient":
        """Give the client of the running loop: connections cannot outlive theirs."""
        import httpx  # noqa: PLC0415 - see above

        loop = asyncio.get_running_loop()
        if self._bound is None or self._bound[0] is not loop:
            agent = {"User-Agent": f"veo/{__version__} (London area recommendations)"}
            # a try has a time limit of its own, above connecting and reading: see `Upstream._timed`
            client = httpx.AsyncClient(headers=agent, timeout=httpx.Timeout(None), trust_env=False)
            self._bound = loop, client
        return self._bound[1]

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        bound, self._bound = self._bound, None  # first: who tries again meanwhile must not meet a closed one
        if bound is not None and bound[0] is asyncio.get_running_loop():
            await bound[1].aclose()


class Upstream:
    """The way to one provider. Every call raises `ProviderError`s only."""

    def __init__(self, provider: Provider, base: str, client: "Callable[[], httpx.AsyncClient]") -> None:
        self.provider, self.seen = provider, Observed()
        self._base, self._client = base, client
        self._breaker, self._probing, self._rest_until = Breaker(), False, -math.inf
        self._turns: _Turns | None = None

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
        unsure: frozenset[int] = frozenset(),
    ) -> Reply:
        """Give a JSON answer whose status is one of `accept`; `unsure` goes beside that of the provider."""
        request = partial(self._request, method, path, params, headers=headers, json=body, data=form)
        with self._judged(unsure):
            status, _, content = await self._whole(request, accept, unsure)
            try:
                return Reply(status, decoded(content))
            except ValueError:  # its message quotes the answer
                raise BadAnswer(self.provider.name, "the answer is not JSON", status) from None

    async def blob(self, path: str, *, params: Params | None = None, types: Collection[str]) -> Blob:
        """Give an answer as it is, if its content type is one of `types`."""
        request = partial(self._request, "GET", path, params)
        with self._judged():
            status, kind, content = await self._whole(request, (HTTPStatus.OK,))
            if kind not in types:
                raise BadAnswer(self.provider.name, f"the answer is not {' or '.join(types)}", status)
            return Blob(kind, content)

    @asynccontextmanager
    async def stream(self, path: str, *, largest: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give a file in pieces, at most `largest` bytes of it; only its beginning is tried again."""
        request = partial(self._request, "GET", path, None, timeout=self.provider.timeout)
        longest = asyncio.get_running_loop().time() + STREAM_LIMIT
        with self._judged():
            try:
                async with asyncio.timeout_at(min(longest, deadline.get())) as limit, self._turn():
                    response = await self._again(partial(self._begun, request, (HTTPStatus.OK,)))
                    try:
                        yield self._pieces(response, largest)
                    finally:
                        await response.aclose()
            except TimeoutError:
                if not limit.expired():
                    raise  # of whoever reads the pieces
                raise self._late(STREAM_LIMIT, told=longest <= deadline.get()) from None
            except ValueError as error:  # of whoever reads the pieces
                reason = f"the file is not as documented: {type(error).__name__}"
                raise BadAnswer(self.provider.name, reason, HTTPStatus.OK) from error

    def state(self) -> Literal["unasked", "up", "down"]:
        """Tell how the last call ended."""
        if self.seen.error is not None:
            return "down"
        return "unasked" if self.seen.seconds is None else "up"

    # ---- a call: all its tries -----------------------------------------------------------------------

    async def _whole(
        self,
        request: "Callable[[], httpx.Request]",
        accept: Collection[int],
        unsure: frozenset[int] = frozenset(),
    ) -> tuple[int, str, bytes]:
        return await self._again(partial(self._timed, partial(self._read, request, accept)), unsure)

    @contextmanager
    def _judged(self, unsure: frozenset[int] = frozenset()) -> Iterator[None]:
        """Keep calls from a provider that rests; learn from how this one ends."""
        import httpx  # noqa: PLC0415 - see above

        began = asyncio.get_running_loop().time()
        with self._admitted(began):
            self.seen.calls += 1
            if (tally := made.get(None)) is not None:
                tally[self.provider.name] = tally.get(self.provider.name, 0) + 1
            try:
                yield
            except httpx.HTTPError as error:
                reason = f"the connection failed ({type(error).__name__})"
                kind = NotAsked if isinstance(error, httpx.ConnectError) else Unavailable
                raise self.failed(kind(self.provider.name, reason)) from None
            except NotFoundThere:
                self._answered(began)
                raise
            except ProviderError as error:
                if error.status not in unsure:
                    self.failed(error)
                raise error from error.__cause__
            else:
                self._answered(began)

    @contextmanager
    def _admitted(self, now: float) -> Iterator[None]:
        self._check_rest(now)
        state = self._breaker.state(now)
        if state == "open" or (state == "half-open" and self._probing):
            raise NotAsked(self.provider.name, "not asked, as it has just failed")
        if state == "closed":
            yield
            return
        self._probing = True
        try:
            yield
        finally:
            self._probing = False

    def _check_rest(self, now: float) -> None:
        """Raise RateLimited while the provider rests."""
        left = self._rest_left(now)
        if left > 0:
            raise _Resting(self.provider.name, "it asked to be left alone", retry_after=left)

    def _rest_left(self, now: float) -> float:
        """Give the seconds for which it asked to be left alone still, 0 when they are over."""
        left = self._rest_until - now
        # what is longer than any rest comes from a clock that was set back since: it is over
        return left if 0 < left <= LONGEST_REST else 0.0

    def _answered(self, began: float) -> None:
        self.seen.seconds = asyncio.get_running_loop().time() - began
        self.seen.error = None
        self._breaker.succeeded(began)

    def failed(self, error: ProviderError) -> ProviderError:
        """Note a failure that says something of the provider; give it back to be raised."""
        if not isinstance(error, _Hurried | _Resting) and error.status not in self.provider.unsure:
            self.seen.failures += 1
            self.seen.error = str(error)
            self._blame(error, asyncio.get_running_loop().time())
        return error

    def _blame(self, error: ProviderError, now: float) -> None:
        """Let it rest when it asks to, refuses us, or fails again and again."""
        if error.status in self.provider.refusals:
            self._breaker.failed(now, refused=True)
        elif isinstance(error, RateLimited):
            self._rest_until = now + max(min(error.retry_after, LONGEST_REST), self._rest_left(now))
        elif not isinstance(error, BadAnswer) or error.status == HTTPStatus.OK:
            self._breaker.failed(now)

    async def _again(self, once: Callable[[], Awaitable[T]], unsure: frozenset[int] = frozenset()) -> T:
        """Try until there is an answer, or a failure that another try in the time left cannot mend."""
        import stamina  # noqa: PLC0415 - see above
        from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - likewise

        set_on_retry_hooks(())  # a failure is logged once, by whoever does without the answer
        hook = partial(next_wait, unsure=self.provider.unsure | unsure)
        async for attempt in stamina.retry_context(
            on=hook, attempts=self.provider.tries, timeout=None, wait_max=1.0, wait_jitter=0.2
        ):
            with attempt:
                return await once()
        raise AssertionError  # the last failure was raised above

    # ---- one try -------------------------------------------------------------------------------------

    async def _timed(self, once: Callable[[], Awaitable[T]]) -> T:
        """Try once: waiting for a turn counts against the caller's deadline, not against the provider."""
        clock = asyncio.get_running_loop().time
        began = None
        try:
            async with asyncio.timeout_at(until()), self._turn(), asyncio.timeout(self.provider.timeout):
                began = clock()
                return await once()
        except TimeoutError:
            seconds = 0.0 if began is None else clock() - began
            raise self._late(seconds, told=seconds >= min(TELLING, self.provider.timeout)) from None

    def _late(self, seconds: float, *, told: bool) -> Unavailable:
        """Give the error of a try without an answer in time; `told` when that tells of the provider."""
        reason = f"no answer within {seconds:.1f} s" if seconds else "no turn to ask it in time"
        return (Unavailable if told else _Hurried)(self.provider.name, reason)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until the provider's rate and the number of its open requests allow one more.

        Raises RateLimited when the provider rests by then.
        """
        from aiolimiter import AsyncLimiter  # noqa: PLC0415 - see above

        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns.loop is not loop:
            rate, most = self.provider.rate, self.provider.at_once
            limiter = AsyncLimiter(*rate) if rate else None
            self._turns = _Turns(loop, limiter, asyncio.Semaphore(most) if most else None)
        turns = self._turns
        if turns.at_once is not None:
            await turns.at_once.acquire()
        try:
            if turns.rate is not None:
                await turns.rate.acquire()
            self._check_rest(loop.time())  # which may have begun during the wait
            yield
        finally:
            if turns.at_once is not None:
                turns.at_once.release()

    def _request(self, method: str, path: str, params: Params | None, **extra: Any) -> "httpx.Request":
        import httpx  # noqa: PLC0415 - see above

        given = {name: value for name, value in (params or {}).items() if value is not None}
        headers = {**dict(self.provider.headers), **(extra.pop("headers", None) or {})}
        url = self._base + path
        try:
            return self._client().build_request(method, url, params=given or None, headers=headers, **extra)
        except (UnicodeError, httpx.InvalidURL):  # they quote what may be a key
            reason = "the request holds a character that cannot be sent"
            raise BadAnswer(self.provider.name, reason) from None

    async def _begun(
        self, request: "Callable[[], httpx.Request]", accept: Collection[int]
    ) -> "httpx.Response":
        """Give an answer whose body is still to come; raise what its status stands for."""
        response = await self._client().send(request(), stream=True)
        if response.status_code in accept:
            return response
        await response.aclose()
        raise failure(self.provider.name, response.status_code, response.headers.get("retry-after"))

    async def _read(
        self, request: "Callable[[], httpx.Request]", accept: Collection[int]
    ) -> tuple[int, str, bytes]:
        response = await self._begun(request, accept)
        try:
            content = b"".join([piece async for piece in self._pieces(response, self.provider.largest)])
        finally:
            await response.aclose()
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return response.status_code, kind, content

    async def _pieces(self, response: "httpx.Response", largest: int) -> AsyncIterator[bytes]:
        seen = 0
        async for piece in response.aiter_bytes():
            seen += len(piece)
            if seen > largest:
                raise BadAnswer(self.provider.name, f"the answer is larger than {largest:,} bytes", 200)
            yield piece


class _Hurried(Unavailable):
    """The caller had too little time left for this to say anything of the provider."""


class _Resting(RateLimited):
    """Nothing was sent, so this says nothing new of the provider."""


@dataclass(slots=True)
class _Turns:
    """Who may ask when, on one loop."""

    loop: asyncio.AbstractEventLoop
    rate: "AsyncLimiter | None"
    at_once: asyncio.Semaphore | None
