"""Links by what a sender tells apart of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Ids


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """of_link: int32[links] the group of each; left, right: int32[groups] what its links share, -1 for nobody;
    first: int64[groups] one of its links."""

    of_link: Ids
    left: Ids
    right: Ids
    first: NDArray[np.int64]


def grouped(left: Ids, right: Ids) -> Grouping:
    """Links with the same pair (each at least -1) in one group, in the order of the pairs."""
    width = int(right.max(initial=0)) + 2
    codes = (left.astype(np.int64) + 1) * width + right + 1
    pairs, first, of_link = np.unique(codes, return_index=True, return_inverse=True)
    return Grouping(
        of_link.astype(np.int32), (pairs // width - 1).astype(np.int32), (pairs % width - 1).astype(np.int32), first
    )
