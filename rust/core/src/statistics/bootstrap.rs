//! Paired stationary block bootstrap of daily P&L.
//!
//! Politis and Romano (1994), doi:10.1080/01621459.1994.10476870: blocks of geometric length, wrapped around the
//! ends. The same days are drawn for all books, so differences between books keep their pairing. The account has a
//! fixed capital, so P&L in USD is what adds up: the equity of a resampled path is capital + cumulated resampled P&L.

use super::metrics::{BookSeries, METRICS, Metric, PathMetrics, path_metrics};
use crate::rng::{Domain, Stream};
use crate::{Error, Fault, Result, math};

/// Names of the paired quantities of a book against the base book, in the order of their values.
///
/// Differences are book minus base; ratios and reductions are book over base and 1 - book over base.
pub const PAIRED: [&str; 6] = [
    "pnl_difference",
    "drawdown_ratio",
    "drawdown_reduction",
    "expected_shortfall_reduction",
    "pnl_kept",
    "hedge_cost_difference",
];

/// How the intervals are made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Resampled paths.
    pub replicates: usize,
    /// Seed; replicate i depends on (seed, i) only.
    pub seed: u64,
    /// Mean block length in sessions; `None` chooses it from the base book.
    pub block: Option<f64>,
    /// Probability inside an interval.
    pub level: f64,
    /// Index of the book that the others are compared with.
    pub base: usize,
}

/// A statistic with its percentile interval; `undefined` is the share of replicates without a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Value on the observed path.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of replicates where the statistic is NaN; above 5 % the interval is NaN.
    pub undefined: f64,
}

/// Statistics of several books with intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Per book, one estimate for each of [`METRICS`].
    pub books: Vec<[Estimate; METRICS.len()]>,
    /// Per book, one estimate for each of [`PAIRED`]; of the base book against itself too.
    pub paired: Vec<[Estimate; PAIRED.len()]>,
    /// Mean block length that was used, in sessions.
    pub block: f64,
}

/// Above this share of undefined replicates an interval over the rest would mislead.
const MAX_UNDEFINED: f64 = 0.05;

/// Between two polls for an interrupt at most this many book-days are worked on (about 5 ms).
const POLL_EVERY: usize = 250_000;

/// Statistics of all replicates are held until the end: about 200 MB at this many.
const MAX_PATHS: usize = 2_000_000;

