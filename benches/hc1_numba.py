"""HC-1 with numba: one path after the other, and blocks of paths in arrays whose loops SVML vectorises.

The arithmetic is that of tests/reference/hc1_numpy.py.  `scalar` draws from numba's own generator inside prange,
`generator` is the same with the GIL released and a NumPy Generator handed in, `blocks` keeps 64 paths in arrays.
"""

from __future__ import annotations

import math

import hc1_numpy as hc1
import numba
import numpy as np

CONDOR, WEIGHT, SD, DISCOUNT = hc1.tables()
STEPS, ROLL, DT, CARRY = hc1.STEPS, hc1.ROLL, hc1.DT, hc1.RATE - hc1.YIELD
KAPPA, THETA, SIGMA, RHO, V0 = hc1.KAPPA, hc1.THETA, hc1.SIGMA, hc1.RHO, hc1.V0
LAMBDA_INF, ALPHA, BETA = hc1.LAMBDA_INF, hc1.ALPHA, hc1.BETA
MU_S, SIG_S, RHO_J, MU_V = hc1.MU_S, hc1.SIG_S, hc1.RHO_J, hc1.MU_V
KBAR, THETA_EFF, SKEW, CURVE = float(hc1.KBAR), hc1.THETA_EFF, hc1.SKEW, hc1.CURVE
MULTIPLIER, CAPITAL, LOG_SPOT = hc1.MULTIPLIER, hc1.CAPITAL, math.log(hc1.SPOT)
FEE_OPEN, FEE_CLOSE, SLIPPAGE = hc1.FEE_OPEN, hc1.FEE_CLOSE, hc1.SLIPPAGE
BUDGET, MOST_CALLS, OUT_OF_MONEY = hc1.BUDGET, hc1.MOST_CALLS, hc1.OUT_OF_MONEY
TAKE, STOP, CALM_INTENSITY = hc1.TAKE, hc1.STOP, hc1.CALM_INTENSITY
VIX_WEIGHT = float(hc1.mean_weight(30.0 / 365.0))
MONETISE_VARIANCE, CALM_VARIANCE = (hc1.MONETISE / 100.0) ** 2, (hc1.CALM_VIX / 100.0) ** 2
MONEYNESS = np.array(hc1.MONEYNESS)
SIGN = np.array([-1.0, -1.0, 1.0, 1.0])
RHO_BAR, DECAY, LOG_100 = math.sqrt(1.0 - RHO * RHO), math.exp(-BETA * DT), math.log(100.0)
ROOT_HALF = math.sqrt(0.5)
BLOCK = 64


@numba.njit(inline="always")
def ndtr(x):
    return 0.5 * math.erfc(-x * ROOT_HALF)


@numba.njit(inline="always")
def black(sign, forward, log_ratio, sd, strike):
    d1 = log_ratio / sd + 0.5 * sd
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))


@numba.njit(inline="always")
def price_legs(j, log_spot, plus, log_strike, strike, legs):
    weight, root, discount, carry = CONDOR[j, 0], CONDOR[j, 1], CONDOR[j, 2], CONDOR[j, 3]
    unit = math.sqrt(THETA_EFF + (plus - THETA_EFF) * weight) * root
    forward = math.exp(log_spot + carry)
    for i in range(4):
        distance = log_strike[i] - (log_spot + carry)
        m = distance / unit
        sd = unit * (1.0 + SKEW * m + CURVE * m * m)
        legs[i] = discount * black(SIGN[i], forward, -distance, sd, strike[i])


@numba.njit(inline="always")
def price_calls(j, plus, log_vix_strike, vix_strike, calls):
    for i in range(3):
        variance = THETA_EFF + (plus - THETA_EFF) * WEIGHT[j, i]
        distance = 0.5 * math.log(variance) + LOG_100 - log_vix_strike[i]
        calls[i] = DISCOUNT[j, i] * black(1.0, 100.0 * math.sqrt(variance), distance, SD[j, i], vix_strike[i])


