"""Who holds which page of the cache: free pages, shared ones, and those kept in case a prefix comes again.

A page holds the latents of `size` consecutive tokens in all layers. What stands in a page follows from its ids and all
ids before it, so a full page is found again by its parent page and its own ids. Page 0 is never given out: it stays
zero and pads short rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

Key = tuple[int, tuple[int, ...]]  # serial number of the page before (0: none), and the ids of this one
ROOT = 0


class Pages:
    """`count` pages of `size` tokens. Every page but 0 is free, held by so many sequences, or kept (held by none)."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self.count = count
        self._free = list(range(count - 1, 0, -1))
        self._holders = [0] * count
        self._serial = [ROOT] * count  # of a known page, never used again: no child finds a wrong parent
        self._key: list[Key | None] = [None] * count
        self._known: dict[Key, int] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()  # the one to go first comes first
        self._last_serial = ROOT

    @property
    def available(self) -> int:
        """Pages that `take` can give."""
        return len(self._free) + len(self._kept)

    @property
    def in_use(self) -> int:
        """Pages that some sequence holds."""
        return self.count - 1 - self.available

    def take(self) -> int | None:
        """A page for one holder, its content unknown; the longest unused prefix goes. None when all are held."""
        if self._free:
            page = self._free.pop()
        elif self._kept:
            page, _ = self._kept.popitem(last=False)
            self.forget(page)
        else:
            return None
        self._holders[page] = 1
        return page

    def release(self, pages: Sequence[int]) -> list[int]:
        """One holder lets go of them; those that are now free (not kept) are returned."""
        freed = []
        for page in reversed(pages):  # a prefix is worth more than what follows it: the tail goes first
            self._holders[page] -= 1
            if self._holders[page]:
                continue
            if self._key[page] is None:
                self._free.append(page)
                freed.append(page)
            else:
                self._kept[page] = None
        return freed

    def key_after(self, before: Sequence[int], ids: Sequence[int]) -> Key:
        """The key of a page with these ids, after these (known) pages."""
        return (self._serial[before[-1]] if before else ROOT, tuple(ids))

    def find(self, key: Key) -> int | None:
        """The known page, now held once more; None where there is none."""
        page = self._known.get(key)
        if page is not None:
            self._kept.pop(page, None)
            self._holders[page] += 1
        return page

    def know(self, page: int, key: Key) -> int:
        """A page is full: from now on it can be found. Returns the page to hold, which is another where one is known.

        Two sequences may fill equal pages in one step; the second then holds the first one's, and its own goes free.
        """
        known = self.find(key)
        if known is not None:
            self.release([page])
            return known
        self._last_serial += 1
        self._serial[page], self._key[page] = self._last_serial, key
        self._known[key] = page
        return page

    def forget(self, page: int) -> None:
        """It cannot be found any more (what holds it, holds it)."""
        key = self._key[page]
        if key is not None:
            del self._known[key]
            self._key[page], self._serial[page] = None, ROOT
