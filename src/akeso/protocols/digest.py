"""What stands for a request, so that the same one is known when it comes again."""

import numpy as np

from akeso.ports.source import IngestRequest

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def request_digest(request: IngestRequest) -> int:
    """A number that the same body to the same path has again, and hardly any other; never 0. It is quick to tell and no
    secret: who looks for another body with the same number harms only himself."""
    words = np.frombuffer(request.body, "<u8", len(request.body) // 8)
    mixed = (words ^ (words >> np.uint64(29))) * _SPREAD
    rest = request.body[len(words) * 8 :]
    return (
        hash((request.path, len(request.body), int(words.sum()), int((mixed ^ (mixed >> np.uint64(32))).sum()), rest))
        or 1
    )
