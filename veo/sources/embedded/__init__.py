"""The tables that ship with Veo, and the lookups and models that read them."""