@numba.njit(inline="always")
def one_path(normal, uniform, exponential, rng, work, out, path):
    log_strike, strike, legs = work[0:4], work[4:8], work[8:12]
    log_vix_strike, vix_strike, calls, held = work[12:15], work[15:18], work[18:21], work[21:24]
    log_spot, v, intensity, cash = LOG_SPOT, V0, LAMBDA_INF, CAPITAL
    is_open, whole, credit = False, False, 0.0
    peak, drawdown, margin, stops, equity = CAPITAL, 0.0, 0.0, 0.0, CAPITAL
    for k in range(STEPS):
        j = k % ROLL
        plus = max(v, 0.0)
        if j == 0:
            if is_open:
                value = legs[1] - legs[0] + legs[2] - legs[3]
                paid = legs[0] + legs[1] + legs[2] + legs[3]
                cash -= MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE
            if k > 0:
                for i in range(3):
                    cash += held[i] * (MULTIPLIER * calls[i] * (1.0 - SLIPPAGE) - FEE_CLOSE)
            unit = math.sqrt(THETA_EFF + (plus - THETA_EFF) * CONDOR[0, 0]) * CONDOR[0, 1]
            for i in range(4):
                log_strike[i] = log_spot + CONDOR[0, 3] + MONEYNESS[i] * unit
                strike[i] = math.exp(log_strike[i])
            price_legs(0, log_spot, plus, log_strike, strike, legs)
            vix_variance = THETA_EFF + (plus - THETA_EFF) * VIX_WEIGHT
            is_open = not (intensity > CALM_INTENSITY or vix_variance > CALM_VARIANCE)
            for i in range(3):
                vix_strike[i] = (
                    OUT_OF_MONEY * 100.0 * math.sqrt(THETA_EFF + (plus - THETA_EFF) * WEIGHT[0, i])
                )
                log_vix_strike[i] = math.log(vix_strike[i])
                held[i] = 0.0
            whole = True
            if is_open:
                credit = legs[1] - legs[0] + legs[2] - legs[3]
                paid = legs[0] + legs[1] + legs[2] + legs[3]
                cash += MULTIPLIER * (credit - SLIPPAGE * paid) - 4.0 * FEE_OPEN
                margin = max(margin, MULTIPLIER * max(strike[1] - strike[0], strike[3] - strike[2]))
                price_calls(0, plus, log_vix_strike, vix_strike, calls)
                for i in range(3):
                    held[i] = min(BUDGET * credit / calls[i], MOST_CALLS)
                    cash -= held[i] * (MULTIPLIER * calls[i] * (1.0 + SLIPPAGE) + FEE_OPEN)
        z1, z2 = normal(rng), normal(rng)
        s = math.sqrt(plus * DT)
        jump = uniform(rng) < min(intensity * DT, 1.0)
        log_spot += (CARRY - KBAR * intensity - 0.5 * plus) * DT + s * (RHO * z1 + RHO_BAR * z2)
        v += KAPPA * (THETA - plus) * DT + SIGMA * s * z1
        intensity = LAMBDA_INF + (intensity - LAMBDA_INF) * DECAY
        if jump:
            size = exponential(rng)
            log_spot += MU_S + RHO_J * size + SIG_S * normal(rng)
            v += size
            intensity += ALPHA
        plus = max(v, 0.0)
        price_legs(j + 1, log_spot, plus, log_strike, strike, legs)
        price_calls(j + 1, plus, log_vix_strike, vix_strike, calls)
        value = legs[1] - legs[0] + legs[2] - legs[3]
        if is_open and (value <= TAKE * credit or value >= STOP * credit):
            if value >= STOP * credit:
                stops += 1.0
            paid = legs[0] + legs[1] + legs[2] + legs[3]
            cash -= MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE
            is_open = False
        if whole and THETA_EFF + (plus - THETA_EFF) * VIX_WEIGHT > MONETISE_VARIANCE:
            for i in range(3):
                sold = 0.5 * held[i]
                cash += sold * (MULTIPLIER * calls[i] * (1.0 - SLIPPAGE) - FEE_CLOSE)
                held[i] -= sold
            whole = False
        equity = cash + MULTIPLIER * (held[0] * calls[0] + held[1] * calls[1] + held[2] * calls[2])
        if is_open:
            equity -= MULTIPLIER * value
        peak = max(peak, equity)
        drawdown = max(drawdown, peak - equity)
    out[0, path], out[1, path], out[2, path], out[3, path] = equity, drawdown, margin, stops


@numba.njit
def own_normal(_):
    return np.random.standard_normal()  # noqa: NPY002


@numba.njit
def own_uniform(_):
    return np.random.random()  # noqa: NPY002


@numba.njit
def own_exponential(_):
    return np.random.exponential(MU_V)  # noqa: NPY002


@numba.njit
def generator_normal(rng):
    return rng.standard_normal()


@numba.njit
def generator_uniform(rng):
    return rng.random()


