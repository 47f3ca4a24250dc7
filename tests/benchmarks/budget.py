"""Whether a figure keeps to its budget, in words."""


def told(value: float, most: float, unit: str) -> str:
    """Say whether a value is at most what is allowed."""
    return f"{'within' if value <= most else 'OVER'} the budget of {most:g}{unit}"
