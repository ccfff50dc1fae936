"""The numbers that the simulation draws, by NumPy: Philox4x32-10 by counter, normals, uniforms."""

from __future__ import annotations

import numpy as np

STEPS_DOMAIN, JUMPS_DOMAIN = 18, 19
LOW = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)


def philox(step, domain, path, seed):
    """Four arrays of 32 random bits, for an array of paths."""
    path = np.asarray(path, dtype=np.uint64)
    full = np.zeros_like(path)
    c = [full + np.uint64(step), full + np.uint64(domain), path & LOW, path >> SHIFT]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        k0, k1 = np.uint64(key[0]), np.uint64(key[1])
        c = [(p1 >> SHIFT) ^ c[1] ^ k0, p1 & LOW, (p0 >> SHIFT) ^ c[3] ^ k1, p0 & LOW]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def uniform(word):
    """Middle of one of 2^32 intervals of (0, 1)."""
    return (word.astype(float) + 0.5) / 2.0**32


def normals(high, low, angle):
    """Two normals: an eighth of a turn either way by 30 bits, then turned and mirrored by two."""
    bits = ((high << SHIFT) | low) >> np.uint64(12)
    radius = np.sqrt(-2.0 * np.log(1.0 - bits.astype(float) / 2.0**52))
    turn = np.pi / 4 * (((angle >> np.uint64(2)).astype(float) + 0.5) / 2.0**29 - 1.0)
    turned, mirrored = (angle & np.uint64(1)) != 0, (angle & np.uint64(2)) != 0
    x, y = np.where(turned, np.sin(turn), np.cos(turn)), np.where(turned, np.cos(turn), np.sin(turn))
    radius = np.where(mirrored, -radius, radius)
    return radius * x, radius * y


def reference_step(step, paths, seed, mean_jump):
    """What `hc1_numpy.evolve` takes."""
    a, b, c, d = philox(step, STEPS_DOMAIN, paths, seed)
    z1, z2 = normals(a, d, b)
    e, f, g, h = philox(step, JUMPS_DOMAIN, paths, seed)
    return z1, z2, uniform(c), -mean_jump * np.log(uniform(h)), normals(e, f, g)[0]