/// Statistics, paired quantities and intervals of books over the same sessions.
///
/// `interrupted` is polled every few milliseconds; when it answers true the call ends with [`Error::Interrupted`].
pub fn study(books: &[BookSeries<'_>], plan: &Plan, mut interrupted: impl FnMut() -> bool) -> Result<Statistics> {
    let Some(base) = books.get(plan.base) else {
        let expected = format!("an index below {}", books.len());
        return Err(Error::config(Fault::new("STA010", "statistics", "base", plan.base.to_string(), expected)));
    };
    if !(plan.level > 0.0 && plan.level < 1.0) {
        return Err(Error::config(Fault::new(
            "STA011",
            "statistics",
            "level",
            plan.level.to_string(),
            "0 < level < 1",
        )));
    }
    if let Some(block) = plan.block
        && !(block >= 1.0 && block.is_finite())
    {
        return Err(Error::config(Fault::new(
            "STA012",
            "statistics",
            "block",
            block.to_string(),
            "at least 1 session",
        )));
    }
    let n = base.pnl.len();
    for (index, book) in books.iter().enumerate() {
        book.validate(&format!("books[{index}]"))?;
        if book.pnl.len() != n {
            let (got, expected) = (format!("{} sessions", book.pnl.len()), format!("{n} as in the base book"));
            return Err(Error::data(Fault::new("STA005", format!("books[{index}]"), "pnl", got, expected)));
        }
    }
    if u32::try_from(n).is_err() || plan.replicates.saturating_mul(books.len()) > MAX_PATHS {
        let got = format!("{} replicates of {} books over {n} sessions", plan.replicates, books.len());
        let fault = Fault::new("STA013", "statistics", "replicates", got, format!("replicates x books <= {MAX_PATHS}"));
        return Err(Error::limit(fault));
    }
    let block = plan.block.unwrap_or_else(|| automatic_block(base.pnl));

    let mut scratch = PathMetrics::new(1.0);
    let mut days = Vec::with_capacity(n);
    let mut replicates: Vec<Vec<[f64; METRICS.len()]>> =
        books.iter().map(|_| Vec::with_capacity(plan.replicates)).collect();
    let mut work = 0;
    for replicate in 0..plan.replicates {
        fill_indices(n, block, plan.seed, replicate as u64, &mut days);
        for (book, values) in books.iter().zip(&mut replicates) {
            values.push(path_metrics(book, days.iter().map(|&day| day as usize), &mut scratch));
            work += n;
            if work >= POLL_EVERY {
                work = 0;
                if interrupted() {
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    let observed: Vec<_> = books.iter().map(super::metrics).collect();
    let mut column = Vec::with_capacity(plan.replicates);
    let mut summarise = |value: f64, values: &mut dyn Iterator<Item = f64>| {
        column.clear();
        column.extend(values.filter(|x| !x.is_nan()));
        interval(value, &mut column, plan)
    };
    let mut result = Statistics { books: Vec::new(), paired: Vec::new(), block };
    for (values, replicates_of_book) in observed.iter().zip(&replicates) {
        result.books.push(std::array::from_fn(|metric| {
            summarise(values[metric], &mut replicates_of_book.iter().map(|replicate| replicate[metric]))
        }));
        let now = paired(values, &observed[plan.base]);
        result.paired.push(std::array::from_fn(|quantity| {
            let pairs = replicates_of_book.iter().zip(&replicates[plan.base]);
            summarise(now[quantity], &mut pairs.map(|(book, base)| paired(book, base)[quantity]))
        }));
    }
    Ok(result)
}

fn paired(book: &[f64; METRICS.len()], base: &[f64; METRICS.len()]) -> [f64; PAIRED.len()] {
    let of = |metric: Metric| (book[metric as usize], base[metric as usize]);
    let ratio = |(book, base): (f64, f64)| if base > 0.0 { book / base } else { f64::NAN };
    let difference = |(book, base): (f64, f64)| book - base;
    let drawdown = ratio(of(Metric::MaxDrawdown));
    [
        difference(of(Metric::Pnl)),
        drawdown,
        1.0 - drawdown,
        1.0 - ratio(of(Metric::ExpectedShortfall95)),
        ratio(of(Metric::Pnl)),
        difference(of(Metric::HedgeCost)),
    ]
}

fn interval(value: f64, defined: &mut [f64], plan: &Plan) -> Estimate {
    let undefined = if plan.replicates == 0 { 1.0 } else { 1.0 - defined.len() as f64 / plan.replicates as f64 };
    let (mut low, mut high) = (f64::NAN, f64::NAN);
    if undefined <= MAX_UNDEFINED && !value.is_nan() {
        defined.sort_unstable_by(f64::total_cmp);
        low = quantile(defined, 0.5 * (1.0 - plan.level));
        high = quantile(defined, 0.5 * (1.0 + plan.level));
    }
    Estimate { value, low, high, undefined }
}

/// Linear-interpolation quantile of sorted values (Hyndman and Fan 1996, type 7, doi:10.1080/00031305.1996.10473566).
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = probability.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// Days of one replicate of the stationary bootstrap.
pub fn indices(n: usize, block: f64, seed: u64, replicate: u64) -> Vec<u32> {
    let mut days = Vec::with_capacity(n);
    fill_indices(n, block, seed, replicate, &mut days);
    days
}

fn fill_indices(n: usize, block: f64, seed: u64, replicate: u64, days: &mut Vec<u32>) {
    let mut stream = Stream::new(seed, Domain::Bootstrap, replicate);
    let n = n as u32;
    // A new block starts with probability 1/block each session, so its length is geometric with mean `block`.
    let restart_below = (4_294_967_296.0 / block) as u64;
    days.clear();
    let mut day = 0;
    for step in 0..n {
        day = if step == 0 || u64::from(stream.next_u32()) < restart_below {
            stream.below(n)
        } else if day + 1 == n {
            0
        } else {
            day + 1
        };
        days.push(day);
    }
}

/// Block length for a P&L series: the longer of those for its level and for its size.
///
/// Daily P&L hardly correlates with itself but its size does, and runs of large losses are what makes drawdowns.
fn automatic_block(pnl: &[f64]) -> f64 {
    let mean = pnl.iter().sum::<f64>() / pnl.len() as f64;
    let size: Vec<f64> = pnl.iter().map(|x| (x - mean).abs()).collect();
    optimal_block_length(pnl).max(optimal_block_length(&size)).max(1.0)
}

/// Mean block length of the stationary bootstrap that minimises the error of the variance of the mean.
///
/// Politis and White (2004), doi:10.1081/ETC-120028836, with the correction of Patton, Politis and White (2009),
/// doi:10.1080/07474930802459016. NaN for fewer than 9 values or a constant series.
pub fn optimal_block_length(values: &[f64]) -> f64 {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let centred: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if n < 9 || dot(&centred, &centred).sqrt() <= 16.0 * f64::EPSILON * largest * (n as f64).sqrt() {
        return f64::NAN;
    }
    let size = n as f64;
    let log10 = math::ln(size) / std::f64::consts::LN_10;
    // Lags in a row that must be insignificant, and the largest lag looked at.
    let run = (log10 as usize).max(5);
    let max_lag = (size.sqrt().ceil() as usize + run).min(n - 2);
    let critical = 2.0 * (log10 / size).sqrt();

    let mut covariance = Vec::with_capacity(max_lag + 1);
    let mut correlation = Vec::with_capacity(max_lag + 1);
    for lag in 0..=max_lag {
        let cross = dot(&centred[lag..], &centred[..n - lag]);
        let (late, early) = (&centred[lag + 1..], &centred[..n - lag - 1]);
        covariance.push(cross / size);
        correlation.push(cross.abs() / (dot(late, late) * dot(early, early)).sqrt());
    }
    let quiet =
        (0..=max_lag.saturating_sub(run)).find(|&lag| correlation[lag..lag + run].iter().all(|&r| r < critical));
    let bandwidth = quiet.map_or(max_lag, |lag| 2 * lag.max(1)).min(max_lag);

    let (mut bias, mut variance) = (0.0, covariance[0]);
    for (lag, covariance) in covariance.iter().enumerate().take(bandwidth + 1).skip(1) {
        // Flat-top window of Politis and Romano (1995), doi:10.1111/j.1467-9892.1995.tb00223.x.
        let share = lag as f64 / bandwidth as f64;
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        bias += 2.0 * weight * lag as f64 * covariance;
        variance += 2.0 * weight * covariance;
    }
    let longest = (3.0 * size.sqrt()).min(size / 3.0).ceil();
    let ratio = bias / variance;
    math::pow(ratio * ratio * size, 1.0 / 3.0).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, stream: u64) -> Vec<f64> {
        let mut stream = Stream::new(99, Domain::Bootstrap, stream);
        (0..n).map(|_| f64::from(stream.next_u32()) / 4_294_967_296.0 - 0.5).collect()
    }

    fn book<'a>(pnl: &'a [f64], zero: &'a [f64]) -> BookSeries<'a> {
        BookSeries { capital: 50.0, pnl, interest: zero, credit: zero, hedge: zero, hedge_calm: zero }
    }

    const PLAN: Plan = Plan { replicates: 200, seed: 5, block: None, level: 0.95, base: 0 };

    fn bits(estimates: &[Estimate]) -> Vec<[u64; 4]> {
        estimates.iter().map(|e| [e.value, e.low, e.high, e.undefined].map(f64::to_bits)).collect()
    }

    #[test]
    fn a_book_has_the_same_interval_alone_and_in_company() {
        let (a, b, zero) = (noise(300, 0), noise(300, 1), vec![0.0; 300]);
        let alone = study(&[book(&a, &zero)], &PLAN, || false).unwrap();
        let both = study(&[book(&a, &zero), book(&b, &zero)], &PLAN, || false).unwrap();
        assert_eq!(bits(&alone.books[0]), bits(&both.books[0]));
        assert_ne!(bits(&both.books[0]), bits(&both.books[1]));
    }

    #[test]
    fn a_copy_of_the_base_differs_from_it_by_nothing_in_every_replicate() {
        let (a, zero) = (noise(300, 2), vec![0.0; 300]);
        let result = study(&[book(&a, &zero), book(&a, &zero)], &PLAN, || false).unwrap();
        let [difference, ratio, reduction, ..] = result.paired[1];
        for (estimate, expected) in [(difference, 0.0), (ratio, 1.0), (reduction, 0.0)] {
            assert!([estimate.value, estimate.low, estimate.high].iter().all(|x| (x - expected).abs() < 1e-15));
        }
    }

    #[test]
    fn blocks_have_the_asked_mean_length() {
        let (n, block) = (100_000, 20.0);
        let days = indices(n, block, 1, 0);
        assert!(days.iter().all(|&day| (day as usize) < n));
        let breaks = days.windows(2).filter(|pair| (pair[0] + 1) % n as u32 != pair[1]).count() as f64;
        // Binomial: 5,000 expected, sd about 69.
        assert!((breaks - n as f64 / block).abs() < 5.0 * 69.0, "{breaks}");
        assert!(indices(50, 1e9, 1, 0).windows(2).all(|pair| (pair[0] + 1) % 50 == pair[1]));
        assert!(indices(1, 1.0, 1, 0) == [0]);
    }

    #[test]
    fn an_interrupt_ends_the_call() {
        let (a, zero) = (noise(3_000, 3), vec![0.0; 3_000]);
        let mut polls = 0;
        let result = study(&[book(&a, &zero)], &Plan { replicates: 100_000, ..PLAN }, || {
            polls += 1;
            polls == 3
        });
        assert_eq!(result, Err(Error::Interrupted));
    }

    #[test]
    fn bad_plans_are_refused() {
        let (a, zero) = (noise(30, 3), vec![0.0; 30]);
        let refuse = |plan: Plan| study(&[book(&a, &zero)], &plan, || false).unwrap_err().to_string();
        assert!(refuse(Plan { base: 1, ..PLAN }).starts_with("STA010"));
        assert!(refuse(Plan { level: 1.0, ..PLAN }).starts_with("STA011"));
        assert!(refuse(Plan { block: Some(f64::NAN), ..PLAN }).starts_with("STA012"));
        assert!(refuse(Plan { replicates: usize::MAX, ..PLAN }).starts_with("STA013"));
        assert!(study(&[], &PLAN, || false).is_err());
    }

    #[test]
    fn quantiles_interpolate() {
        assert!((quantile(&[1.0, 2.0, 4.0], 0.75) - 3.0).abs() < 1e-15);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
