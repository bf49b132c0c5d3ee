"""The tests of Veo."""
