//! The likelihood and its derivatives in one pass.

use crate::math::{exp, ln};

/// Parameters of the process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Rate of events that no event caused, 1/s.
    pub baseline: f64,
    /// Mean number of children of an event.
    pub branching: f64,
    /// Rate at which excitation decays, 1/s.
    pub decay: f64,
}

/// Events of a window.
#[derive(Debug, Clone, Copy)]
pub struct Flow<'a> {
    /// Ascending, s from the start of the window.
    pub times: &'a [f64],
    /// End of the window, s.
    pub end: f64,
    /// Events that excite but do not count: 1 where the window opens with the first one.
    pub first: usize,
}

/// Log-likelihood with gradient and Hessian in (baseline, branching, decay).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curvature {
    /// Log-likelihood.
    pub value: f64,
    /// First derivatives.
    pub gradient: [f64; 3],
    /// Second derivatives: 00, 01, 02, 11, 12, 22.
    pub hessian: [f64; 6],
}

/// The log-likelihood and its derivatives: O(n).
///
/// Ozaki (1979), doi:10.1007/BF02480272, with the branching ratio in the place of his
/// alpha / beta. With A the sum of exp(-beta (t - t_i)) over the events before t, B that of (t - t_i) exp(..) and C
/// that of (t - t_i)^2 exp(..), each follows from its value at the event before.
pub fn evaluate(flow: &Flow<'_>, at: &Parameters) -> Curvature {
    let Parameters { baseline, branching, decay } = *at;
    let (mut a, mut b, mut c) = (0.0, 0.0, 0.0);
    let mut value = 0.0;
    let (mut g0, mut g1, mut g2) = (0.0, 0.0, 0.0);
    let (mut h00, mut h01, mut h02, mut h11, mut h12, mut h22) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    // Sums over the events of 1 - e, r e and r^2 e, e = exp(-beta r), r the time from the event to the end.
    let (mut k0, mut k1, mut k2) = (0.0, 0.0, 0.0);
    let mut before = flow.times.first().copied().unwrap_or_default();
    let mut seen = 0.0;
    for (i, &time) in flow.times.iter().enumerate() {
        let dt = time - before;
        before = time;
        let e = exp(-decay * dt);
        c = e * (c + dt * (2.0 * b + dt * (a + seen)));
        b = e * (b + dt * (a + seen));
        a = e * (a + seen);
        seen = 1.0;
        let left = flow.end - time;
        let rest = exp(-decay * left);
        k0 += 1.0 - rest;
        k1 += left * rest;
        k2 += left * left * rest;
        if i < flow.first {
            continue;
        }
        // Intensity over its parts: excited = branching * f, f = beta A; derivatives of f in beta.
        let f = decay * a;
        let f1 = a - decay * b;
        let f2 = decay * c - 2.0 * b;
        let intensity = baseline + branching * f;
        value += ln(intensity);
        let inverse = 1.0 / intensity;
        let (u, v, w) = (inverse, f * inverse, branching * f1 * inverse);
        g0 += u;
        g1 += v;
        g2 += w;
        h00 -= u * u;
        h01 -= u * v;
        h02 -= u * w;
        h11 -= v * v;
        h12 += f1 * inverse - v * w;
        h22 += branching * f2 * inverse - w * w;
    }
    Curvature {
        value: value - baseline * flow.end - branching * k0,
        gradient: [g0 - flow.end, g1 - k0, g2 - branching * k1],
        hessian: [h00, h01, h02, h11, h12 - k1, h22 + branching * k2],
    }
}
