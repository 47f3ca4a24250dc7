"""Scenes that demo, tests and evaluation share, at their true sizes in metres, the same at every build."""
