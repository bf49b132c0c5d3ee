"""The tests of the Modal deployment."""
