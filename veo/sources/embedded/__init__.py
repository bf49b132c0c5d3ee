"""The tables that ship with Veo, and what is answered from them."""
