"""Short sketches of texts that show how much two texts have in common, and an index that finds the ones alike.

A text is the set of its runs of a few characters. Two sets are compared by Jaccard's similarity: what they share, over
all that is in either. Of a large set only the smallest hashes are kept: a sample that is the same for every text.
Texts that are alike are found by MinHash: their sketches agree on at least one of many groups of minima.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sketch = NDArray[np.uint32]
    Keys = NDArray[np.uint32]

_KEPT = 256
"""Hashes of a sketch. Smaller sets are compared exactly; larger ones to about 0.03."""
_MINIMA = 128
_RECALL = 0.985
"""The chance of finding a text that is just as like as asked."""
_WAYS = 4
"""Texts a place of the index holds; what is so common that its place is full is found by its other places."""
_COMPARED = 16
"""Texts compared with each other one by one, so that no batch takes more than linear time."""
_FIRST_ROOM = 1024
_SEED = 0x5EED
_WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """A text without what makes no difference: case, punctuation, white space, compatibility forms."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORD.findall(folded)) or " ".join(folded.split())


def groups(threshold: float) -> tuple[int, int]:
    """Into how many groups of how many minima each sketch goes, to find texts as like as a threshold."""
    size = 1
    while 1 - (1 - threshold ** (size + 1)) ** (_MINIMA // (size + 1)) >= _RECALL:
        size += 1
    return _MINIMA // size, size


class Sketcher:
    """Makes sketches of texts, and the keys under which the index has them.

    Args:
        shingle: Characters in a run.
        threshold: The similarity that is to be found.
    """

    def __init__(self, shingle: int, threshold: float) -> None:
        import numpy as np

        random = np.random.default_rng(_SEED)
        self.bands, self._group = groups(threshold)
        odd = np.uint64(1)
        self._places = random.integers(1, 2**63, shingle, np.uint64) | odd
        self._factors = random.integers(1, 2**31, (self.bands * self._group, 1), np.uint32) | np.uint32(1)
        self._terms = random.integers(0, 2**32, (self.bands * self._group, 1), np.uint32)
        self._group_factors = random.integers(1, 2**63, self._group, np.uint64) | odd

    def sketch(self, text: str) -> Sketch:
        """The smallest hashes of a text's runs of characters, ascending. A shorter text is one run, padded."""
        import numpy as np

        codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
        size = len(self._places)
        if len(codes) < size:
            codes = np.pad(codes, (0, size - len(codes)))
        count = len(codes) - size + 1
        mixed = np.zeros(count, np.uint64)
        for offset, factor in enumerate(self._places):
            mixed += codes[offset : offset + count] * factor
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        kept: Sketch = np.unique((mixed >> np.uint64(32)).astype(np.uint32))[:_KEPT]
        return kept

    def keys(self, sketch: Sketch) -> Keys:
        """One key a group of minima."""
        import numpy as np

        permuted = sketch * self._factors
        permuted += self._terms
        minima = permuted.min(axis=1).reshape(self.bands, self._group).astype(np.uint64)
        keys: Keys = ((minima * self._group_factors).sum(axis=1) >> np.uint64(32)).astype(np.uint32)
        return keys

    @staticmethod
    def similarity(one: Sketch, other: Sketch) -> float:
        """Jaccard's similarity of two texts, from 0 to 1."""
        import numpy as np

        _, counts = np.unique(np.concatenate((one, other)), return_counts=True)
        return float((counts[:_KEPT] == 2).mean())  # noqa: PLR2004 - in both


class Index:
    """Sketches by their keys: a table of a few places for every key, that holds the first comers."""

    def __init__(self, sketcher: Sketcher) -> None:
        import numpy as np

        self._sketcher = sketcher
        self._bands = np.arange(sketcher.bands)
        self._sketches: list[Sketch] = []
        self._keys: NDArray[np.uint32] = np.zeros((_FIRST_ROOM, sketcher.bands), np.uint32)
        self._table = self._empty_table()

    def most_like(self, sketch: Sketch, keys: Keys) -> float:
        """How like the text is to the likest of those in the index, of those that the keys find."""
        import numpy as np

        found = self._table[self._bands, keys & self._mask]
        agrees = (found > 0) & (self._keys[found - 1, self._bands[:, None]] == keys[:, None])
        candidates, agreements = np.unique(found[agrees] - 1, return_counts=True)
        nearest = candidates[np.argsort(-agreements, kind="stable")][:_COMPARED]
        return max((self._sketcher.similarity(sketch, self._sketches[number]) for number in nearest), default=0.0)

    def add(self, sketch: Sketch, keys: Keys) -> None:
        """Take in a text."""
        number = len(self._sketches)
        if number == len(self._keys):
            self._grow()
        self._sketches.append(sketch)
        self._keys[number] = keys
        self._enter(number)

    @property
    def _mask(self) -> np.uint32:
        import numpy as np

        return np.uint32(self._table.shape[1] - 1)

    def _empty_table(self) -> NDArray[np.int32]:
        """For every group of minima, places for the numbers of texts, from 1; 0 is free."""
        import numpy as np

        return np.zeros((len(self._bands), 2 * len(self._keys), _WAYS), np.int32)

    def _grow(self) -> None:
        import numpy as np

        self._keys = np.concatenate((self._keys, np.zeros_like(self._keys)))
        self._table = self._empty_table()
        for number in range(len(self._sketches)):
            self._enter(number)

    def _enter(self, number: int) -> None:
        places = self._keys[number] & self._mask
        is_free = self._table[self._bands, places] == 0
        has_room = is_free.any(axis=1)
        ways = is_free.argmax(axis=1)
        self._table[self._bands[has_room], places[has_room], ways[has_room]] = number + 1
