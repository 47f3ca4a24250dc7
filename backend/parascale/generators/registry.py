"""Which generators there are."""

from parascale.generators.generator import Generator
from parascale.generators.preview import Preview


def generators() -> dict[str, Generator]:
    """All generators by name. Nothing heavy is imported before one is asked to generate."""
    known: tuple[Generator, ...] = (Preview(),)
    return {generator.name: generator for generator in known}