@numba.njit
def generator_exponential(rng):
    return rng.exponential(MU_V)


@numba.njit
def seed_own(seed):
    np.random.seed(seed)  # noqa: NPY002


@numba.njit(parallel=True, fastmath=True)
def scalar_paths(n):
    out = np.empty((4, n))
    for path in numba.prange(n):
        one_path(own_normal, own_uniform, own_exponential, 0, np.zeros(24), out, path)
    return out


@numba.njit(nogil=True, fastmath=True)
def generator_paths(n, rng):
    out = np.empty((4, n))
    work = np.zeros(24)
    for path in range(n):
        one_path(generator_normal, generator_uniform, generator_exponential, rng, work, out, path)
    return out


@numba.njit(inline="always")
def block_legs(j, log_spot, v, log_strike, strike, legs):
    weight, root, discount, carry = CONDOR[j, 0], CONDOR[j, 1], CONDOR[j, 2], CONDOR[j, 3]
    for i in range(4):
        sign = SIGN[i]
        for b in range(BLOCK):
            plus = max(v[b], 0.0)
            unit = math.sqrt(THETA_EFF + (plus - THETA_EFF) * weight) * root
            forward = math.exp(log_spot[b] + carry)
            distance = log_strike[i, b] - (log_spot[b] + carry)
            m = distance / unit
            sd = unit * (1.0 + SKEW * m + CURVE * m * m)
            legs[i, b] = discount * black(sign, forward, -distance, sd, strike[i, b])


@numba.njit(inline="always")
def block_calls(j, v, log_vix_strike, vix_strike, calls):
    for i in range(3):
        weight, sd, discount = WEIGHT[j, i], SD[j, i], DISCOUNT[j, i]
        for b in range(BLOCK):
            variance = THETA_EFF + (max(v[b], 0.0) - THETA_EFF) * weight
            distance = 0.5 * math.log(variance) + LOG_100 - log_vix_strike[i, b]
            calls[i, b] = discount * black(1.0, 100.0 * math.sqrt(variance), distance, sd, vix_strike[i, b])


