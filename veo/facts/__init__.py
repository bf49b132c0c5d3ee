"""What the sources say of one subject, put together: one file a subject.

`live…` functions ask providers and raise their errors; the others answer from the embedded figures. Nothing
here knows of the cache: `veo.services.questions` decides which of them answers.
"""
