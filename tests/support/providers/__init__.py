"""Loopback servers that answer as the providers document; each class lists the providers it stands for."""
