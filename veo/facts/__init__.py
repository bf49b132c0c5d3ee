"""The answer of each subject, one module per subject, from live providers or from the embedded figures.

The `live_…` functions ask providers and raise their errors; the `embedded_…` and `modelled_…` functions use
the embedded figures. Nothing here knows about the cache: `veo.services.questions` chooses between them.
"""
