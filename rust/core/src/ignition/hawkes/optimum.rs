//! The largest likelihood: a grid of decays, then damped Newton steps in the logarithms.

use super::likelihood::{Curvature, Flow, Parameters, evaluate};
use crate::error::{Error, Result};
use crate::math::{exp, ln};

/// Ratio of neighbours on the grid of decays.
const GRID_RATIO: f64 = 4.0;
/// Most steps of each search.
const MOST_STEPS: usize = 100;

/// A point of high likelihood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub parameters: Parameters,
    pub value: f64,
    /// Whether every derivative vanishes there.
    pub is_interior: bool,
}

/// What the search found; no point where no decay of the grid wants excitation.
pub(super) struct Found {
    pub best: Option<Best>,
    pub evaluations: u32,
}

/// Slowest and fastest decay that the window resolves, 1/s: one that lasts as long as the window, and one that is over
/// within a tenth of the shortest gaps (the hundredth part of them).
fn range(flow: &Flow<'_>) -> (f64, f64) {
    let mut gaps: Vec<f64> = flow.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rank = gaps.len() / 100;
    let (_, gap, _) = gaps.select_nth_unstable_by(rank, f64::total_cmp);
    (1.0 / flow.end, 10.0 / *gap)
}

/// The best baseline and branching at one decay: concave, so that Newton's steps, cut where they leave the positive
/// numbers, find it from anywhere. `None` when the branching goes to 0.
fn profile(flow: &Flow<'_>, decay: f64, excited: &mut [f64]) -> Option<(Parameters, f64)> {
    let (mut a, mut seen, mut k) = (0.0, 0.0, 0.0);
    let mut before = flow.times[0];
    for (slot, &time) in excited.iter_mut().zip(flow.times) {
        a = exp(-decay * (time - before)) * (a + seen);
        (before, seen) = (time, 1.0);
        *slot = decay * a;
        k += 1.0 - exp(-decay * (flow.end - time));
    }
    let counted = &excited[flow.first..];
    let n = counted.len() as f64;
    let rate = n / flow.end;
    // At no excitation the likelihood falls with it: a Poisson process is best.
    if counted.iter().sum::<f64>() / rate <= k {
        return None;
    }
    let (mut baseline, mut branching) = (0.5 * rate, 0.5 * n / k);
    for _ in 0..MOST_STEPS {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (-flow.end, -k, 0.0, 0.0, 0.0);
        for &f in counted {
            let u = 1.0 / (baseline + branching * f);
            let v = f * u;
            g0 += u;
            g1 += v;
            h00 += u * u;
            h01 += u * v;
            h11 += v * v;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant <= 0.0 {
            break;
        }
        let step0 = (h11 * g0 - h01 * g1) / determinant;
        let step1 = (h00 * g1 - h01 * g0) / determinant;
        let gain = step0 * g0 + step1 * g1;
        // Newton's step of a self-concordant function: damped by the decrement, it never overshoots.
        let damping = 1.0 / (1.0 + if gain > 0.25 { gain.sqrt() } else { 0.0 });
        let cut = |x: f64, step: f64| (x + damping * step).max(0.1 * x);
        (baseline, branching) = (cut(baseline, step0), cut(branching, step1));
        if gain < 1e-6 {
            break;
        }
    }
    let value = counted.iter().map(|f| ln(baseline + branching * f)).sum::<f64>() - baseline * flow.end - branching * k;
    Some((Parameters { baseline, branching, decay }, value))
}

/// Searches the whole range of decays.
pub(super) fn search(flow: &Flow<'_>, go_on: &mut dyn FnMut() -> bool) -> Result<Found> {
    let (slowest, fastest) = range(flow);
    let mut excited = vec![0.0; flow.times.len()];
    let mut best: Option<(Parameters, f64)> = None;
    let mut evaluations = 0;
    let mut decay = slowest;
    while decay <= fastest * GRID_RATIO {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        evaluations += 1;
        if let Some(found) = profile(flow, decay.min(fastest), &mut excited)
            && best.is_none_or(|(_, value)| found.1 > value)
        {
            best = Some(found);
        }
        decay *= GRID_RATIO;
    }
    let Some((start, _)) = best else { return Ok(Found { best: None, evaluations }) };
    let best = climb(flow, start, (slowest, fastest), &mut evaluations, go_on)?;
    Ok(Found { best: Some(best), evaluations })
}

/// Gradient and negated Hessian in the logarithms of the parameters.
fn in_logarithms(at: &Parameters, curvature: &Curvature) -> ([f64; 3], [[f64; 3]; 3]) {
    let x = [at.baseline, at.branching, at.decay];
    let [h00, h01, h02, h11, h12, h22] = curvature.hessian;
    let h = [[h00, h01, h02], [h01, h11, h12], [h02, h12, h22]];
    let g: [f64; 3] = std::array::from_fn(|i| curvature.gradient[i] * x[i]);
    let m =
        std::array::from_fn(|i| std::array::from_fn(|j| -(h[i][j] * x[i] * x[j]) - if i == j { g[i] } else { 0.0 }));
    (g, m)
}

/// Lower factor of a positive definite matrix; `None` for another.
fn cholesky(m: &[[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let mut l = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let sum: f64 = m[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            if i == j {
                if !sum.is_finite() || sum <= 1e-14 * m[i][i] {
                    return None;
                }
                l[i][i] = sum.sqrt();
            } else {
                l[i][j] = sum / l[j][j];
            }
        }
    }
    Some(l)
}

/// Solves l l' x = b.
fn solve(l: &[[f64; 3]; 3], b: [f64; 3]) -> [f64; 3] {
    let mut x = b;
    for i in 0..3 {
        for k in 0..i {
            x[i] -= l[i][k] * x[k];
        }
        x[i] /= l[i][i];
    }
    for i in (0..3).rev() {
        for k in i + 1..3 {
            x[i] -= l[k][i] * x[k];
        }
        x[i] /= l[i][i];
    }
    x
}

/// Climbs from a point of the grid: Newton's steps in the logarithms, damped until they rise (Levenberg, Marquardt).
fn climb(
    flow: &Flow<'_>,
    start: Parameters,
    (slowest, fastest): (f64, f64),
    evaluations: &mut u32,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Best> {
    let mut now = start;
    let mut curvature = evaluate(flow, &now);
    *evaluations += 1;
    let mut damping = 1e-3;
    let mut is_interior = false;
    for _ in 0..MOST_STEPS {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        let (g, mut m) = in_logarithms(&now, &curvature);
        // What a full step would gain when the matrix is definite: below rounding, the top is reached.
        if let Some(l) = cholesky(&m) {
            let step = solve(&l, g);
            let gain: f64 = (0..3).map(|i| step[i] * g[i]).sum();
            if gain <= 1e-10 {
                is_interior = true;
                break;
            }
        }
        let scale = (0..3).map(|i| m[i][i].abs()).fold(0.0, f64::max);
        for (i, row) in m.iter_mut().enumerate() {
            row[i] += damping * (row[i].abs() + 1e-6 * scale);
        }
        let next = cholesky(&m).map(|l| {
            let step = solve(&l, g).map(|x| x.clamp(-1.0, 1.0));
            Parameters {
                baseline: now.baseline * exp(step[0]),
                branching: now.branching * exp(step[1]),
                decay: (now.decay * exp(step[2])).clamp(slowest, fastest),
            }
        });
        let tried = next.map(|next| {
            *evaluations += 1;
            (next, evaluate(flow, &next))
        });
        match tried {
            Some((next, better)) if better.value > curvature.value => {
                (now, curvature) = (next, better);
                damping = (damping * 0.1).max(1e-9);
            }
            _ => damping *= 10.0,
        }
        if damping > 1e12 {
            break;
        }
    }
    Ok(Best { parameters: now, value: curvature.value, is_interior })
}

/// Roots of the diagonal of the inverse of the observed information (Ogata 1978, doi:10.1007/BF02480216); `None` where
/// it is not positive definite.
pub(super) fn standard_errors(flow: &Flow<'_>, at: &Parameters) -> Option<[f64; 3]> {
    let (_, m) = in_logarithms(at, &evaluate(flow, at));
    let l = cholesky(&m)?;
    let x = [at.baseline, at.branching, at.decay];
    // At the optimum the gradient is 0, so that the errors of the logarithms are the relative ones.
    Some(std::array::from_fn(|i| {
        let unit = std::array::from_fn(|j| f64::from(u8::from(i == j)));
        x[i] * solve(&l, unit)[i].sqrt()
    }))
}