@numba.njit(nogil=True, fastmath=True)
def block_paths(n, rng):
    out = np.empty((4, n))
    log_spot, v, intensity, cash = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    is_open, whole, credit = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    peak, drawdown, margin, stops = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    equity, shift = np.empty(BLOCK), np.empty(BLOCK)
    log_strike, strike, legs = np.empty((4, BLOCK)), np.empty((4, BLOCK)), np.empty((4, BLOCK))
    log_vix_strike, vix_strike = np.empty((3, BLOCK)), np.empty((3, BLOCK))
    calls, held = np.empty((3, BLOCK)), np.empty((3, BLOCK))
    for first in range(0, n, BLOCK):
        log_spot[:], v[:], intensity[:], cash[:], credit[:] = LOG_SPOT, V0, LAMBDA_INF, CAPITAL, 0.0
        is_open[:], whole[:], peak[:], drawdown[:], margin[:], stops[:] = 0.0, 0.0, CAPITAL, 0.0, 0.0, 0.0
        held[:], calls[:], legs[:] = 0.0, 0.0, 0.0
        for k in range(STEPS):
            j = k % ROLL
            if j == 0:
                for b in range(BLOCK):
                    value = legs[1, b] - legs[0, b] + legs[2, b] - legs[3, b]
                    paid = legs[0, b] + legs[1, b] + legs[2, b] + legs[3, b]
                    cash[b] -= is_open[b] * (MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE)
                    for i in range(3):
                        cash[b] += held[i, b] * (MULTIPLIER * calls[i, b] * (1.0 - SLIPPAGE) - FEE_CLOSE)
                for i in range(4):
                    for b in range(BLOCK):
                        plus = max(v[b], 0.0)
                        unit = math.sqrt(THETA_EFF + (plus - THETA_EFF) * CONDOR[0, 0]) * CONDOR[0, 1]
                        log_strike[i, b] = log_spot[b] + CONDOR[0, 3] + MONEYNESS[i] * unit
                        strike[i, b] = math.exp(log_strike[i, b])
                for i in range(3):
                    for b in range(BLOCK):
                        variance = THETA_EFF + (max(v[b], 0.0) - THETA_EFF) * WEIGHT[0, i]
                        vix_strike[i, b] = OUT_OF_MONEY * 100.0 * math.sqrt(variance)
                        log_vix_strike[i, b] = math.log(vix_strike[i, b])
                block_legs(0, log_spot, v, log_strike, strike, legs)
                block_calls(0, v, log_vix_strike, vix_strike, calls)
                for b in range(BLOCK):
                    vix_variance = THETA_EFF + (max(v[b], 0.0) - THETA_EFF) * VIX_WEIGHT
                    calm = not (intensity[b] > CALM_INTENSITY or vix_variance > CALM_VARIANCE)
                    enter = 1.0 if calm else 0.0
                    is_open[b] = enter
                    whole[b] = 1.0
                    credit[b] = legs[1, b] - legs[0, b] + legs[2, b] - legs[3, b]
                    paid = legs[0, b] + legs[1, b] + legs[2, b] + legs[3, b]
                    cash[b] += enter * (MULTIPLIER * (credit[b] - SLIPPAGE * paid) - 4.0 * FEE_OPEN)
                    width = max(strike[1, b] - strike[0, b], strike[3, b] - strike[2, b])
                    margin[b] = max(margin[b], enter * MULTIPLIER * width)
                    for i in range(3):
                        held[i, b] = enter * min(BUDGET * credit[b] / calls[i, b], MOST_CALLS)
                        cash[b] -= held[i, b] * (MULTIPLIER * calls[i, b] * (1.0 + SLIPPAGE) + FEE_OPEN)
            z1, z2, u = rng.standard_normal(BLOCK), rng.standard_normal(BLOCK), rng.random(BLOCK)
            for b in range(BLOCK):
                if u[b] < min(intensity[b] * DT, 1.0):
                    u[b] = rng.exponential(MU_V)
                    shift[b] = MU_S + RHO_J * u[b] + SIG_S * rng.standard_normal()
                else:
                    u[b] = 0.0
                    shift[b] = 0.0
            for b in range(BLOCK):
                plus = max(v[b], 0.0)
                s = math.sqrt(plus * DT)
                drift = (CARRY - KBAR * intensity[b] - 0.5 * plus) * DT
                log_spot[b] += drift + s * (RHO * z1[b] + RHO_BAR * z2[b]) + shift[b]
                v[b] += KAPPA * (THETA - plus) * DT + SIGMA * s * z1[b] + u[b]
                jump = ALPHA if u[b] > 0.0 else 0.0
                intensity[b] = LAMBDA_INF + (intensity[b] - LAMBDA_INF) * DECAY + jump
            block_legs(j + 1, log_spot, v, log_strike, strike, legs)
            block_calls(j + 1, v, log_vix_strike, vix_strike, calls)
            for b in range(BLOCK):
                value = legs[1, b] - legs[0, b] + legs[2, b] - legs[3, b]
                paid = legs[0, b] + legs[1, b] + legs[2, b] + legs[3, b]
                stop = is_open[b] if value >= STOP * credit[b] else 0.0
                leave = is_open[b] if value <= TAKE * credit[b] else stop
                stops[b] += stop
                cash[b] -= leave * (MULTIPLIER * (value + SLIPPAGE * paid) + 4.0 * FEE_CLOSE)
                is_open[b] -= leave
                variance = THETA_EFF + (max(v[b], 0.0) - THETA_EFF) * VIX_WEIGHT
                spike = whole[b] if variance > MONETISE_VARIANCE else 0.0
                whole[b] -= spike
                worth = 0.0
                for i in range(3):
                    sold = 0.5 * spike * held[i, b]
                    cash[b] += sold * (MULTIPLIER * calls[i, b] * (1.0 - SLIPPAGE) - FEE_CLOSE)
                    held[i, b] -= sold
                    worth += held[i, b] * calls[i, b]
                equity[b] = cash[b] + MULTIPLIER * (worth - is_open[b] * value)
                peak[b] = max(peak[b], equity[b])
                drawdown[b] = max(drawdown[b], peak[b] - equity[b])
        last = min(n - first, BLOCK)
        out[0, first : first + last] = equity[:last]
        out[1, first : first + last] = drawdown[:last]
        out[2, first : first + last] = margin[:last]
        out[3, first : first + last] = stops[:last]
    return out


def scalar(n, seed):
    numba.set_num_threads(1)
    seed_own(seed)
    return scalar_paths(n)


def generator(n, seed):
    return generator_paths(n, np.random.Generator(np.random.SFC64(seed)))


def blocks(n, seed):
    return block_paths(n, np.random.Generator(np.random.SFC64(seed)))
