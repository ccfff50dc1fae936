//! What the hedge should be, from the signals alone: before rounding, hysteresis, rate limits and cash.
//!
//! Monotone by construction: a higher score, a thinner book or one more rule in force never makes the hedge smaller
//! in beta-vega.

use super::AdaptivePolicy;

/// What each rule contributes to the size of the layers, in the order in which they apply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// The hedge score that counts.
    pub score: f64,
    /// Added by the automatic vega with the quorum.
    pub vega: f64,
    /// Added by the automatic vega without it.
    pub exception: f64,
    /// Added to the outer multiplier by crosses in a cash press.
    pub press: f64,
    /// Beta-vega is shifted outward.
    pub shift: bool,
    /// What the caps leave of the layers.
    pub scale: f64,
}

impl Default for Components {
    fn default() -> Self {
        Self { score: 0.0, vega: 0.0, exception: 0.0, press: 0.0, shift: false, scale: 1.0 }
    }
}

/// What the automatic vega adds at a quick ratio: with the quorum, and without it. An unknown ratio adds nothing.
pub fn automatic_vega(config: &AdaptivePolicy, quick_ratio: f64, quorum: bool) -> (f64, f64) {
    let Some((&exception, ordinary)) = config.vega_steps.split_last() else { return (0.0, 0.0) };
    let mut vega = 0.0;
    if config.automatic_vega && quorum {
        vega += ordinary.iter().filter(|step| quick_ratio < step.0).map(|step| step.1).sum::<f64>();
    }
    let alone = if quick_ratio < exception.0 { exception.1 } else { 0.0 };
    if config.automatic_vega_exception {
        return (vega, alone);
    }
    // Without the exception the last step needs the quorum like the others.
    (if config.automatic_vega && quorum { vega + alone } else { vega }, 0.0)
}

/// Multiplier of a layer before time is shifted: `clip((1 + slope H) m_vega + press, 1, max)`.
pub fn multiplier(config: &AdaptivePolicy, components: &Components, is_outer: bool) -> f64 {
    let (slope, press) = if is_outer { (config.outer_slope, components.press) } else { (config.longer_slope, 0.0) };
    let vega = 1.0 + components.vega + components.exception;
    ((1.0 + slope * components.score) * vega + press).clamp(1.0, config.multiplier_max)
}

/// Multipliers of all layers on their base sizes `base`, shifts and caps included.
///
/// `exchange[i]` is how many outer contracts have the beta-vega of one contract of layer i; a layer without a base (or
/// without a ratio) takes no part in a shift.
pub fn multipliers(
    config: &AdaptivePolicy,
    components: &Components,
    base: &[f64],
    exchange: &[f64],
    out: &mut Vec<f64>,
) {
    out.clear();
    out.extend((0..base.len()).map(|layer| multiplier(config, components, layer == 0)));
    if components.shift && base.first().is_some_and(|&outer| outer > 0.0) {
        for layer in 1..base.len() {
            let ratio = exchange.get(layer).copied().unwrap_or(f64::NAN);
            if base[layer] > 0.0 && ratio.is_finite() {
                let moved = config.shift_share * out[layer];
                out[layer] -= moved;
                out[0] += moved * base[layer] * ratio / base[0];
            }
        }
    }
    if components.scale < 1.0 {
        out.iter_mut().for_each(|multiplier| *multiplier *= components.scale);
    }
    out.iter_mut().for_each(|multiplier| *multiplier = multiplier.max(config.core_share));
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [f64; 3] = [4.0, 4.0, 2.0];

    fn at(components: Components) -> Vec<f64> {
        let mut out = Vec::new();
        multipliers(&AdaptivePolicy::default(), &components, &BASE, &[1.0, 0.5, 0.25], &mut out);
        out
    }

    #[test]
    fn the_base_is_the_base_and_a_full_score_doubles_the_outer_layer() {
        assert_eq!(at(Components::default()), [1.0, 1.0, 1.0]);
        assert_eq!(at(Components { score: 1.0, ..Components::default() }), [2.0, 1.5, 1.5]);
        assert_eq!(at(Components { score: 1.0, vega: 0.5, exception: 0.5, ..Components::default() }), [2.0, 2.0, 2.0]);
        assert_eq!(at(Components { press: 0.5, ..Components::default() }), [1.5, 1.0, 1.0]);
    }

    #[test]
    fn a_shift_keeps_the_beta_vega_and_the_core() {
        let (plain, shifted) = (at(Components::default()), at(Components { shift: true, ..Components::default() }));
        let beta_vega =
            |m: &[f64]| m.iter().zip(BASE).zip([1.0, 0.5, 0.25]).map(|((m, base), beta)| m * base * beta).sum::<f64>();
        assert!((beta_vega(&plain) - beta_vega(&shifted)).abs() < 1e-12);
        assert_eq!(shifted[1..], [0.75, 0.75]);
        let scaled = at(Components { shift: true, scale: 0.2, ..Components::default() });
        assert!(scaled.iter().all(|&m| m >= 0.5));
    }

    #[test]
    fn only_the_last_step_of_the_automatic_vega_needs_no_quorum() {
        let config = AdaptivePolicy::default();
        assert_eq!(automatic_vega(&config, 0.79, false), (0.0, 0.0));
        assert_eq!(automatic_vega(&config, 0.79, true), (0.25, 0.0));
        assert_eq!(automatic_vega(&config, 0.54, true), (0.5, 0.0));
        assert_eq!(automatic_vega(&config, 0.34, true), (0.5, 0.5));
        assert_eq!(automatic_vega(&config, 0.34, false), (0.0, 0.5));
        assert_eq!(automatic_vega(&config, f64::NAN, true), (0.0, 0.0));
        let strict = AdaptivePolicy { automatic_vega_exception: false, ..config };
        assert_eq!(automatic_vega(&strict, 0.34, false), (0.0, 0.0));
        assert_eq!(automatic_vega(&strict, 0.34, true), (1.0, 0.0));
    }
}
