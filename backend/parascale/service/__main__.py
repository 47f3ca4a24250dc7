"""A backend without the packages of the command line: `python -m parascale.service serve`, for those that bundle it."""

import argparse
from pathlib import Path

from parascale.service.server import Server, run_until_signal


def main() -> None:
    """Run a private backend until no one needs it."""
    parser = argparse.ArgumentParser(prog="parascale.service", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--bind", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--private", action="store_true", help="end when no one needs it")
    parser.add_argument("--held", action="store_true", help="be private from when standard input closes")
    options = parser.parse_args()
    # Who starts it holds the lock of its state.
    server = Server(options.bind, options.state, 1, None, private=True, held=options.held)
    run_until_signal(server)


if __name__ == "__main__":
    main()
