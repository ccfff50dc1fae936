//! RSI and MACD with the conventions of TA-Lib at its default unstable period of zero.

/// Wilder's relative strength index (J. W. Wilder, "New Concepts in Technical Trading Systems", 1978): averages of
/// gains and losses that start as plain means of the first `period` changes. Equal to TA-Lib's RSI from its first
/// value on, except that a series that never moved is at 50 here and at 0 there.
#[derive(Debug, Clone)]
pub struct Rsi {
    period: usize,
    changes: usize,
    last: f64,
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// An index of `period` closes.
    pub fn new(period: usize) -> Self {
        Self { period, changes: 0, last: f64::NAN, gain: 0.0, loss: 0.0 }
    }

    /// Takes a close in and returns the index, 0..100; NaN for the first `period` closes.
    pub fn push(&mut self, close: f64) -> f64 {
        if self.last.is_nan() {
            self.last = close;
            return f64::NAN;
        }
        let change = close - self.last;
        self.last = close;
        let (up, down) = (change.max(0.0), (-change).max(0.0));
        self.changes += 1;
        let n = self.period as f64;
        if self.changes <= self.period {
            self.gain += up;
            self.loss += down;
            if self.changes < self.period {
                return f64::NAN;
            }
            self.gain /= n;
            self.loss /= n;
        } else {
            self.gain = (self.gain * (n - 1.0) + up) / n;
            self.loss = (self.loss * (n - 1.0) + down) / n;
        }
        let both = self.gain + self.loss;
        if both > 0.0 { 100.0 * (self.gain / both) } else { 50.0 }
    }
}

/// Exponential average with factor 2/(n + 1) that starts as the plain mean of its first n values.
#[derive(Debug, Clone)]
struct Average {
    n: usize,
    seen: usize,
    value: f64,
}

impl Average {
    fn new(n: usize) -> Self {
        Self { n, seen: 0, value: 0.0 }
    }

    fn push(&mut self, x: f64) -> f64 {
        self.seen += 1;
        if self.seen <= self.n {
            self.value += x;
            if self.seen < self.n {
                return f64::NAN;
            }
            self.value /= self.n as f64;
        } else {
            self.value += (x - self.value) * (2.0 / (self.n as f64 + 1.0));
        }
        self.value
    }
}

/// Moving average convergence divergence (G. Appel, "The Moving Average Convergence-Divergence Trading Method", 1979).
/// Both averages of the line have their first value on the same close, the `slow`-th, as in TA-Lib, to which line and
/// signal are equal from the first value of the signal on, the close number `slow + signal - 1`.
#[derive(Debug, Clone)]
pub struct Macd {
    skip: usize,
    seen: usize,
    fast: Average,
    slow: Average,
    signal: Average,
}

impl Macd {
    /// Averages of `fast` and `slow` closes, and of `signal` values of their difference.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        let average = Average::new;
        Self { skip: slow - fast, seen: 0, fast: average(fast), slow: average(slow), signal: average(signal) }
    }

    /// Takes a close in and returns line and signal; NaN during their warm-up.
    pub fn push(&mut self, close: f64) -> (f64, f64) {
        self.seen += 1;
        let fast = if self.seen > self.skip { self.fast.push(close) } else { f64::NAN };
        let line = fast - self.slow.push(close);
        if line.is_nan() { (f64::NAN, f64::NAN) } else { (line, self.signal.push(line)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsi_of_one_direction_and_of_none() {
        let last = |step: f64| {
            let mut rsi = Rsi::new(14);
            (0..40).map(|i| rsi.push(100.0 + step * f64::from(i))).last()
        };
        assert_eq!(last(1.0), Some(100.0));
        assert_eq!(last(-1.0), Some(0.0));
        assert_eq!(last(0.0), Some(50.0));
        let mut rsi = Rsi::new(3);
        let values: Vec<f64> = [10.0, 11.0, 10.5, 12.5, 12.5].into_iter().map(|x| rsi.push(x)).collect();
        assert!(values[..3].iter().all(|x| x.is_nan()));
        // Gains 1 + 2, loss .5 over three changes: 3 / 3.5; a close that does not move leaves the index.
        assert!((values[3] - 100.0 * 3.0 / 3.5).abs() < 1e-12 && (values[4] - values[3]).abs() < 1e-12);
    }

    #[test]
    fn macd_warms_up_with_the_slow_average_and_the_signal() {
        let mut macd = Macd::new(12, 26, 9);
        let lines: Vec<(f64, f64)> = (0..60).map(|i| macd.push(f64::from(i))).collect();
        assert!(lines[24].0.is_nan() && lines[25].0.is_finite());
        assert!(lines[32].1.is_nan() && lines[33].1.is_finite());
        // On a straight line both averages lag by half their length less one: the difference is 7.
        assert!((lines[59].0 - 7.0).abs() < 1e-9 && (lines[59].1 - 7.0).abs() < 1e-9);
    }
}
