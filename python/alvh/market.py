"""The market model: one state from which SPX options, VIX, VIX futures and VIX options are priced.

H-SVCJ-2F has two square-root variance factors, jumps that move price and variance together, and an intensity of
jumps that every jump raises. Heston, Bates, SVJ, SVCJ, two-factor Heston and one-factor Hawkes models are special
cases of it: parameters that are zero. ``docs/model.md`` has the equations, their sources, measured errors and what
the model cannot do.

Every function broadcasts its arguments like NumPy. Scalars give floats; otherwise the result is a new read-only array.
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh.errors import ConfigError, DataError, SchemaError
from alvh.pricing import _number, _out, _sign

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from alvh._market_plot import MarketPlot
    from alvh.history import History

    Result = float | NDArray[np.float64]
    Columns = list[NDArray[Any]]

__all__ = ["Calibration", "Market"]

PARTS = ("v1", "v2", "intensity")
# Volatility indices by the calendar days of their window.
WINDOWS = {"vix9d": 9.0, "vix": 30.0, "vix3m": 93.0, "vix6m": 184.0}


@dataclass(frozen=True)
class Market:
    """Parameters of the model H-SVCJ-2F, rates, and the state at the start of a simulation.

    Without a suffix a parameter belongs to the pricing measure Q, with ``_p`` to the real-world measure P; None means
    the same under both. ``kappa * theta``, ``sigma``, ``rho``, ``beta``, ``delta`` and ``rho_j`` are common to both.

    Parameters
    ----------
    kappa1, theta1, sigma1, rho1 : float
        Fast variance: reversion [1/year], level without jumps [variance a year], volatility of variance, correlation
        with the log price.
    kappa2, theta2, sigma2, rho2 : float
        Slow variance.
    beta : float
        Decay of the intensity [1/year].
    lambda_inf : float
        Level to which the intensity decays [jumps a year].
    eta : float
        What one jump adds to the intensity [jumps a year]; ``eta / beta`` must be below 1.
    mu_x, delta : float
        Mean and standard deviation of the log-price jump, given a variance jump of 0.
    mu_v : float
        Mean of the exponential jump of the fast variance.
    rho_j : float
        Slope of the mean log-price jump in the variance jump.
    kappa1_p, kappa2_p, mu_x_p, mu_v_p : float, optional
        The same under P.
    intensity_premium : float
        Intensity under Q over intensity under P.
    gamma : float
        Drift of the price under P per unit of variance.
    r, q : float
        Interest rate and dividend yield [continuous decimal].
    v1, v2, intensity : float, optional
        State at the start; None is the long-run mean under P. The intensity is in jumps a year under Q.
    name : str
        What to call it.

    Raises
    ------
    ConfigError
        A parameter is not a number or breaks its rule.
    """

    kappa1: float
    theta1: float
    sigma1: float
    rho1: float
    kappa2: float = 1.0
    theta2: float = 0.0
    sigma2: float = 0.0
    rho2: float = 0.0
    beta: float = 1.0
    lambda_inf: float = 0.0
    eta: float = 0.0
    mu_x: float = 0.0
    delta: float = 0.0
    mu_v: float = 0.0
    rho_j: float = 0.0
    kappa1_p: float | None = None
    kappa2_p: float | None = None
    mu_x_p: float | None = None
    mu_v_p: float | None = None
    intensity_premium: float = 1.0
    gamma: float = 0.0
    r: float = 0.0
    q: float = 0.0
    v1: float | None = None
    v2: float | None = None
    intensity: float | None = None
    name: str = "custom"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "name":
                if not isinstance(value, str):
                    raise ConfigError("CFG308", "Market", "name", repr(value), "a string")
                continue
            if value is None and field.default is None:
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise ConfigError("CFG308", "Market", field.name, repr(value), "a number")
            if not math.isfinite(value):
                raise ConfigError("CFG309", "Market", field.name, repr(value), "a finite number")
            object.__setattr__(self, field.name, float(value))
        _core.check_market(self.to_json())

    @classmethod
    def default(cls) -> Market:
        """Build the calibrated model, preset "HSVCJ2F-2026".

        Returns
        -------
        Market
            The preset; its rates are zero, see `with_rates`.
        """
        return cls.preset(_core.MARKET_PRESETS[0])

    @classmethod
    def preset(cls, name: str) -> Market:
        """Build a published or calibrated parameter set by name.

        Parameters
        ----------
        name : str
            One of `presets`.

        Returns
        -------
        Market
            The set, with the rates and the state at the start that were published with it.

        Raises
        ------
        ConfigError
            The name is not known.
        """
        if not isinstance(name, str):
            raise ConfigError("CFG301", "Market", "preset", repr(name), "a name out of Market.presets()")
        return cls(**json.loads(_core.market_preset(name)))

    @staticmethod
    def presets() -> tuple[str, ...]:
        """List the names that `preset` knows, the default first.

        Returns
        -------
        tuple of str
            Names; docs/model.md says where each set comes from.
        """
        return tuple(_core.MARKET_PRESETS)

    def replace(self, **changes: float | str | None) -> Market:
        """Copy with other parameters.

        Parameters
        ----------
        **changes : float, str or None
            Fields and their new values.

        Returns
        -------
        Market
            The changed copy.

        Raises
        ------
        ConfigError
            A field is not known or breaks its rule.
        """
        known = [field.name for field in fields(self)]
        for field in changes:
            if field not in known:
                raise ConfigError("CFG302", "Market", field, "an unknown field", f"one of {', '.join(known)}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def with_rates(self, r: float | None = None, q: float | None = None) -> Market:
        """Copy with other rates.

        Parameters
        ----------
        r, q : float, optional
            Interest rate and dividend yield [continuous decimal]; None keeps what is there.

        Returns
        -------
        Market
            The changed copy.
        """
        return self.replace(r=self.r if r is None else r, q=self.q if q is None else q)

    def to_json(self) -> str:
        """Encode all fields.

        Returns
        -------
        str
            JSON object.
        """
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the parameters without the name, hexadecimal."""
        return _core.market_hash(self.to_json())

    @property
    def start(self) -> dict[str, float]:
        """State at the start: the fields where they are given, else the long-run mean under P."""
        return dict(zip(PARTS, _core.market_start(self.to_json()), strict=True))

    @property
    def feller(self) -> tuple[float, float]:
        """``2 kappa theta / sigma^2`` of both factors.

        Below 1 a variance reaches zero. The preset is below 1 in both on purpose; nothing here needs more.
        """
        return _core.market_feller(self.to_json())

    def vix_squared(self, days: float = 30) -> dict[str, float]:
        """Coefficients of the squared volatility index, which is linear in the state.

        Parameters
        ----------
        days : float
            Window of the index [calendar days].

        Returns
        -------
        dict of str to float
            ``constant``, ``v1``, ``v2`` and ``intensity``; the index is 100 times the square root of their sum.

        Raises
        ------
        DataError
            The window is not within 1..3650 days.
        """
        self.vix(dict.fromkeys(PARTS, 0.0), days)
        coefficients = _core.market_vix_squared(self.to_json(), float(days))
        return dict(zip(("constant", *PARTS), coefficients, strict=True))

    def option_price(
        self, spot: ArrayLike, strike: ArrayLike, years: ArrayLike, right: ArrayLike, state: Any
    ) -> Result:
        """European options on the index, by Fourier cosine expansion.

        Fang & Oosterlee (2009), doi:10.1137/080718061. Puts are expanded, calls follow by parity.

        Parameters
        ----------
        spot, strike : array_like
            Spot and strike [price], above 0.
        years : array_like
            Time to expiry [years], 0 to 50.
        right : array_like of str
            ``"call"`` or ``"put"``.
        state : mapping of str to array_like, or array_like
            ``v1``, ``v2`` [variance a year] and ``intensity`` [jumps a year under Q]; or an array whose last axis has
            these three. What the model does not have may be left out of a mapping.

        Returns
        -------
        float or ndarray
            Discounted prices.

        Raises
        ------
        SchemaError
            An argument has the wrong type, or the shapes do not broadcast.
        DataError
            A value is NaN or out of its range.
        NumericalError
            A distribution has no density or no moments to expand.
        LimitError
            More than ten million prices at once.
        """
        function = "option_price"
        columns = {"spot": spot, "strike": strike, "years": years}
        shape, size, flat, parts = self._columns(function, columns, state, right)
        return _out(
            _core.market_options(self.to_json(), size, flat[0], flat[1], flat[2], flat[3], parts), shape
        )

    def vix_future(self, years: ArrayLike, state: Any) -> Result:
        """VIX futures, by a Laplace integral.

        Zhu & Lian (2012), doi:10.1002/fut.20512, after subtraction of the mean's own transform.

        Parameters
        ----------
        years : array_like
            Time to settlement [years], 0 to 50.
        state : mapping or array_like
            As for `option_price`.

        Returns
        -------
        float or ndarray
            Futures [points].

        Raises
        ------
        SchemaError, DataError, LimitError
            As `option_price`.
        """
        shape, size, (column,), parts = self._columns("vix_future", {"years": years}, state)
        return _out(_core.market_vix_futures(self.to_json(), size, column, parts), shape)

    def vix_option_price(self, strike: ArrayLike, years: ArrayLike, right: ArrayLike, state: Any) -> Result:
        """European options on VIX: calls by a Fourier integral, puts by parity.

        Lian & Zhu (2013), doi:10.1007/s10203-011-0124-0.

        Parameters
        ----------
        strike : array_like
            Strike [points], above 0.
        years : array_like
            Time to expiry [years], 0 to 50.
        right : array_like of str
            ``"call"`` or ``"put"``.
        state : mapping or array_like
            As for `option_price`.

        Returns
        -------
        float or ndarray
            Discounted prices [points].

        Raises
        ------
        SchemaError, DataError, NumericalError, LimitError
            As `option_price`.
        """
        function = "vix_option_price"
        columns = {"strike": strike, "years": years}
        shape, size, flat, parts = self._columns(function, columns, state, right)
        return _out(_core.market_vix_options(self.to_json(), size, flat[0], flat[1], flat[2], parts), shape)

    def vix(self, state: Any, days: ArrayLike = 30) -> Result:
        """Volatility index of a window: 9 days for VIX9D, 30 for VIX, 93 for VIX3M, 184 for VIX6M.

        Parameters
        ----------
        state : mapping or array_like
            As for `option_price`.
        days : array_like
            Window [calendar days], 1 to 3650.

        Returns
        -------
        float or ndarray
            Index [points].

        Raises
        ------
        SchemaError, DataError, LimitError
            As `option_price`.
        """
        shape, size, (column,), parts = self._columns("vix", {"days": days}, state)
        return _out(_core.market_vix(self.to_json(), size, column, parts), shape)

    def vvix(self, state: Any) -> Result:
        """VVIX: the 30-day volatility index of VIX options.

        Parameters
        ----------
        state : mapping or array_like
            As for `option_price`.

        Returns
        -------
        float or ndarray
            Index [points].

        Raises
        ------
        SchemaError, DataError, LimitError
            As `option_price`.
        """
        shape, size, _, parts = self._columns("vvix", {}, state)
        return _out(_core.market_vvix(self.to_json(), size, parts), shape)

    def moments(self, n_years: int = 400, seed: int = 0) -> pd.DataFrame:
        """Moments of SPX, VIX and VIX futures by simulation, beside those of history.

        Parameters
        ----------
        n_years : int
            Years to simulate, in 20 independent paths after three years that are thrown away.
        seed : int
            Seed.

        Returns
        -------
        pandas.DataFrame
            One row a moment: ``model``, ``std_error`` (between the paths) and ``history``, NaN where nothing was
            measured. VIX [points], returns and volatilities [decimal]. Futures are of a calendar with months of 21
            sessions; their betas are of logarithmic changes.

        Raises
        ------
        ConfigError, LimitError
            `n_years` is not a whole number from 20 to 4,000.
        """
        from alvh._moments import moments

        return moments(self, n_years, seed)

    @property
    def plot(self) -> MarketPlot:
        """Pictures: ``term_structure()``, ``smile()``, ``paths()``."""
        from alvh._market_plot import MarketPlot

        return MarketPlot(self)

    def calibrate_state(
        self,
        vix9d: ArrayLike | None = None,
        vix: ArrayLike | None = None,
        vix3m: ArrayLike | None = None,
        vix6m: ArrayLike | None = None,
        *,
        quote_error: float = 0.1,
    ) -> dict[str, Result]:
        """Invert volatility indices for the state, by non-negative least squares.

        Squared indices are linear in the state. The distance from the quotes is measured in units of `quote_error`;
        a weak ridge adds the distance from the long-run mean under P in units of the long-run standard deviations,
        and decides where a day has fewer quotes than the state has parts. Variances are at least 0, the intensity
        at least ``lambda_inf``.

        Parameters
        ----------
        vix9d, vix, vix3m, vix6m : array_like, optional
            Indices [points]; NaN where one is missing.
        quote_error : float
            Standard error of a quote [points].

        Returns
        -------
        dict of str to float or ndarray
            ``v1``, ``v2`` and ``intensity``: a state for the pricing functions.

        Raises
        ------
        SchemaError
            An argument has the wrong type, or the shapes do not broadcast.
        DataError
            A quote is not in (0, 1000], or a day has none.
        ConfigError
            `quote_error` is out of range.
        """
        given = {"vix9d": vix9d, "vix": vix, "vix3m": vix3m, "vix6m": vix6m}
        quotes = {name: value for name, value in given.items() if value is not None}
        shape, parts, _ = self._invert(quotes, quote_error)
        empty = np.flatnonzero(np.isnan(parts[0]))
        if empty.size:
            where = f"[{empty[0]}]"
            raise DataError("MKT034", "calibrate_state", "quotes", "none", "at least one index", where)
        return {name: _out(part, shape) for name, part in zip(PARTS, parts, strict=True)}

    def calibrate(self, history: History, *, quote_error: float = 0.1) -> Calibration:
        """Invert every session of a history for the state; the parameters stay as they are.

        Parameters
        ----------
        history : History
            Sessions with VIX and, where it has them, VIX9D, VIX3M and VIX6M.
        quote_error : float
            As for `calibrate_state`.

        Returns
        -------
        Calibration
            States, indices at these states, and how far they are from the quotes.

        Raises
        ------
        ConfigError
            What is given is no history, or `quote_error` is out of range.
        """
        from alvh.history import History

        if not isinstance(history, History):
            kind = type(history).__name__
            raise ConfigError("MKT035", "calibrate", "history", kind, "a History", hint="see History.load")
        columns = {name: history.columns.get(f"{name}_close") for name in WINDOWS}
        quotes = {name: column for name, column in columns.items() if column is not None}
        _, parts, fitted = self._invert(quotes, quote_error)
        sessions = history.columns["day"].astype("datetime64[D]")
        states = dict(zip(PARTS, parts, strict=True))
        return Calibration(
            self, sessions, states, quotes, dict(zip(quotes, fitted.reshape(-1, len(quotes)).T, strict=True))
        )

    def _invert(
        self, quotes: Mapping[str, ArrayLike], quote_error: float
    ) -> tuple[tuple[int, ...], tuple[NDArray[np.float64], ...], NDArray[np.float64]]:
        function = "calibrate_state"
        if not quotes:
            expected = f"at least one of {', '.join(WINDOWS)}"
            raise DataError("MKT034", function, "quotes", "none", expected)
        error = _number(function, "quote_error", quote_error)
        if error.shape != ():
            raise SchemaError("MKT013", function, "quote_error", f"shape {error.shape}", "one number")
        shape, flat = _broadcast(function, {name: _number(function, name, v) for name, v in quotes.items()})
        days = np.array([WINDOWS[name] for name in quotes])
        size = math.prod(shape)
        table = np.stack([np.broadcast_to(column, (size,)) for column in flat], axis=1)
        *parts, fitted = _core.market_invert(self.to_json(), days, table.reshape(-1), float(error))
        return shape, tuple(parts), fitted

    def _columns(
        self,
        function: str,
        columns: Mapping[str, ArrayLike],
        state: Any,
        right: ArrayLike | None = None,
    ) -> tuple[tuple[int, ...], int, Columns, tuple[NDArray[np.float64], ...]]:
        """Shape, size, flat columns and flat parts of the state."""
        arrays: dict[str, NDArray[Any]] = {
            name: _number(function, name, value) for name, value in columns.items()
        }
        if right is not None:
            arrays["right"] = _sign(function, right)
        arrays |= self._parts(function, state)
        shape, flat = _broadcast(function, arrays)
        return shape, math.prod(shape), flat[: -len(PARTS)], tuple(flat[-len(PARTS) :])

    def _parts(self, function: str, state: Any) -> dict[str, NDArray[np.float64]]:
        """Split a state into its parts."""
        names = getattr(getattr(state, "dtype", None), "names", None)
        if isinstance(state, Mapping) or names or hasattr(state, "columns"):
            keys = list(names or state.keys())
            unknown = [key for key in keys if key not in PARTS]
            if unknown and not hasattr(state, "columns"):
                raise SchemaError("MKT010", function, "state", repr(unknown[0]), f"keys {', '.join(PARTS)}")
            absent = {"v2": not (self.theta2 or self.v2), "intensity": not self.lambda_inf}
            missing = [part for part in PARTS if part not in keys and not absent.get(part, False)]
            if missing:
                raise SchemaError("MKT010", function, "state", f"no {missing[0]}", f"keys {', '.join(PARTS)}")
            return {part: _number(function, part, state[part] if part in keys else 0.0) for part in PARTS}
        array = _number(function, "state", state)
        if array.ndim == 0 or array.shape[-1] != len(PARTS):
            got = f"shape {array.shape}"
            raise SchemaError(
                "MKT010", function, "state", got, "v1, v2, intensity by name or on the last axis"
            )
        return {part: array[..., k] for k, part in enumerate(PARTS)}


