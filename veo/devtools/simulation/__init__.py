"""A fleet of containers over days, in seconds: the real cache and table of questions on virtual time.

    demand (who asks what, when) → fleet (edge, containers) → veo.cache → upstream, store (simulated)

Only what is outside of Veo is simulated: readers, sources and the shared tier. `presets` are loads to begin
with, `prices` says what Upstash takes, `report` into what is shown. Nothing else of Veo imports this.
"""
