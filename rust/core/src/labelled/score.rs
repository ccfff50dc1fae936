//! Event-level scoring of alarms against labels.
//!
//! An alarm in `[ignition - 0.5 s, end]` of an ignition is true; the first finds it, later ones of the same label are
//! repeats, which count neither as true nor as false and are reported, as are alarms at an unclear label. Every other
//! alarm is false, also the one at a decoy.

use super::label::Label;
use super::script::Kind;
use crate::ignition::{Episode, IgnitionConfig, Outcome};

/// An alarm: when it says that something happened, and when that was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// Time that is held against the labels, ns since the epoch.
    pub ts: i64,
    /// Time from which the alarm could be acted on; the same for early alarms, the retrace for confirmed ones.
    pub known: i64,
    /// +1 up, -1 down, 0 when the detector does not say.
    pub side: i8,
}

/// An alarm before the ignition by up to this much is not early but right.
pub const BEFORE: i64 = 500_000_000;

/// An alarm of another clock counts as the same within this many units of the earlier alarm's clock.
const SAME_UNITS: f64 = 5.0;

/// What one clock of the detector says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// Unit of the clock, seconds.
    pub unit: f64,
    /// +1 up, -1 down.
    pub side: i8,
    /// Time of the early alarm, ns since the epoch.
    pub ts: i64,
    /// Time at which it was confirmed, if it was.
    pub confirmed: Option<i64>,
}

/// The claims of a detection.
pub fn claims_of(episodes: &[Episode], config: &IgnitionConfig) -> Vec<Claim> {
    let claim = |episode: &Episode| Claim {
        unit: config.clocks[usize::from(episode.clock)],
        side: episode.side,
        ts: episode.detected.ts,
        confirmed: (episode.outcome == Outcome::Reverted).then_some(episode.end.ts),
    };
    episodes.iter().map(claim).collect()
}

/// Early and confirmed alarms, once over the clocks.
///
/// Claims are taken in the order of time. One on the same side as an earlier one, within five units of the earlier
/// one's clock, is the same event. An event is confirmed when one of its claims is, from the first such moment.
pub fn merge_claims(claims: &[Claim]) -> (Vec<Alarm>, Vec<Alarm>) {
    let mut order = claims.to_vec();
    order.sort_by(|a, b| a.ts.cmp(&b.ts).then(a.unit.total_cmp(&b.unit)));
    // The alarm, until when others join it, and when it was confirmed.
    let mut groups: Vec<(Alarm, i64, Option<i64>)> = Vec::new();
    for Claim { unit, side, ts, confirmed } in order {
        let until = ts + libm::round(SAME_UNITS * unit * 1e9) as i64;
        match groups.iter_mut().rev().find(|group| group.0.side == side && ts <= group.1) {
            Some(group) => {
                group.1 = group.1.max(until);
                group.2 = match (group.2, confirmed) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            None => groups.push((Alarm { ts, known: ts, side }, until, confirmed)),
        }
    }
    let early = groups.iter().map(|group| group.0).collect();
    let confirmed = groups.iter().filter_map(|group| Some(Alarm { known: group.2?, ..group.0 })).collect();
    (early, confirmed)
}

/// What became of one ignition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Unit of its clock, seconds.
    pub unit: f64,
    /// Its displacement in standard deviations of its clock's unit.
    pub displacement: f64,
    /// Seconds from the ignition until the alarm was known; NaN when there was none.
    pub latency: f64,
    /// Share of the move that had been made by then.
    pub share: f64,
}

/// Matches of alarms and labels over one tape or several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Every ignition.
    pub found: Vec<Found>,
    /// Alarms that found an ignition.
    pub hits: u64,
    /// Of those, on the wrong side.
    pub wrong_side: u64,
    /// Later alarms of an ignition that had been found.
    pub repeats: u64,
    /// Alarms at unclear labels.
    pub ignored: u64,
    /// False alarms: in the background, at informed moves, at volume without a move, at sweeps, at shams.
    pub false_alarms: [u64; FALSE_NAMES.len()],
    /// Number of decoys: 0, informed, volume only, sweeps, shams.
    pub decoys: [u64; FALSE_NAMES.len()],
    /// Length of the tapes.
    pub hours: f64,
}

impl Tally {
    /// Adds another tape's.
    pub fn merge(&mut self, other: &Self) {
        self.found.extend_from_slice(&other.found);
        self.hits += other.hits;
        self.wrong_side += other.wrong_side;
        self.repeats += other.repeats;
        self.ignored += other.ignored;
        self.hours += other.hours;
        for i in 0..FALSE_NAMES.len() {
            self.false_alarms[i] += other.false_alarms[i];
            self.decoys[i] += other.decoys[i];
        }
    }

