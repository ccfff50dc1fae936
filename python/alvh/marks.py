"""What a leg is worth: the user's quotes, a smile built out of index levels, or the market model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._dates import whole_days
from alvh.errors import ConfigError, DataError

if TYPE_CHECKING:
    import os

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from alvh.chain import Chain
    from alvh.history import History
    from alvh.market import Market

__all__ = [
    "ModelMarks",
    "ModelSmiles",
    "QuoteMarks",
    "SurfaceMarks",
    "model",
    "quotes",
    "surface",
    "table_counts",
]

Product = Literal["SPX", "SPXW", "VIX"]

# What numpy makes of "20180205" lies far outside.
FIRST_DAY, LAST_DAY = np.datetime64("1900-01-01", "D"), np.datetime64("2200-01-01", "D")


def _days(values: Any, field: str) -> NDArray[np.int32]:
    days = whole_days(values, "surface", field)
    if not ((days >= FIRST_DAY) & (days <= LAST_DAY)).all():
        shown = " ".join(repr(values).split())[:60]
        raise DataError("TIM001", "surface", field, shown, "dates such as 2018-02-05")
    return days.astype(np.int32)


class _Smiles:
    """Options of any session of a history, looked up on smiles."""

    history: History

    @property
    def _tables(self) -> Any:
        return None

    @property
    def _overlay(self) -> bool:
        return False

    def implied_vol(
        self,
        date: ArrayLike,
        expiry: ArrayLike,
        strike: ArrayLike,
        product: Product | None = None,
        time: str = "close",
    ) -> Any:
        """Implied volatility of the smile.

        Parameters
        ----------
        date : array_like of datetime64[D]
            Sessions of the history.
        expiry : array_like of datetime64[D]
            Expiry days.
        strike : array_like of float
            Strikes [points].
        product : {"SPX", "SPXW", "VIX"}, optional
            Option family; SPX and VIX expire on the open, SPXW on the close. Default: SPX on the AM expiry day of a
            month, SPXW on any other.
        time : {"open", "mid_morning", "close"}
            Mark of the session.

        Returns
        -------
        float or numpy.ndarray
            Annualised volatility, decimal, ACT/365F; NaN where the session has no such mark.

        Raises
        ------
        DataError
            When a date is no session of the history.
        """
        return self._rows(date, expiry, strike, "call", product, time)[0]

    def price(
        self,
        date: ArrayLike,
        expiry: ArrayLike,
        strike: ArrayLike,
        right: Literal["call", "put"],
        product: Product | None = None,
        time: str = "close",
    ) -> Any:
        """Mid price of an option.

        Parameters
        ----------
        date, expiry, strike, product, time
            As for :meth:`implied_vol`.
        right : {"call", "put"}
            Right of the option.

        Returns
        -------
        float or numpy.ndarray
            Points.

        Raises
        ------
        DataError
            When a date is no session of the history.
        """
        return self._rows(date, expiry, strike, right, product, time)[1]

    def forward(
        self, date: ArrayLike, expiry: ArrayLike, product: Product | None = None, time: str = "close"
    ) -> Any:
        """Forward of the index, or the VIX future, for an expiry.

        Parameters
        ----------
        date, expiry, product, time
            As for :meth:`implied_vol`.

        Returns
        -------
        float or numpy.ndarray
            Points.

        Raises
        ------
        DataError
            When a date is no session of the history.
        """
        return self._rows(date, expiry, 1.0, "call", product, time)[2]

    def note(self) -> pd.Series[float]:
        """Level of the rolled VIX note at the close of every session, as books that hold it are marked.

        A long position in the first two VIX futures of the curve, rebalanced at every close: the share of the first
        is the sessions left in the roll period over its length, and the collateral earns the rate of the history.
        No fee is taken. Where no futures were given, the curve that the index levels imply stands in.

        Returns
        -------
        pandas.Series
            Level by session, 100 at the first close; float64 of the length of the history.

        Notes
        -----
        S&P Dow Jones Indices, "S&P VIX Futures Indices Methodology", short-term index.
        """
        import pandas as pd

        levels = _core.note_levels(self.history.source(), self._tables)
        return pd.Series(levels, index=pd.DatetimeIndex(self.history.sessions, name="date"), name="note")

    def _rows(
        self,
        date: ArrayLike,
        expiry: ArrayLike,
        strike: ArrayLike,
        right: str,
        product: Product | None,
        time: str,
    ) -> tuple[Any, Any, Any]:
        try:
            day, last, level = np.broadcast_arrays(
                _days(date, "date"), _days(expiry, "expiry"), np.asarray(strike, dtype=np.float64)
            )
        except (TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            value = f"{np.shape(date)}, {np.shape(expiry)}, {np.shape(strike)}"
            expected = "dates, expiries and numbers that broadcast"
            raise DataError("ROW018", "surface", "strike", value, expected) from error
        columns = _core.smile_rows(
            self.history.source(),
            np.ascontiguousarray(day.ravel()),
            np.ascontiguousarray(last.ravel()),
            np.ascontiguousarray(level.ravel()),
            right,
            product or "",
            time,
            self._tables,
            self._overlay,
        )
        if day.ndim == 0:
            return float(columns[0][0]), float(columns[1][0]), float(columns[2][0])
        return columns[0].reshape(day.shape), columns[1].reshape(day.shape), columns[2].reshape(day.shape)


@dataclass(frozen=True)
class SurfaceMarks(_Smiles):
    """Marks from smiles that the day's index levels imply.

    Parameters
    ----------
    history : History
        The market whose levels the smiles are built from.
    """

    history: History

    @property
    def store(self) -> None:
        """No quotes stand behind these marks."""
        return None

    def describe(self) -> dict[str, Any]:
        """Say what stands behind the marks.

        Returns
        -------
        dict
            Kind of the marks.
        """
        return {"kind": "surface"}


@dataclass(frozen=True)
class ModelSmiles(_Smiles):
    """Smiles of the market model at the states that the indices of a history imply.

    Parameters
    ----------
    history : History
        The market.
    marks : ModelMarks
        The model.
    """

    history: History
    marks: ModelMarks

    @property
    def _tables(self) -> Any:
        return self.marks.tables

    @property
    def _overlay(self) -> bool:
        return self.marks.overlay


@dataclass(frozen=True)
class ModelMarks:
    """Marks from the market model.

    In history the state of every step is the one that VIX9D, VIX, VIX3M and VIX6M of that step imply. Forwards and
    discounts of index options are those of the history; futures are its quotes, and a VIX option is worth what the
    model says of its strike relative to the future.

    Parameters
    ----------
    market : Market
        The model.
    overlay : bool
        Scale implied volatilities of VIX options to what the market asked at that level of VIX.
    cache : bool or path
        Whether tables are kept on disk, and where.
    n_jobs : int
        Threads that compute tables which are not kept yet.
    """

    market: Market
    overlay: bool = False
    cache: bool | str | os.PathLike[str] = field(default=True, compare=False)
    n_jobs: int = field(default=2, compare=False)

    def __post_init__(self) -> None:
        from alvh.market import Market
        from alvh.simulation import _jobs

        if not isinstance(self.market, Market):
            kind = type(self.market).__name__
            raise ConfigError(
                "CFG331", "marks.model", "market", kind, "a Market", hint="see Market.default()"
            )
        if not isinstance(self.overlay, bool):
            raise ConfigError("CFG332", "marks.model", "overlay", repr(self.overlay)[:40], "True or False")
        _jobs("marks.model", self.n_jobs)

    @property
    def store(self) -> None:
        """No quotes stand behind these marks."""
        return None

    @property
    def tables(self) -> _core.ModelTables:
        """The tables of the model; computed when first asked for, which takes some ten seconds."""
        from alvh._tables import tables

        return tables(self.market, self.cache, self.n_jobs)

    def describe(self) -> dict[str, Any]:
        """Say what stands behind the marks.

        Returns
        -------
        dict
            Kind of the marks, hash of the model, whether the overlay is on.
        """
        return {"kind": "model", "market_hash": self.market.digest, "overlay": self.overlay}

    def on(self, history: History) -> ModelSmiles:
        """Look up single options of a history under the model.

        Parameters
        ----------
        history : History
            The market.

        Returns
        -------
        ModelSmiles
            Implied volatilities, prices and forwards by session.
        """
        return ModelSmiles(history, self)


@dataclass(frozen=True)
class QuoteMarks:
    """Marks from the quotes of a chain; where it has none, the surface stands in and is counted.

    Parameters
    ----------
    chain : Chain
        The user's quotes.
    """

    chain: Chain

    @property
    def store(self) -> Any:
        """The quotes as the core holds them."""
        return self.chain._store

    def describe(self) -> dict[str, Any]:
        """Say what stands behind the marks.

        Returns
        -------
        dict
            Kind of the marks and hash of the chain.
        """
        return {"kind": "quotes", "chain_hash": self.chain.data_hash}


def surface(history: History) -> SurfaceMarks:
    """Mark from the smiles that index levels imply.

    Parameters
    ----------
    history : History
        The market.

    Returns
    -------
    SurfaceMarks
        The marks.
    """
    return SurfaceMarks(history)


def quotes(chain: Chain) -> QuoteMarks:
    """Mark from the quotes of a chain, with the surface where it has none.

    Parameters
    ----------
    chain : Chain
        The user's quotes.

    Returns
    -------
    QuoteMarks
        The marks.
    """
    return QuoteMarks(chain)


def model(
    market: Market,
    *,
    overlay: bool = False,
    cache: bool | str | os.PathLike[str] = True,
    n_jobs: int = 2,
) -> ModelMarks:
    """Mark from the market model.

    Parameters
    ----------
    market : Market
        The model.
    overlay : bool
        Scale implied volatilities of VIX options to what the market asked at that level of VIX: the model's fall when
        VIX rises, the market's rise. See docs/model.md.
    cache : bool or path
        True keeps tables in the user's cache folder, which the environment variable ALVH_CACHE moves; False keeps
        none; else the folder.
    n_jobs : int
        Threads that compute tables which are not kept yet.

    Returns
    -------
    ModelMarks
        The marks.

    Raises
    ------
    ConfigError
        When an argument breaks its rule.
    """
    return ModelMarks(market, overlay, cache, n_jobs)


def table_counts() -> dict[str, int]:
    """Return what became of every request for tables of the model since the import.

    Returns
    -------
    dict
        ``built`` computed, ``loaded`` read from the cache, ``reused`` still in memory; of the files of the cache,
        ``damaged`` were not what they claim (truncated, altered, of another version) and computed again,
        ``unwritten`` could not be written.
    """
    from alvh._tables import counts

    return counts()