def _broadcast(function: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[int, ...], Columns]:
    """Shape and flat contiguous columns; one that is the same everywhere stays one element."""
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise SchemaError("MKT014", function, "shapes", shapes, "shapes that broadcast together") from None
    return shape, [
        np.ascontiguousarray(a if a.size == 1 or a.shape == shape else np.broadcast_to(a, shape)).reshape(-1)
        for a in arrays.values()
    ]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """States that a history of volatility indices implies, and how well the model fits these indices.

    Parameters
    ----------
    market : Market
        The model.
    sessions : ndarray of datetime64
        Sessions.
    parts : mapping of str to ndarray
        ``v1``, ``v2``, ``intensity``; NaN on sessions without any index.
    quotes, fitted : mapping of str to ndarray
        Indices [points] by name: as recorded, and of the model at the states.
    """

    market: Market
    sessions: NDArray[np.datetime64]
    parts: Mapping[str, NDArray[np.float64]]
    quotes: Mapping[str, NDArray[np.float64]]
    fitted: Mapping[str, NDArray[np.float64]]

    def _frame(self, columns: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
        import pandas as pd

        index = pd.DatetimeIndex(self.sessions.astype("datetime64[ns]"), name="session")
        return pd.DataFrame(dict(columns), index=index)

    @property
    def states(self) -> pd.DataFrame:
        """State of every session: ``v1``, ``v2``, ``intensity``; the pricing functions take its rows."""
        return self._frame(self.parts)

    @property
    def residuals(self) -> pd.DataFrame:
        """Model less quote of every session and index [points]."""
        return self._frame({name: self.fitted[name] - quote for name, quote in self.quotes.items()})

    @property
    def errors(self) -> pd.DataFrame:
        """One row an index: number of quotes, bias, root mean square and largest error [points].

        ``below_floor`` counts quotes that are lower than the index of the lowest state, which no state can reach.
        """
        import pandas as pd

        lowest = {"v1": 0.0, "v2": 0.0, "intensity": self.market.lambda_inf}
        rows = {}
        for name, quote in self.quotes.items():
            error = (self.fitted[name] - quote)[~np.isnan(quote)]
            floor = self.market.vix(lowest, WINDOWS[name])
            rows[name] = {
                "quotes": error.size,
                "bias": error.mean() if error.size else np.nan,
                "rmse": np.sqrt(np.mean(error**2)) if error.size else np.nan,
                "largest": np.abs(error).max() if error.size else np.nan,
                "below_floor": int(np.sum(quote < floor)),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("index")

    def __repr__(self) -> str:
        used = int(np.sum(~np.isnan(self.parts["v1"])))
        return f"{used} states of {self.market.name}\n{self.errors}"
