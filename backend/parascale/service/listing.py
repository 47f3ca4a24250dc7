"""Long lists in pages that fit into a header."""

import json
from collections.abc import Iterable

from parascale.link.codec import shallow
from parascale.link.limits import PAGE
from parascale.link.messages import JobStatus, StatusAll


def first_page(request: int, jobs: Iterable[JobStatus]) -> StatusAll:
    """Return the answer that lists the first of some jobs, as many as a page takes."""
    page: list[JobStatus] = []
    size = 0
    for status in jobs:
        size += len(json.dumps(shallow(status), ensure_ascii=False).encode())
        if page and size > PAGE:
            return StatusAll(request, tuple(page), more=True)
        page.append(status)
    return StatusAll(request, tuple(page))