    /// All false alarms.
    pub fn all_false(&self) -> u64 {
        self.false_alarms.iter().sum()
    }

    /// True alarms over true and false ones; NaN without any.
    pub fn precision(&self) -> f64 {
        self.hits as f64 / (self.hits + self.all_false()) as f64
    }

    /// Share of the ignitions from `low` to below `high` standard deviations that were found: count and total.
    pub fn recall(&self, low: f64, high: f64) -> (u64, u64) {
        let mut counts = (0, 0);
        for found in self.found.iter().filter(|found| (low..high).contains(&found.displacement)) {
            counts.0 += u64::from(!found.latency.is_nan());
            counts.1 += 1;
        }
        counts
    }

    /// Quantile of the latencies, seconds: the smallest that at least this share does not exceed; NaN without any.
    pub fn latency(&self, share: f64) -> f64 {
        quantile(self.found.iter().map(|found| found.latency), share)
    }

    /// Quantile of the share of the move already made.
    pub fn share(&self, share: f64) -> f64 {
        quantile(self.found.iter().map(|found| found.share), share)
    }

    /// False alarms in a session of 6.5 hours.
    pub fn false_per_session(&self) -> f64 {
        self.all_false() as f64 * 6.5 / self.hours
    }

    /// F1: the criterion that every detector's one scalar is chosen by.
    pub fn f1(&self) -> f64 {
        let (found, all) = (self.hits as f64, self.found.len() as f64);
        let alarms = found + self.all_false() as f64;
        if alarms + all > 0.0 { 2.0 * found / (alarms + all) } else { 0.0 }
    }
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.filter(|x| !x.is_nan()).collect();
    if sorted.is_empty() {
        return f64::NAN;
    }
    sorted.sort_by(f64::total_cmp);
    let at = libm::ceil(share * sorted.len() as f64) as usize;
    sorted[at.clamp(1, sorted.len()) - 1]
}

/// 95 % interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953).
pub fn wilson(count: u64, total: u64) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (total as f64, count as f64 / total as f64);
    let scale = 1.0 / (1.0 + Z * Z / n);
    let middle = (p + Z * Z / (2.0 * n)) * scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() * scale;
    // Rounding must not move the ends beyond what is possible.
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Holds alarms, in the order of time, against labels. `path` is twice the mid by time of change.
pub fn tally(alarms: &[Alarm], labels: &[Label], path: &[(i64, i64)], span: (i64, i64)) -> Tally {
    let mut result = Tally { hours: (span.1 - span.0) as f64 / 3_600e9, ..Tally::default() };
    let mut first = vec![None; labels.len()];
    for alarm in alarms {
        let inside = |label: &Label| alarm.ts >= label.ignition - BEFORE && alarm.ts <= label.end;
        let hit = labels.iter().position(|label| label.is_true() && inside(label));
        if let Some(i) = hit {
            if first[i].is_some() {
                result.repeats += 1;
            } else {
                first[i] = Some(*alarm);
                result.hits += 1;
                result.wrong_side += u64::from(alarm.side != 0 && alarm.side != labels[i].side);
            }
            continue;
        }
        // A decoy draws alarms from its first volume on.
        let decoy = labels.iter().find(|l| !l.is_true() && alarm.ts >= l.onset - BEFORE && alarm.ts <= l.end);
        match decoy.map(|label| label.kind) {
            Some(Kind::Unclear) => result.ignored += 1,
            kind => result.false_alarms[kind.map_or(0, |kind| kind as usize)] += 1,
        }
    }
    for (label, alarm) in labels.iter().zip(first) {
        if !label.is_true() {
            if label.kind != Kind::Unclear {
                result.decoys[label.kind as usize] += 1;
            }
            continue;
        }
        let (mut latency, mut share) = (f64::NAN, f64::NAN);
        if let Some(alarm) = alarm {
            latency = (alarm.known - label.ignition) as f64 * 1e-9;
            let after = path.partition_point(|&(ts, _)| ts <= alarm.known);
            let mid = path.get(after.saturating_sub(1)).map_or(f64::NAN, |point| 0.5 * point.1 as f64);
            let made = (mid - label.reference) * f64::from(label.side);
            share = if label.displacement > 0.0 { made / label.displacement } else { f64::NAN };
            // Once the move is over, all of it had been made.
            if alarm.known >= label.peak {
                share = 1.0;
            }
        }
        result.found.push(Found { unit: label.unit, displacement: label.displacement_sigma, latency, share });
    }
    result
}

