"""Where figures come from: the tables that ship with Veo, the providers asked live, and bulk files.

- `embedded` reads and checks the shipped tables; `places`, `groups`, `rail` and `walk` answer from them.
- A provider asked within a request has a file of its own: `tfl`, `police`, `postcodes`, `boundaries`,
  `google`, `perplexity`, and behind `amenities` `overpass` and `fsa`. `live` holds one client of each.
- Bulk files are read only by `veo data refresh` and the monthly job: `schools` (from `gias` and `ofsted`),
  and `price_paid`, `house_price_index` and `rents`, which `refresh` combines.
- Every call goes through `http`: time limits, retries, rates, rests and a cap on size. What a provider sends
  is checked, and its free text is reduced to plain text by `untrusted`.

A failing provider raises a `veo.errors.ProviderError`. Nothing here knows of the cache or of the web.
"""
