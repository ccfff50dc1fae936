"""What a leg is worth: the user's quotes, or a smile built out of index levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._dates import whole_days
from alvh.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from alvh.chain import Chain
    from alvh.history import History

__all__ = ["QuoteMarks", "SurfaceMarks", "quotes", "surface"]

Product = Literal["SPX", "SPXW", "VIX"]

# What numpy makes of "20180205" lies far outside.
FIRST_DAY, LAST_DAY = np.datetime64("1900-01-01", "D"), np.datetime64("2200-01-01", "D")


def _days(values: Any, field: str) -> NDArray[np.int32]:
    days = whole_days(values, "surface", field)
    if not ((days >= FIRST_DAY) & (days <= LAST_DAY)).all():
        shown = " ".join(repr(values).split())[:60]
        raise DataError("TIM001", "surface", field, shown, "dates such as 2018-02-05")
    return days.astype(np.int32)


@dataclass(frozen=True)
class SurfaceMarks:
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

        levels = _core.note_levels(self.history.source())
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
        columns = _core.surface_rows(
            self.history.source(),
            np.ascontiguousarray(day.ravel()),
            np.ascontiguousarray(last.ravel()),
            np.ascontiguousarray(level.ravel()),
            right,
            product or "",
            time,
        )
        if day.ndim == 0:
            return float(columns[0][0]), float(columns[1][0]), float(columns[2][0])
        return columns[0].reshape(day.shape), columns[1].reshape(day.shape), columns[2].reshape(day.shape)


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