/// Kinds of false alarms by number.
pub const FALSE_NAMES: [&str; 5] = ["background", Kind::NAMES[1], Kind::NAMES[2], Kind::NAMES[3], Kind::NAMES[4]];

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    fn label(kind: Kind, ignition: i64, displacement: f64) -> Label {
        Label {
            kind,
            side: 1,
            unit: 1.0,
            onset: (ignition - 3) * S,
            ignition: ignition * S,
            peak: (ignition + 2) * S,
            end: (ignition + 10) * S,
            reference: 100.0,
            peak_price: 100.0 + 2.0 * displacement,
            displacement: 2.0 * displacement,
            sigma: 2.0,
            displacement_sigma: displacement,
            retrace: 0.8,
            half_back: (ignition + 6) * S,
            participant: 1,
        }
    }

    fn alarm(ms: i64, side: i8) -> Alarm {
        Alarm { ts: ms * S / 1_000, known: ms * S / 1_000, side }
    }

    #[test]
    fn alarms_are_counted_as_worked_out_by_hand() {
        let labels = [
            label(Kind::Ignition, 100, 6.0),
            label(Kind::Informed, 200, 8.0),
            label(Kind::Ignition, 300, 12.0),
            label(Kind::Sweep, 400, 3.0),
            label(Kind::Ignition, 500, 20.0),
            label(Kind::Unclear, 600, 5.0),
        ];
        let alarms = [
            alarm(99_499, 1),   // Just too early.
            alarm(99_500, 1),   // On the edge: finds the first, latency -0.5 s.
            alarm(105_000, 1),  // Repeat.
            alarm(110_001, 1),  // Just after the end.
            alarm(203_000, 1),  // At an informed move.
            alarm(301_000, -1), // Finds the third on the wrong side, half of the move made.
            alarm(397_000, 1),  // In a sweep's label.
            alarm(450_000, 1),  // Nothing there.
            alarm(601_000, 1),  // Says nothing.
        ];
        let path = [(0, 200), (300 * S, 200), (301 * S - 1, 224)];
        let got = tally(&alarms, &labels, &path, (0, 650 * 3_600 * S / 100));
        assert_eq!((got.hits, got.wrong_side, got.repeats, got.ignored), (2, 1, 1, 1));
        assert_eq!(got.false_alarms, [3, 1, 0, 1, 0]);
        assert_eq!(got.decoys, [0, 1, 0, 1, 0]);
        assert_eq!((got.recall(0.0, 10.0), got.recall(10.0, f64::INFINITY)), ((1, 1), (1, 2)));
        assert!((got.precision() - 2.0 / 7.0).abs() < 1e-15);
        assert!((got.f1() - 4.0 / 10.0).abs() < 1e-15);
        assert!((got.false_per_session() - 5.0).abs() < 1e-12);
        assert!((got.latency(0.5) + 0.5).abs() < 1e-12 && (got.latency(0.9) - 1.0).abs() < 1e-12);
        assert!((got.found[1].share - 0.5).abs() < 1e-12);
        let mut twice = got.clone();
        twice.merge(&got);
        assert_eq!((twice.hits, twice.all_false(), twice.found.len()), (4, 10, 6));
        assert!((twice.false_per_session() - 5.0).abs() < 1e-12);
    }

    #[test]
    fn the_clocks_speak_once() {
        let claim = |unit: f64, side: i8, s: i64, confirmed: Option<i64>| Claim {
            unit,
            side,
            ts: s * S,
            confirmed: confirmed.map(|at| at * S),
        };
        let claims = [
            claim(1.0, 1, 10, None),
            claim(15.0, 1, 14, Some(90)), // Within 5 s of the first: the same, and it confirms it.
            claim(1.0, 1, 80, Some(85)),  // Within 75 s of the second: the same, confirmed earlier.
            claim(1.0, -1, 81, None),     // Another side.
            claim(1.0, 1, 90, Some(95)),  // 76 s after the second, 10 after the third: a new one.
        ];
        let (early, confirmed) = merge_claims(&claims);
        let seen: Vec<_> = early.iter().map(|a| (a.ts / S, a.known / S, a.side)).collect();
        assert_eq!(seen, [(10, 10, 1), (81, 81, -1), (90, 90, 1)]);
        let seen: Vec<_> = confirmed.iter().map(|a| (a.ts / S, a.known / S)).collect();
        assert_eq!(seen, [(10, 85), (90, 95)]);
    }

    #[test]
    fn wilson_gives_textbook_intervals() {
        // Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
        for (count, total, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let got = wilson(count, total);
            assert!((got.0 - low).abs() < 6e-5 && (got.1 - high).abs() < 6e-5, "{count}/{total}: {got:?}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }
}
