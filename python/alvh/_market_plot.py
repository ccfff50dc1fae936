"""Pictures of the market model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._figures import COLOURS, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from alvh.market import Market

__all__ = ["MarketPlot"]

_DAYS_PER_YEAR = 365.0


class MarketPlot:
    """Term structure, smile and paths of a market.

    Parameters
    ----------
    market : Market
        What to draw.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def term_structure(self, state: Any = None, ax: Axes | None = None) -> Axes:
        """VIX futures by time to expiry, with spot VIX at zero.

        Parameters
        ----------
        state : mapping or array_like, optional
            State of the model; its start by default.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = new_axes() if ax is None else ax
        state = self._market.start if state is None else state
        days = np.arange(1.0, 241.0)
        futures = np.asarray(self._market.vix_future(days / _DAYS_PER_YEAR, state))
        spot = float(self._market.vix(state))
        ax.plot(np.append(0.0, days), np.append(spot, futures), color=COLOURS[0], linewidth=1.3)
        ax.set_xlabel("days to expiry")
        ax.set_ylabel("VIX future, points")
        tidy(ax)
        return ax

    def smile(self, days: float = 30.0, state: Any = None, ax: Axes | None = None) -> Axes:
        """Black implied volatility of SPX options of one expiry.

        Parameters
        ----------
        days : float
            Days to expiry.
        state : mapping or array_like, optional
            State of the model; its start by default.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        from alvh.pricing import implied_vol

        ax = new_axes() if ax is None else ax
        market = self._market
        state = market.start if state is None else state
        years = days / _DAYS_PER_YEAR
        width = 3.0 * float(market.vix(state)) / 100.0 * np.sqrt(years)
        forward = 100.0 * float(np.exp((market.r - market.q) * years))
        strike = forward * np.exp(np.linspace(-1.5 * width, width, 101))
        right = np.where(strike < forward, "put", "call")
        price = market.option_price(100.0, strike, years, right, state)
        vol = implied_vol(price, forward=forward, strike=strike, years=years, rate=market.r, right=right)
        ax.plot(strike / forward, 100.0 * np.asarray(vol), color=COLOURS[0], linewidth=1.3)
        ax.set_xlabel("strike over forward")
        ax.set_ylabel(f"implied volatility of {days:g} days, %")
        tidy(ax)
        return ax

    def paths(self, n_paths: int = 5, years: float = 1.0, seed: int = 0, ax: Axes | None = None) -> Axes:
        """VIX on simulated paths of the real world.

        Parameters
        ----------
        n_paths : int
            Number of paths.
        years : float
            Length [years].
        seed : int
            Seed.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        from alvh.simulation import paths

        ax = new_axes() if ax is None else ax
        sample = paths(self._market, n_paths=n_paths, years=years, seed=seed)
        vix = np.asarray(self._market.vix(sample.state))
        for k, row in enumerate(vix):
            ax.plot(sample.years, row, color=COLOURS[k % len(COLOURS)], linewidth=0.9)
        ax.set_xlabel("years")
        ax.set_ylabel("VIX, points")
        tidy(ax)
        return ax
