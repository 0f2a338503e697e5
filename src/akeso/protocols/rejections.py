"""What is left out of a request while it is read, so that good items survive bad neighbours."""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from akeso.domain.errors import InvalidInput
from akeso.ports.source import Rejected

T = TypeVar("T")
U = TypeVar("U")

MOST_NAMED = 20


class Rejections:
    """Collects the items of one request that do not fit, the optional fields that do not, and warnings.

    The first MOST_NAMED items are named, the others counted. warnings: what was not understood though nothing is wrong
    with it.
    """

    def __init__(self) -> None:
        self.count = 0
        self.warnings: list[str] = []
        self._named: list[Rejected] = []
        self._omitted: Counter[str] = Counter()
        self._gone: dict[str, list[int]] = {}

    def __bool__(self) -> bool:
        return self.count > 0

    def reject(self, item: str, error: InvalidInput, count: int = 1) -> None:
        """So many items are left out, the first of which is `item`."""
        self.count += count
        if len(self._named) < MOST_NAMED:
            self._named.append(Rejected(item, "" if error.field == "body" else error.field, error.reason, count))

    def leave_out(self, array: str, index: int, error: InvalidInput) -> None:
        """The item at `index` of an array of the body does not fit and is not among those that are looked at later."""
        self.reject(f"{array}[{index}]", error)
        insort(self._gone.setdefault(array, []), index)

    def place(self, array: str, index: int) -> str:
        """Where an item stands in the body that is at `index` of those that were not left out of the array."""
        for gone in self._gone.get(array, ()):
            index += gone <= index
        return f"{array}[{index}]"

    def sift(self, items: Iterable[tuple[str, T]], read: Callable[[T], U]) -> list[U]:
        """What `read` makes of the items, each behind its place; those for which it raises InvalidInput are left
        out."""
        found = []
        for place, item in items:
            try:
                found.append(read(item))
            except InvalidInput as bad:
                self.reject(place, bad)
        return found

    def omit(self, field: str, count: int = 1) -> None:
        """An optional field was malformed, or is kept nowhere (exemplars); its item is kept without it."""
        if count:
            self._omitted[field] += count

    def check(self, kept: int) -> None:
        """Raises InvalidInput, naming the first item, when all that there was is left out."""
        if self._named and not kept:
            first = self._named[0]
            raise InvalidInput(first.place or "body", first.reason)

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The items, at most MOST_NAMED and one that stands for the others."""
        more = self.count - sum(each.count for each in self._named)
        return (*self._named, Rejected("", "", f"and {more} more", more)) if more else tuple(self._named)

    @property
    def omitted(self) -> Mapping[str, int]:
        """How often each field was left out."""
        return MappingProxyType(dict(self._omitted))

    @property
    def sentence(self) -> str:
        """All in words, "" when there is nothing to say."""
        return "; ".join((*map(str, self.rejected), *self.warnings))

    @property
    def content(self) -> dict[str, object]:
        """What a JSON answer says of them: `rejected: [{item, field, reason}]`, nothing when there is none."""
        told = [{"item": each.item, "field": each.field, "reason": each.reason} for each in self.rejected]
        return {"rejected": told} if told else {}
