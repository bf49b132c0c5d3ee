"""Simulates days of a fleet of containers in seconds: the real cache and policies on virtual time.

    demand (request arrivals) → fleet (edge, containers) → veo.cache → upstream, store (simulated)

Only readers, sources and the shared tier are simulated. `presets` holds ready-made loads, `prices` the cost
of Upstash, and `report` turns the counts into figures. Nothing else in Veo imports this package.
"""
