"""HC-1 with JAX: one compiled scan over the steps, a batch of paths in arrays, double or single precision."""

from __future__ import annotations

from functools import partial

import hc1_numpy as hc1
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

BATCH = 4_096


def ndtr(x):
    return 0.5 + 0.5 * erf(x * 0.5**0.5)


def black(sign, forward, log_ratio, sd, strike):
    d1 = log_ratio / sd + 0.5 * sd
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))


def variance_at(plus, weight):
    return hc1.THETA_EFF + (plus - hc1.THETA_EFF) * weight


def leg_prices(p, row):
    weight, root, discount, carry = row["condor"]
    unit = jnp.sqrt(variance_at(jnp.maximum(p["v"], 0.0), weight)) * root
    log_forward = p["log_spot"] + carry
    forward = jnp.exp(log_forward)
    distance = p["log_strike"] - log_forward
    m = distance / unit
    sd = unit * (1.0 + hc1.SKEW * m + hc1.CURVE * m * m)
    sign = jnp.array([-1.0, -1.0, 1.0, 1.0], dtype=forward.dtype)[:, None]
    return discount * black(sign, forward, -distance, sd, p["strike"])


def call_prices(p, row):
    variance = variance_at(jnp.maximum(p["v"], 0.0), row["weight"][:, None])
    distance = 0.5 * jnp.log(variance) + np.log(100.0) - p["log_vix_strike"]
    forward = 100.0 * jnp.sqrt(variance)
    return row["discount"][:, None] * black(1.0, forward, distance, row["sd"][:, None], p["vix_strike"])


def spread(legs):
    return legs[1] - legs[0] + legs[2] - legs[3]


def roll(p, row):
    """Liquidate at the prices of the last step and open anew."""
    legs, calls = p["legs"], p["calls"]
    closing = hc1.MULTIPLIER * (spread(legs) + hc1.SLIPPAGE * legs.sum(0)) + 4.0 * hc1.FEE_CLOSE
    cash = p["cash"] - jnp.where(p["open"], closing, 0.0)
    cash += (p["held"] * (hc1.MULTIPLIER * calls * (1.0 - hc1.SLIPPAGE) - hc1.FEE_CLOSE)).sum(0)
    plus = jnp.maximum(p["v"], 0.0)
    weight, root, _, carry = row["condor"]
    unit = jnp.sqrt(variance_at(plus, weight)) * root
    moneyness = jnp.array(hc1.MONEYNESS, dtype=unit.dtype)[:, None]
    log_strike = p["log_spot"] + carry + moneyness * unit
    vix_strike = hc1.OUT_OF_MONEY * 100.0 * jnp.sqrt(variance_at(plus, row["weight"][:, None]))
    p = p | {"log_strike": log_strike, "strike": jnp.exp(log_strike)}
    p = p | {"vix_strike": vix_strike, "log_vix_strike": jnp.log(vix_strike)}
    legs, calls = leg_prices(p, row), call_prices(p, row)
    calm = variance_at(plus, hc1.mean_weight(30.0 / 365.0)) <= (hc1.CALM_VIX / 100.0) ** 2
    enter = calm & (p["intensity"] <= hc1.CALM_INTENSITY)
    credit = spread(legs)
    opening = hc1.MULTIPLIER * (credit - hc1.SLIPPAGE * legs.sum(0)) - 4.0 * hc1.FEE_OPEN
    held = jnp.where(enter, jnp.minimum(hc1.BUDGET * credit / calls, hc1.MOST_CALLS), 0.0)
    cash += jnp.where(enter, opening, 0.0)
    cash -= (held * (hc1.MULTIPLIER * calls * (1.0 + hc1.SLIPPAGE) + hc1.FEE_OPEN)).sum(0)
    strike = p["strike"]
    width = jnp.maximum(strike[1] - strike[0], strike[3] - strike[2])
    margin = jnp.maximum(p["margin"], jnp.where(enter, hc1.MULTIPLIER * width, 0.0))
    return p | {
        "cash": cash,
        "open": enter,
        "credit": jnp.where(enter, credit, p["credit"]),
        "held": held,
        "margin": margin,
        "whole": jnp.ones_like(enter),
    }


