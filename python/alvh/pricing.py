"""Black-76 and Black-Scholes prices, greeks and implied volatility over arrays.

Every function broadcasts its arguments like NumPy. Scalars give floats; otherwise the result is a new
read-only array. Prices are per unit, volatility is annualised decimal, rates are continuous decimal, time is
in years ACT/365F. The right is ``"call"`` / ``"c"`` or ``"put"`` / ``"p"``, in any case, or an array
of those.

The formulas are Black (1976), doi:10.1016/0304-405X(76)90024-6, and Black & Scholes (1973),
doi:10.1086/260062, with the dividend yield of Merton (1973), doi:10.2307/3003143.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from alvh import _core
from alvh.errors import ConfigError, NumericalError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Result = float | NDArray[np.float64]
    OnError = Literal["nan", "raise"]

__all__ = ["black76", "black76_greeks", "black_scholes", "black_scholes_greeks", "implied_vol"]

_SIGNS = {"call": 1, "c": 1, "put": -1, "p": -1}
_RIGHTS = '"call", "put", "c" or "p"'


def _number(function: str, name: str, value: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu" and not (array.dtype.kind == "O" and array.size):
            raise TypeError
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        kind = str(getattr(value, "dtype", type(value).__name__))
        raise SchemaError("PRC001", function, name, kind, "real numbers") from None


def _sign(function: str, right: ArrayLike) -> NDArray[np.int8]:
    if isinstance(right, str):
        sign = _SIGNS.get(right.lower())
        if sign is None:
            raise SchemaError("PRC002", function, "right", repr(right), _RIGHTS)
        return np.array(sign, dtype=np.int8)
    array = np.asarray(right)
    try:
        names = np.ascontiguousarray(array.astype(str, copy=False)).reshape(-1)
    except (TypeError, ValueError):
        raise SchemaError("PRC002", function, "right", str(array.dtype), '"call" or "put"') from None
    names = names.astype(names.dtype.newbyteorder("="), copy=False)
    width = names.dtype.itemsize // 4
    signs, bad = _core.right_signs(names.view(np.uint32), width)
    if bad is not None:
        raise SchemaError("PRC002", function, "right", repr(str(names[bad])), _RIGHTS, position=f"[{bad}]")
    return signs.reshape(array.shape)


def _broadcast(
    function: str, right: ArrayLike, **columns: ArrayLike
) -> tuple[tuple[int, ...], int, list[NDArray[Any]]]:
    """Shape, size and flat contiguous columns; one that is the same everywhere stays one element."""
    arrays: list[NDArray[Any]] = [_number(function, name, value) for name, value in columns.items()]
    arrays.append(_sign(function, right))
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = " ".join(str(array.shape) for array in arrays)
        raise SchemaError("PRC003", function, "shapes", shapes, "shapes that broadcast together") from None
    flat = [
        np.ascontiguousarray(a if a.size == 1 or a.shape == shape else np.broadcast_to(a, shape)).reshape(-1)
        for a in arrays
    ]
    return shape, int(np.prod(shape, dtype=np.int64)), flat


def _check_on_error(function: str, on_error: str) -> None:
    if on_error not in ("nan", "raise"):
        raise ConfigError("PRC004", function, "on_error", repr(on_error), '"nan" or "raise"')


def _out(values: NDArray[np.float64], shape: tuple[int, ...]) -> Result:
    return float(values[0]) if shape == () else values.reshape(shape)


def _price(
    function: str,
    kernel: Callable[..., NDArray[np.float64]],
    right: ArrayLike,
    on_error: OnError,
    **columns: ArrayLike,
) -> Result:
    _check_on_error(function, on_error)
    shape, size, flat = _broadcast(function, right, **columns)
    values = kernel(size, *flat)
    if on_error == "raise":
        bad = np.flatnonzero(np.isnan(values))
        if bad.size:
            first = int(bad[0])
            inputs = ", ".join(
                f"{name}={a[first if a.size > 1 else 0]}" for name, a in zip(columns, flat, strict=False)
            )
            raise NumericalError(
                "PRC005",
                function,
                "inputs",
                inputs,
                "finite rates, and finite non-negative prices, time and volatility",
                position=f"[{first}]",
                hint=f"{bad.size} of {size} have no price",
            )
    return _out(values, shape)


def black76(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    right: ArrayLike,
    *,
    on_error: OnError = "nan",
) -> Result:
    """Discounted Black-76 price of an option on a forward or future.

    Parameters
    ----------
    forward, strike : array_like
        Forward and strike [price], at least 0.
    years : array_like
        Time to expiry [years], at least 0.
    vol : array_like
        Volatility [annualised decimal], at least 0.
    rate : array_like
        Rate of the discount factor exp(-rate years) [continuous decimal].
    right : array_like of str
        ``"call"`` or ``"put"``.
    on_error : {"nan", "raise"}
        What negative, infinite or NaN input gives.

    Returns
    -------
    float or ndarray
        Price; the discounted intrinsic value where forward, strike, years or vol is 0.

    Raises
    ------
    SchemaError
        An argument has the wrong type, or the shapes do not broadcast.
    NumericalError
        An input is out of its domain and `on_error` is ``"raise"``.
    """
    columns = {"forward": forward, "strike": strike, "years": years, "vol": vol, "rate": rate}
    return _price("black76", _core.black76, right, on_error, **columns)


def black_scholes(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
    *,
    on_error: OnError = "nan",
) -> Result:
    """Black-Scholes-Merton price of an option on a spot with a continuous dividend yield.

    Parameters
    ----------
    spot, strike : array_like
        Spot and strike [price], at least 0.
    years : array_like
        Time to expiry [years], at least 0.
    vol : array_like
        Volatility [annualised decimal], at least 0.
    rate, dividend_yield : array_like
        Rate and dividend yield [continuous decimal].
    right : array_like of str
        ``"call"`` or ``"put"``.
    on_error : {"nan", "raise"}
        What negative, infinite or NaN input gives.

    Returns
    -------
    float or ndarray
        Price.

    Raises
    ------
    SchemaError
        An argument has the wrong type, or the shapes do not broadcast.
    NumericalError
        An input is out of its domain and `on_error` is ``"raise"``.
    """
    columns = {"spot": spot, "strike": strike, "years": years, "vol": vol, "rate": rate}
    return _price(
        "black_scholes", _core.black_scholes, right, on_error, **columns, dividend_yield=dividend_yield
    )


def _greeks(
    function: str, kernel: Callable[..., NDArray[np.float64]], right: ArrayLike, **columns: ArrayLike
) -> dict[str, Result]:
    shape, size, flat = _broadcast(function, right, **columns)
    rows = kernel(size, *flat).reshape(len(_core.GREEK_NAMES), size)
    return {name: _out(row, shape) for name, row in zip(_core.GREEK_NAMES, rows, strict=True)}


def black76_greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    right: ArrayLike,
) -> dict[str, Result]:
    """Greeks of `black76` to second order.

    Parameters
    ----------
    forward, strike : array_like
        Forward and strike [price], above 0.
    years : array_like
        Time to expiry [years], at least 0.
    vol : array_like
        Volatility [annualised decimal], at least 0.
    rate : array_like
        Discount rate [continuous decimal].
    right : array_like of str
        ``"call"`` or ``"put"``.

    Returns
    -------
    dict of float or ndarray
        ``delta`` and ``gamma`` to the forward, ``vega`` per 1.00 of volatility, ``theta`` per year of
        passing time, ``rho`` per 1.00 of rate with the forward fixed, ``vanna`` (d delta / d vol), ``volga``
        (d vega / d vol), ``charm`` and ``veta`` (delta and vega per year of passing time), ``dual_delta`` and
        ``dual_gamma`` to the strike. NaN for input out of its domain.

    Raises
    ------
    SchemaError
        An argument has the wrong type, or the shapes do not broadcast.
    """
    columns = {"forward": forward, "strike": strike, "years": years, "vol": vol, "rate": rate}
    return _greeks("black76_greeks", _core.black76_greeks, right, **columns)


def black_scholes_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
) -> dict[str, Result]:
    """Greeks of `black_scholes` to second order.

    Parameters
    ----------
    spot, strike : array_like
        Spot and strike [price], above 0.
    years : array_like
        Time to expiry [years], at least 0.
    vol : array_like
        Volatility [annualised decimal], at least 0.
    rate, dividend_yield : array_like
        Rate and dividend yield [continuous decimal].
    right : array_like of str
        ``"call"`` or ``"put"``.

    Returns
    -------
    dict of float or ndarray
        As `black76_greeks`, to the spot; ``rho`` with the spot fixed.

    Raises
    ------
    SchemaError
        An argument has the wrong type, or the shapes do not broadcast.
    """
    columns = {"spot": spot, "strike": strike, "years": years, "vol": vol, "rate": rate}
    return _greeks(
        "black_scholes_greeks", _core.black_scholes_greeks, right, **columns, dividend_yield=dividend_yield
    )


@overload
def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    right: ArrayLike,
    on_error: OnError = ...,
    *,
    return_reason: Literal[False] = ...,
) -> Result: ...
@overload
def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    right: ArrayLike,
    on_error: OnError = ...,
    *,
    return_reason: Literal[True],
) -> tuple[Result, str | NDArray[np.str_]]: ...
def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    right: ArrayLike,
    on_error: OnError = "nan",
    *,
    return_reason: bool = False,
) -> Result | tuple[Result, str | NDArray[np.str_]]:
    """Black-76 implied volatility, by guarded Newton steps in the variables of Jaeckel (2015).

    Jaeckel, Let's Be Rational, Wilmott 75, 40-53, doi:10.1002/wilm.10395.

    Parameters
    ----------
    price : array_like
        Discounted option price.
    forward, strike : array_like
        Forward and strike [price], above 0.
    years : array_like
        Time to expiry [years], above 0.
    rate : array_like
        Discount rate [continuous decimal].
    right : array_like of str
        ``"call"`` or ``"put"``.
    on_error : {"nan", "raise"}
        What a price without implied volatility gives.
    return_reason : bool
        Also return, for each element, ``"ok"``, ``"below_intrinsic"``, ``"no_time_value"`` (in the money:
        at most 16 epsilons of the price), ``"above_bound"`` or ``"invalid_input"``.

    Returns
    -------
    float or ndarray, or a pair of it and str or ndarray of str
        Volatility [annualised decimal], NaN where there is none.

    Raises
    ------
    SchemaError
        An argument has the wrong type, or the shapes do not broadcast.
    NumericalError
        A price has no implied volatility and `on_error` is ``"raise"``.
    """
    function = "implied_vol"
    _check_on_error(function, on_error)
    columns = {"price": price, "forward": forward, "strike": strike, "years": years, "rate": rate}
    shape, size, flat = _broadcast(function, right, **columns)
    vols, codes = _core.implied_vol_codes(size, *flat)
    if on_error == "raise":
        bad = np.flatnonzero(codes)
        if bad.size:
            first = int(bad[0])
            raise NumericalError(
                "PRC006",
                function,
                "price",
                str(flat[0][first if flat[0].size > 1 else 0]),
                "a price with an implied volatility",
                position=f"[{first}]",
                hint=f"{_core.IMPLIED_VOL_REASONS[int(codes[first])]}; {bad.size} of {size} have none",
            )
    result = _out(vols, shape)
    if not return_reason:
        return result
    reasons = np.array(_core.IMPLIED_VOL_REASONS)[codes]
    return result, str(reasons[0]) if shape == () else reasons.reshape(shape)
