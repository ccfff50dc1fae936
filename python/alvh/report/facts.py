"""What all parts of the page share: the books looked at, the statistics, the resampled paths."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._claims import SUBJECTS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from alvh.study import Study

__all__ = ["CONDOR_LEGS", "Facts"]

CONDOR_LEGS = ("short_put", "long_put", "short_call", "long_call")
_OTHERS = ("portfolio", "interest", "fees", "slippage")
# Resampled paths of the pictures; the intervals rest on all of the study's.
_PATHS = 400
# More points than this cannot be told apart on a screen.
_MOST_POINTS = 1_500
# Capitals that differ by more than this factor cannot share an axis in USD.
_ALIKE = 3.0


class Facts:
    """A study with what its report looks at.

    Parameters
    ----------
    study : Study
        The study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.base = study.base
        self.simulated = "outcomes" in study.raw
        hedged = [name for name in study.books if self.layers_of(name) and name != self.base]
        preferred = [name for name in SUBJECTS if name in hedged]
        self.subject: str | None = next(iter(preferred or hedged), None)

    @property
    def shown(self) -> str:
        """The book that pictures of one book show."""
        return self.subject or self.base

    @cached_property
    def summary(self) -> Any:
        """Statistics per book."""
        return self.study.summary()

    @cached_property
    def paired(self) -> Any:
        """Comparisons with the base."""
        return self.study.paired()

    @cached_property
    def claims(self) -> Any:
        """Verdicts."""
        return self.study.claims()

    @cached_property
    def events(self) -> Any:
        """Named events."""
        return self.study.events()

    @cached_property
    def outcomes(self) -> dict[str, NDArray[np.float64]]:
        """Outcomes of simulated paths, arrays of books x paths."""
        frame = self.study.to_frame()
        shape = (-1, len(self.study.books), int(self.study.raw["n_paths"]))
        values = frame["value"].to_numpy().reshape(shape)
        items = frame["item"].to_numpy()[:: shape[1] * shape[2]]
        return dict(zip(items.tolist(), values, strict=True))

    @cached_property
    def recorded(self) -> NDArray[np.float64]:
        """Equity of the recorded paths of a simulation, paths x books x sessions, USD."""
        equity = self.study.equity()
        paths = equity.index.get_level_values("path").nunique()
        if not paths:
            return np.zeros((0, len(self.study.books), 0))
        return equity.to_numpy().reshape(paths, -1, len(self.study.books)).transpose(0, 2, 1)

    @cached_property
    def daily(self) -> dict[str, NDArray[np.float64]]:
        """P&L by bucket, arrays of books x sessions in USD."""
        frame = self.study.to_frame()
        shape = (-1, len(self.study.books), len(self.days))
        values = frame["value"].to_numpy().reshape(shape)
        items = frame["item"].to_numpy()[:: shape[1] * shape[2]]
        return dict(zip(items.tolist(), values, strict=True))

    @cached_property
    def days(self) -> pd.DatetimeIndex:
        """Sessions; of a simulation those of one recorded path."""
        import pandas as pd

        index: Any = self.study.equity().index
        if self.simulated:
            index = (
                index[index.get_level_values("path") == index[0][0]].get_level_values("day")
                if len(index)
                else []
            )
        return pd.DatetimeIndex(index)

    @cached_property
    def buckets(self) -> list[str]:
        """Names of the buckets of the attribution."""
        return [str(name) for name in self.study.attribution().columns]

    @cached_property
    def layers(self) -> list[str]:
        """Hedge layers of any book."""
        return [name for name in self.buckets if name not in CONDOR_LEGS + _OTHERS]

    def layers_of(self, book: str) -> list[str]:
        """Hedge layers in which a book ever earned or lost anything."""
        own = self.study.attribution().loc[book]
        return [name for name in self.layers if own[name] != 0.0]

    @cached_property
    def unit(self) -> str:
        """Unit of pictures that compare books: USD do not compare accounts of very different size."""
        capital = np.asarray(self.study.raw["capital"], dtype=np.float64)
        return "thousand USD" if capital.max() <= _ALIKE * capital.min() else "% of capital"

    def scale(self, book: str) -> float:
        """USD that one unit of :attr:`unit` is for a book."""
        if self.unit == "thousand USD":
            return 1e3
        return float(self.study.raw["capital"][self.index(book)]) / 100.0

    def index(self, book: str) -> int:
        """Position of a book."""
        return self.study.books.index(book)

    def order(self) -> list[str]:
        """Books with the base first and the book looked at second, so that these two always look the same."""
        first = [self.base] + ([self.subject] if self.subject else [])
        return first + [name for name in self.study.books if name not in first]

    @cached_property
    def resampled(self) -> NDArray[np.uint32]:
        """Sessions of resampled paths, paths x sessions: the first ones of those behind the intervals."""
        bootstrap = self.study.provenance["bootstrap"]
        n = len(self.days)
        count = min(_PATHS, int(bootstrap["replicates"]))
        rows = [
            _core.bootstrap_indices(n, float(bootstrap["block_sessions"]), int(bootstrap["seed"]), k)
            for k in range(count)
        ]
        return np.array(rows, dtype=np.uint32).reshape(count, n)

    @cached_property
    def cuts(self) -> NDArray[np.int64]:
        """Last sessions of the stretches that are one point of a picture each."""
        n = len(self.days)
        step = max(1, -(-n // _MOST_POINTS))
        return np.unique(np.r_[np.arange(step - 1, n, step), n - 1]) if n else np.zeros(0, np.int64)

    def labels(self) -> list[str]:
        """Dates of the points of pictures."""
        dates: list[str] = self.days[self.cuts].strftime("%Y-%m-%d").tolist()
        return dates

    def last(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Last value of each stretch."""
        return values[..., self.cuts]

    def largest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest value of each stretch: thinning a picture must not hide a fall."""
        starts = np.r_[0, self.cuts[:-1] + 1]
        return np.maximum.reduceat(values, starts, axis=-1)
