"""Statistics of independent paths with standard errors: means, quantiles, shortfalls, and functions of them.

Every estimate carries its influence function: what one path adds to it. Sums, ratios and differences of estimates then
have standard errors that know that both sides saw the same paths; antithetic pairs, importance weights and control
variates enter in one place each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

__all__ = ["LEVEL", "Estimate", "Paths"]

LEVEL = 0.95
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.5 + LEVEL / 2.0)
# A statistic that more than this share of the paths does not have is not reported.
_MOST_UNDEFINED = 0.05
# Paths below which a conditional statistic or a quantile is not reported.
_FEWEST = 20
# Paths for each control variate below which none is used: a regression on few paths costs more than it gives.
_PATHS_A_CONTROL = 10


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number with the influence of every path on it.

    Parameters
    ----------
    value : float
        The estimate; NaN when undefined.
    influence : ndarray, shape (n_paths,)
        Derivative of the estimate in the weight of a path, mean zero under the weights.
    paths : Paths
        The sample.
    """

    value: float
    influence: Values
    paths: Paths

    @property
    def std_error(self) -> float:
        """Standard error; NaN for one path."""
        return self.paths.std_error(self.influence)

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval of the normal approximation."""
        half = _Z * self.std_error
        return self.value - half, self.value + half

    def _with(self, value: float, *parts: tuple[float, Estimate]) -> Estimate:
        influence = sum((slope * part.influence for slope, part in parts), np.zeros_like(self.influence))
        return Estimate(value, influence, self.paths)

    def __add__(self, other: Estimate) -> Estimate:
        return self._with(self.value + other.value, (1.0, self), (1.0, other))

    def __sub__(self, other: Estimate) -> Estimate:
        return self._with(self.value - other.value, (1.0, self), (-1.0, other))

    def __truediv__(self, other: Estimate) -> Estimate:
        if other.value == 0.0 or math.isnan(other.value):
            return self.paths.undefined()
        ratio = self.value / other.value
        return self._with(ratio, (1.0 / other.value, self), (-ratio / other.value, other))

    def scaled(self, factor: float) -> Estimate:
        """Multiply by a constant."""
        return self._with(self.value * factor, (factor, self))

    def one_less(self) -> Estimate:
        """One minus it: a ratio becomes a reduction."""
        return self._with(1.0 - self.value, (-1.0, self))


class Paths:
    """A sample of paths.

    Parameters
    ----------
    n : int
        Number of paths.
    weights : ndarray, shape (n,), optional
        Likelihood ratios of importance sampling; all the same by default.
    pairs : bool
        Whether paths 2k and 2k + 1 are antithetic: a pair then counts as one observation.
    controls : ndarray, shape (n_controls, n), optional
        Quantities whose expectation is known to be zero; not used with fewer than ten paths each.
    """

    def __init__(
        self, n: int, weights: Values | None = None, pairs: bool = False, controls: Values | None = None
    ) -> None:
        self.n = n
        raw = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        self.group = 2 if pairs and n % 2 == 0 else 1
        self.effective = 1.0 / float((raw**2).sum())
        self._plain = raw
        self._centred: Values | None = None
        self.weights = raw
        if controls is not None and len(controls) and n >= _PATHS_A_CONTROL * len(controls):
            self._calibrate(controls)

    def _calibrate(self, controls: Values) -> None:
        """Give the controls their known mean by the least change of the weights.

        The weighted mean of anything is then its mean less the regression on the controls: control variates for means,
        quantiles and everything else at once. Deville and Särndal (1992), doi:10.1080/01621459.1992.10475217.
        """
        scale = np.sqrt((self._plain * controls**2).sum(axis=1))
        if not scale.any():
            # Paths of which none were followed, such as those with episodes.
            return
        used = controls[scale > 0.0] / scale[scale > 0.0, None]
        mean = used @ self._plain
        centred = used - mean[:, None]
        covariance = (centred * self._plain) @ centred.T
        values, vectors = np.linalg.eigh(covariance)
        kept = values > 1e-10 * values.max()
        # Orthogonal controls of unit variance; what is left out has no variance of its own.
        rotation = vectors[:, kept] / np.sqrt(values[kept])
        self._centred = rotation.T @ centred
        self.weights = self._plain * (1.0 - (rotation.T @ mean) @ self._centred)

    def _residual(self, influence: Values) -> Values:
        if self._centred is None:
            return influence
        return influence - (self._centred @ (self._plain * influence)) @ self._centred

    def std_error(self, influence: Values) -> float:
        """Compute the standard error of an estimate with this influence."""
        parts = (self._plain * self._residual(influence)).reshape(-1, self.group).sum(axis=1)
        m = len(parts)
        lost = self.n_controls
        if m <= lost + 1:
            return math.nan
        # Square roots of sums of squares: as large as with m - 1 in the variance of a mean.
        return float(np.sqrt((parts**2).sum() * m / (m - 1 - lost)))

    @property
    def n_controls(self) -> int:
        """Number of independent control variates in use."""
        return 0 if self._centred is None else len(self._centred)

    def undefined(self) -> Estimate:
        """Make an estimate without a value."""
        return Estimate(math.nan, np.full(self.n, math.nan), self)

    def mean(self, values: Values) -> Estimate:
        """Mean over the paths that have a value; undefined where more than 5 % of them do not."""
        known = np.isfinite(values)
        if known.all():
            value = float(self.weights @ values)
            return Estimate(value, values - value, self)
        share = float(self.weights @ known)
        if share < 1.0 - _MOST_UNDEFINED:
            return self.undefined()
        filled = np.where(known, values, 0.0)
        value = float(self.weights @ filled) / share
        return Estimate(value, np.where(known, filled - value, 0.0) / share, self)

    def quantile(self, values: Values, p: float, among: NDArray[np.bool_] | None = None) -> Estimate:
        """Quantile, of all paths or of some of them.

        Parameters
        ----------
        values : ndarray, shape (n,)
            Finite numbers (where they count).
        p : float
            Probability.
        among : ndarray of bool, shape (n,), optional
            Which paths count.

        Returns
        -------
        Estimate
            Lowest value whose cumulated weight reaches p. Its influence needs the density there: a difference quotient
            of quantiles with the bandwidth of Hall and Sheather (1988),
            Journal of the Royal Statistical Society B 50, 381-391.
        """
        rows = np.arange(self.n) if among is None else np.flatnonzero(among)
        share = float(self.weights[rows].sum())
        plain = self._plain[rows]
        n = float(plain.sum() ** 2 / (plain**2).sum()) if len(rows) else 0.0
        if n < _FEWEST or share <= 0.0:
            return self.undefined()
        order = rows[np.argsort(values[rows], kind="stable")]
        # Calibrated weights may be negative on a few paths.
        cumulated = np.maximum.accumulate(np.cumsum(self.weights[order]) / share)

        def at(q: float) -> float:
            return float(values[order[min(int(np.searchsorted(cumulated, q)), len(order) - 1)]])

        value = at(p)
        z = _NORMAL.inv_cdf(p)
        density = _NORMAL.pdf(z)
        width = n ** (-1 / 3) * _Z ** (2 / 3) * (1.5 * density**2 / (2.0 * z * z + 1.0)) ** (1 / 3)
        low, high = max(p - width, 0.5 / n), min(p + width, 1.0 - 0.5 / n)
        slope = (at(high) - at(low)) / (high - low)
        influence = np.zeros(self.n)
        influence[rows] = slope * (p - (values[rows] <= value)) / share
        return Estimate(value, influence, self)

    def shortfall(self, losses: Values, p: float) -> Estimate:
        """Estimate the expected shortfall: mean of the worst share 1 - p of the losses.

        Rockafellar and Uryasev (2002), doi:10.1016/S0378-4266(02)00271-6: the quantile and the mean excess over it.
        """
        cut = self.quantile(losses, p)
        if math.isnan(cut.value):
            return cut
        each = cut.value + np.maximum(losses - cut.value, 0.0) / (1.0 - p)
        value = float(self.weights @ each)
        return Estimate(value, each - value, self)

    def share(self, hits: NDArray[np.bool_]) -> Estimate:
        """Probability of an event."""
        return self.mean(hits.astype(np.float64))