def step(p, row, dtype):
    n = p["v"].size
    p["key"], normal, uniform, sizes = jax.random.split(p["key"], 4)
    z = jax.random.normal(normal, (3, n), dtype)
    plus = jnp.maximum(p["v"], 0.0)
    s = jnp.sqrt(plus * hc1.DT)
    jump = jax.random.uniform(uniform, (n,), dtype) < jnp.minimum(p["intensity"] * hc1.DT, 1.0)
    size = hc1.MU_V * jax.random.exponential(sizes, (n,), dtype)
    drift = (hc1.RATE - hc1.YIELD - hc1.KBAR * p["intensity"] - 0.5 * plus) * hc1.DT
    move = drift + s * (hc1.RHO * z[0] + (1.0 - hc1.RHO**2) ** 0.5 * z[1])
    move += jnp.where(jump, hc1.MU_S + hc1.RHO_J * size + hc1.SIG_S * z[2], 0.0)
    v = p["v"] + hc1.KAPPA * (hc1.THETA - plus) * hc1.DT + hc1.SIGMA * s * z[0] + jnp.where(jump, size, 0.0)
    decay = np.exp(-hc1.BETA * hc1.DT)
    intensity = hc1.LAMBDA_INF + (p["intensity"] - hc1.LAMBDA_INF) * decay + jnp.where(jump, hc1.ALPHA, 0.0)
    p = p | {"log_spot": p["log_spot"] + move, "v": v, "intensity": intensity}
    legs, calls = leg_prices(p, row), call_prices(p, row)
    value = spread(legs)
    stop = p["open"] & (value >= hc1.STOP * p["credit"])
    leave = stop | (p["open"] & (value <= hc1.TAKE * p["credit"]))
    closing = hc1.MULTIPLIER * (value + hc1.SLIPPAGE * legs.sum(0)) + 4.0 * hc1.FEE_CLOSE
    cash = p["cash"] - jnp.where(leave, closing, 0.0)
    is_open = p["open"] & ~leave
    vix_variance = variance_at(jnp.maximum(v, 0.0), hc1.mean_weight(30.0 / 365.0))
    spike = p["whole"] & (vix_variance > (hc1.MONETISE / 100.0) ** 2)
    sold = jnp.where(spike, 0.5, 0.0) * p["held"]
    cash += (sold * (hc1.MULTIPLIER * calls * (1.0 - hc1.SLIPPAGE) - hc1.FEE_CLOSE)).sum(0)
    held = p["held"] - sold
    equity = cash + hc1.MULTIPLIER * ((held * calls).sum(0) - jnp.where(is_open, value, 0.0))
    peak = jnp.maximum(p["peak"], equity)
    return p | {
        "legs": legs,
        "calls": calls,
        "cash": cash,
        "open": is_open,
        "held": held,
        "whole": p["whole"] & ~spike,
        "stops": p["stops"] + stop,
        "equity": equity,
        "peak": peak,
        "drawdown": jnp.maximum(p["drawdown"], peak - equity),
    }


@partial(jax.jit, static_argnames=("dtype",))
def batch(key, dtype):
    def full(value, *shape):
        return jnp.full((*shape, BATCH), value, dtype)

    names = {"log_spot": np.log(hc1.SPOT), "v": hc1.V0, "intensity": hc1.LAMBDA_INF, "cash": hc1.CAPITAL}
    names |= {"credit": 0.0, "peak": hc1.CAPITAL, "drawdown": 0.0, "margin": 0.0, "stops": 0.0, "equity": 0.0}
    p = {name: full(value) for name, value in names.items()}
    p |= {"open": jnp.zeros(BATCH, bool), "whole": jnp.zeros(BATCH, bool), "key": key}
    p |= {name: full(0.0, 4) for name in ("log_strike", "strike", "legs")}
    p |= {name: full(0.0, 3) for name in ("log_vix_strike", "vix_strike", "calls", "held")}
    tables = [jnp.asarray(t, dtype) for t in hc1.tables()]
    rows = dict(zip(("condor", "weight", "sd", "discount"), tables, strict=True))
    first = {name: table[0] for name, table in rows.items()}
    following = {name: table[1:] for name, table in rows.items()}

    def month(p, _):
        p = roll(p, first)
        return jax.lax.scan(lambda p, row: (step(p, row, dtype), None), p, following)[0], None

    p = jax.lax.scan(month, p, None, length=hc1.STEPS // hc1.ROLL)[0]
    return jnp.stack([p["equity"], p["drawdown"], p["margin"], p["stops"]])


def paths(n, seed, dtype):
    keys = jax.random.split(jax.random.key(seed, impl="rbg"), -(-n // BATCH))
    return np.concatenate([np.asarray(batch(key, dtype)) for key in keys], axis=1)[:, :n]


def single(n, seed):
    return paths(n, seed, "float32")


def double(n, seed):
    jax.config.update("jax_enable_x64", True)
    return paths(n, seed, "float64")
