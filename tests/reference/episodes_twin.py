"""Episodes of a session and its steps, slowly: the equations of docs/episodes.md, one number at a time."""

from __future__ import annotations

import math

import numpy as np
from draws import philox

OPEN = 34_200
EPISODES, BRIDGE = 40, 41
BLOCKS = 4_096


class Draw:
    """Variates of a session of a path, in the order in which they are asked for."""

    def __init__(self, seed, domain, path, session):
        self.seed, self.domain, self.path, self.position = seed, domain, path, session * BLOCKS
        self.words, self.spare = [], None

    def word(self):
        if not self.words:
            block = philox(self.position, self.domain, np.array([self.path]), self.seed)
            self.words = [int(lane[0]) & 0xFFFFFFFF for lane in block]
            self.position += 1
        return self.words.pop(0)

    def uniform(self):
        high, low = self.word() << 20, self.word() >> 12
        return ((high | low) + 0.5) / 2.0**52

    def between(self, low, high):
        return low + (high - low) * self.uniform()

    def normal(self):
        if self.spare is not None:
            spare, self.spare = self.spare, None
            return spare
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            square = x * x + y * y
            if square < 1:
                factor = math.sqrt(-2 * math.log(square) / square)
                self.spare = y * factor
                return x * factor

    def poisson(self, mean):
        left, count = mean + math.log(self.uniform()), 0
        while left > 0:
            count += 1
            left += math.log(self.uniform())
        return count

    def gamma(self, shape):
        d = shape - 1 / 3
        while True:
            z = self.normal()
            root = 1 + z / math.sqrt(9 * d)
            if root > 0:
                v = root**3
                if math.log(self.uniform()) < 0.5 * z * z + d - d * v + d * math.log(v):
                    return d * v

    def beta(self, a, b):
        x = self.gamma(a)
        return x / (x + self.gamma(b))


def _episodes(c, vix, jumps, close, draw):
    earliest = OPEN + c["coarse_seconds"]

    def rise():
        drawn = c["rise_seconds"] * math.exp(c["rise_spread"] * draw.normal())
        return min(drawn, (close - OPEN) / 3)

    def latest(rise):
        return max(close - int(rise + c["reversion_seconds"]), earliest)

    def on_grid(seconds):
        return OPEN + (int(seconds) - OPEN) // c["fine_seconds"] * c["fine_seconds"]

    def finish(kind, onset, rise, sign, amplitude, retained, jump):
        spread = draw.between(*c["spread"])
        noise = draw.uniform() * c["quote_noise"] * (1 - math.exp(-amplitude / c["quote_noise_scale"]))
        half_life = draw.between(*c["quote_noise_half_life"])
        noise = noise if sign < 0 else 0.0
        return [kind, onset, rise, sign, amplitude, retained, *jump, spread, noise, half_life]

    def pure(peak):
        daily = vix / 100 / math.sqrt(252)
        amplitude = min(c["pure_scale"] * daily * draw.uniform() ** (-1 / c["pure_tail"]), c["largest"])
        sign = -1.0 if draw.uniform() < c["pure_down"] else 1.0
        length = rise()
        place = draw.uniform()
        last = latest(length)
        if peak is None:
            onset = earliest + place * (last - earliest)
        else:
            onset = peak - c["reignition_seconds"] * math.log(place)
        row = finish(1, on_grid(min(onset, 1e6)), length, sign, amplitude, 0.0, (0.0, 0.0, 0.0))
        return [row] if row[1] <= last else []

    rows = []
    for jump in jumps:
        ignition = draw.uniform() < c["ignition_share"]
        a = c["retained"] * c["retained_concentration"]
        share = draw.beta(a, c["retained_concentration"] - a)
        length = rise()
        place = draw.uniform()
        onset = on_grid(earliest + place * (latest(length) - earliest))
        size = abs(jump[0])
        overshoots = ignition and jump[0] < 0
        amplitude = min(size / share, max(c["largest"], size)) if overshoots else size
        sign = -1.0 if jump[0] < 0 else 1.0
        rows.append(finish(0 if ignition else 2, onset, length, sign, amplitude, size / amplitude, jump))
    for _ in range(draw.poisson(c["pure_rate"] * vix / 20 / 252)):
        rows += pure(None)
    index = 0
    while index < len(rows):
        parent = rows[index]
        index += 1
        if parent[0] != 2:
            for _ in range(draw.poisson(c["reignition"])):
                rows += pure(parent[1] + parent[2])
    return sorted(rows, key=lambda row: row[1])


