"""The kinds of jobs: a request in a module here, and a module in `parascale.service.jobs` that runs it, add a kind."""

import importlib
import pkgutil

from parascale.link.request import Request

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

KINDS: dict[str, type[Request]] = {request.kind: request for request in Request.__subclasses__()}
"""The request of every kind, by the kind's name."""
