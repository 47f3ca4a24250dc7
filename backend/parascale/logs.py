"""How much our processes say, by the environment variable PARASCALE_LOG."""

import logging
import os


def log_level() -> int | None:
    """Return the level that PARASCALE_LOG names, warnings where it is not set; None where it is no level."""
    asked = os.environ.get("PARASCALE_LOG", "").strip().upper()
    return logging.getLevelNamesMapping().get(asked) if asked else logging.WARNING