def _effect(c, row, permanent, close, t):
    """Displacement, progress of the jump, excess of ln VIX, spread less one, quote noise."""
    _, onset, rise, sign, amplitude, retained, _, _, _, spread, noise, half_life = row
    peak = onset + rise
    if t <= onset:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    top = sign * amplitude
    if t < peak:
        g = math.expm1(c["acceleration"] * (t - onset) / rise) / math.expm1(c["acceleration"])
        excess = -c["vix_beta"] * top * g - 0.5 * math.log1p(permanent * g)
        return top * g, g, excess, (spread - 1) * g, noise * g

    def decay(rate):
        end = math.exp(-(close - peak) * rate)
        return (math.exp(-(t - peak) * rate) - end) / (1 - end)

    fast = decay(1 / c["reversion_seconds"])
    line = (close - t) / (close - peak)
    excess = (-c["vix_beta"] * top - 0.5 * math.log1p(permanent)) * (
        c["fast_share"] * fast + (1 - c["fast_share"]) * line
    )
    moved = top * (retained + (1 - retained) * fast)
    return moved, 1.0, excess, (spread - 1) * fast, noise * decay(math.log(2) / half_life)


def _grid(c, rows, close):
    """Every fine time that lies in an episode, every onset, and every coarse time; the close."""
    times, now = [], OPEN
    while now < close:
        times.append(now)
        tail = c["fine_tail"] * c["reversion_seconds"]
        inside = any(row[1] <= now < int(row[1] + row[2] + tail) for row in rows)
        coarse = now + c["coarse_seconds"] - (now - OPEN) % c["coarse_seconds"]
        ahead = [row[1] for row in rows if row[1] > now]
        now = now + c["fine_seconds"] if inside else min([coarse, *ahead[:1]])
    return [*times, close]


def session(c, squared, nodes, years, close, seed, path, number):
    """Episodes, and columns of the steps, of one session."""
    a, b1, b2, cl = squared

    def vix_squared(v1, v2, intensity):
        return a + b1 * v1 + b2 * v2 + cl * intensity

    jumps = [tuple(node[5:]) for node in nodes if any(node[5:])]
    base = vix_squared(*nodes[0][2:5])
    draw = Draw(seed, EPISODES, path, number)
    rows = _episodes(c, 100 * math.sqrt(base), jumps, close, draw)
    bridge = Draw(seed, BRIDGE, path, number)

    def clock(x):
        return x + c["u_shape"] * (4 * (x - 0.5) ** 3 + 0.5 - x)

    bare, gone = [], np.zeros(3)
    for passed, log_spot, v1, v2, intensity, *jump in nodes:
        gone = gone + jump
        bare.append(
            [clock(passed), log_spot - gone[0], max(v1 - gone[1], 0.0), v2, max(intensity - gone[2], 0.0)]
        )

    names = (
        "log_spot",
        "v1",
        "v2",
        "intensity",
        "transient",
        "vix_state",
        "vix",
        "vix_quoted",
        "spread_multiplier",
    )
    out = {name: [] for name in names}
    times = _grid(c, rows, close)
    node, price, at = 1, bare[0][1], 0.0
    for t in times[:-1]:
        share = clock((t - OPEN) / (close - OPEN))
        while node + 1 < len(bare) and bare[node][0] <= share:
            price, at = bare[node][1], bare[node][0]
            node += 1
        start, end = bare[node - 1], bare[node]
        if share > at:
            variance = 0.5 * (start[2] + start[3] + end[2] + end[3]) * years
            part = (share - at) / (end[0] - at)
            price += (end[1] - price) * part
            price += math.sqrt(variance * (end[0] - share) * part) * bridge.normal()
            at = share
        effects = [_effect(c, row, (b1 * row[7] + cl * row[8]) / base, close, t) for row in rows] or [
            (0.0,) * 5
        ]
        part = (share - start[0]) / (end[0] - start[0])
        v1, v2, intensity = (start[k] + (end[k] - start[k]) * part for k in (2, 3, 4))
        v1 += sum(effect[1] * row[7] for effect, row in zip(effects, rows, strict=False))
        intensity += sum(effect[1] * row[8] for effect, row in zip(effects, rows, strict=False))
        level = vix_squared(v1, v2, intensity)
        transient = max(level * math.expm1(2 * sum(effect[2] for effect in effects)) / b1, -v1)
        vix = 100 * math.sqrt(level + b1 * transient)
        noise = min(sum(effect[4] for effect in effects), c["quote_noise"])
        values = (
            price + sum(effect[0] for effect in effects),
            v1,
            v2,
            intensity,
            transient,
            100 * math.sqrt(level),
            vix,
            vix * math.exp(noise),
            1 + max(effect[3] for effect in effects),
        )
        for name, value in zip(names, values, strict=True):
            out[name].append(value)
    vix = 100 * math.sqrt(vix_squared(*nodes[-1][2:5]))
    last = (nodes[-1][1], *nodes[-1][2:5], 0.0, vix, vix, vix, 1.0)
    for name, value in zip(names, last, strict=True):
        out[name].append(value)
    return rows, {"seconds": times, **out}
