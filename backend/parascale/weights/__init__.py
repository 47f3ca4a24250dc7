"""Weights of models: which are published, which are on this machine, and how they get here."""
