"""Self-exciting arrivals: maximum likelihood of an exponential Hawkes process and the test of its residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._arguments import is_real, is_whole, shown
from alvh.errors import ConfigError, DataError

__all__ = ["HawkesFit", "fit_hawkes"]

# Differences of integers up to this are exact.
_MOST = 2**62


@dataclass(frozen=True, eq=False)
class HawkesFit:
    """A fitted exponential Hawkes process; :func:`fit_hawkes` makes it.

    Attributes
    ----------
    baseline, baseline_error : float
        Rate of events that no event caused, and its standard error [1/s].
    branching, branching_error : float
        Mean number of children of an event; at 1 and above the process explodes.
    decay, decay_error : float
        Rate at which excitation decays [1/s].
    log_likelihood, poisson_log_likelihood : float
        At the parameters, and the largest of a process without excitation.
    optimum : {"interior", "poisson", "edge"}
        Where the likelihood is largest. ``"poisson"``: no excitation raises it, the branching ratio is 0 and there is
        no decay. ``"edge"``: it rises up to the slowest or fastest decay that the window resolves. Errors that there
        are not are NaN.
    events : int
        Events that count.
    ks, ks_p_value : float
        Kolmogorov-Smirnov distance of the residuals from the exponential of mean 1. The p-value is too large:
        the parameters were fitted to the same events.
    ljung_box, ljung_box_p_value : float
        Ljung-Box statistic of the residuals' probability transforms.
    residuals : numpy.ndarray of float64, shape (events,)
        Increments of the compensator from event to event: independent exponentials of mean 1 for the true process.
    evaluations : int
        Passes over the events.
    """

    baseline: float
    branching: float
    decay: float
    baseline_error: float
    branching_error: float
    decay_error: float
    log_likelihood: float
    poisson_log_likelihood: float
    optimum: str
    events: int
    ks: float
    ks_p_value: float
    ljung_box: float
    ljung_box_p_value: float
    evaluations: int
    residuals: npt.NDArray[np.float64] = field(repr=False)


def fit_hawkes(times: Any, *, start: Any = None, end: Any = None, lags: int = 20) -> HawkesFit:
    r"""Fit a Hawkes process with an exponential kernel to times of events, offline.

    The intensity is :math:`\mu + \sum_{t_i < t} n\beta e^{-\beta(t - t_i)}` (Hawkes 1971, doi:10.1093/biomet/58.1.83).
    The likelihood with its first and second derivatives takes one pass over the events (Ozaki 1979,
    doi:10.1007/BF02480272). The decay is searched on a grid over everything that the window resolves; a damped Newton
    iteration in the logarithms ends the search. Standard errors are those of the observed information (Ogata 1978,
    doi:10.1007/BF02480216). Residuals are tested as the time-rescaling theorem says (Ogata 1988,
    doi:10.1080/01621459.1988.10478560; Brown et al. 2002, doi:10.1162/08997660252741149): their distribution by
    Kolmogorov and Smirnov, their independence by Ljung and Box (1978, doi:10.1093/biomet/65.2.297).

    Parameters
    ----------
    times : array_like, shape (n,)
        Strictly ascending: integers [ns], as :func:`alvh.ignition.arrivals` gives them, or floats [s].
    start : number, optional
        Start of the window, in the unit of `times`. Without it the window opens with the first event, which then
        excites but does not count.
    end : number, optional
        End of the window, in the unit of `times`; the last event if none.
    lags : int, optional
        Lags of the test of independence; even, from 2 to 1,000.

    Returns
    -------
    HawkesFit
        Parameters, errors, likelihoods, residuals and their tests.

    Raises
    ------
    DataError
        ``HWK001``: fewer than 50 events; ``HWK002``: a time that is not finite; ``HWK003``: times that do not ascend;
        ``HWK004``: a time before the start; ``HWK005``: an end before the last event; ``HWK007``: no array of numbers
        of one dimension.
    ConfigError
        ``HWK006``: other lags; ``HWK008``: a start or end that is no number.
    """
    values = _numbers(times)
    is_integer = values.dtype.kind in "iu"
    for name, bound in (("start", start), ("end", end)):
        is_bound = is_whole(bound, -_MOST, _MOST) if is_integer else is_real(bound)
        if bound is not None and not is_bound:
            unit = "whole ns, as the times are" if is_integer else "a number of seconds"
            raise ConfigError("HWK008", "fit_hawkes", name, shown(bound), unit)
    if not is_whole(lags, 2, 1_000):
        raise ConfigError("HWK006", "fit_hawkes", "lags", shown(lags), "an even number from 2 to 1000")
    if not values.size:
        raise DataError("HWK001", "fit_hawkes", "times", "0 events", "at least 51")
    origin = values[0] if start is None else values.dtype.type(start)
    stop = values[-1] if end is None else values.dtype.type(end)
    scale = 1e-9 if is_integer else 1.0
    # Infinities are named by the core.
    with np.errstate(invalid="ignore", over="ignore"):
        seconds, length = (values - origin) * scale, float((stop - origin) * scale)
    raw = _core.hawkes_fit(seconds, length, start is None, int(lags))
    errors = dict(zip(("baseline_error", "branching_error", "decay_error"), raw.pop("errors"), strict=True))
    return HawkesFit(**raw, **errors)


def _numbers(times: Any) -> npt.NDArray[Any]:
    rule = "integers [ns] or floats [s] in one dimension"
    try:
        values = np.asarray(times)
    except (TypeError, ValueError) as error:
        raise DataError("HWK007", "fit_hawkes", "times", type(times).__name__, rule) from error
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        shape = f"{values.dtype} of {values.ndim} dimensions"
        raise DataError("HWK007", "fit_hawkes", "times", shape, rule)
    if (
        values.dtype.kind != "f"
        and values.size
        and not -_MOST <= int(values.min()) <= int(values.max()) <= _MOST
    ):
        raise DataError(
            "HWK007", "fit_hawkes", "times", f"{values.min()} to {values.max()}", "ns within 2^62 of 0"
        )
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
