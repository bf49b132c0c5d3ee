"""Where figures come from: the tables that ship with Veo, the providers asked live, and bulk files.

- `veo.sources.embedded`: the shipped tables, read and checked, and what is answered from them.
- `veo.sources.providers`: one module for each provider that a request asks.
- `veo.sources.clients`: one client of each provider.
- `veo.sources.bulk`: files that only `veo data refresh` and the monthly job read.
- `veo.sources.http`: the client behind every call, with time limits, retries, rate limits, pauses after
  failures and a cap on the size of an answer. What a provider sends is validated, and its free text is
  reduced to plain text.

A failing provider raises a `veo.errors.ProviderError`. Nothing here imports the web, nor anything of the
cache but its circuit breaker.
"""
