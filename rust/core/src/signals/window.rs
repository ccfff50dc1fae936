//! Trailing windows: the last n values of one quantity. Memory is taken once, with the first value.

/// Sum kept in two parts, so that adding and taking away leaves no trace: a mean of prices quoted to the cent compares
/// with such a price as the exact mean would.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// Adds a value (Knuth's two-sum, then renormalised).
    #[inline]
    pub fn add(&mut self, x: f64) {
        let sum = self.high + x;
        let shadow = sum - self.high;
        let low = self.low + ((self.high - (sum - shadow)) + (x - shadow));
        self.high = sum + low;
        self.low = low - (self.high - sum);
    }

    /// The sum.
    #[inline]
    pub fn value(self) -> f64 {
        self.high
    }
}

/// The last `n` values, oldest first.
#[derive(Debug, Clone)]
pub struct Window {
    values: Vec<f64>,
    n: usize,
    next: usize,
    sum: Sum,
}

impl Window {
    /// An empty window of `n` values.
    pub fn new(n: usize) -> Self {
        Self { values: Vec::new(), n, next: 0, sum: Sum::default() }
    }

    /// Whether `n` values are in.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.values.len() == self.n
    }

    /// Takes a value in and returns the one that it pushed out; only finite values keep the mean finite.
    pub fn push(&mut self, x: f64) -> Option<f64> {
        self.sum.add(x);
        if self.values.len() < self.n {
            self.values.reserve_exact(self.n - self.values.len());
            self.values.push(x);
            return None;
        }
        let old = std::mem::replace(&mut self.values[self.next], x);
        self.next = if self.next + 1 == self.n { 0 } else { self.next + 1 };
        self.sum.add(-old);
        Some(old)
    }

    /// Oldest to newest.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        let (newer, older) = self.values.split_at(self.next.min(self.values.len()));
        older.iter().chain(newer).copied()
    }

    /// The value `back` pushes before the last one; NaN where there is none.
    pub fn back(&self, back: usize) -> f64 {
        let len = self.values.len();
        if back >= len {
            return f64::NAN;
        }
        self.values[(self.next + len - 1 - back) % len]
    }

    /// Mean; NaN before the window is full.
    pub fn mean(&self) -> f64 {
        if self.is_full() { self.sum.value() / self.n as f64 } else { f64::NAN }
    }

    /// Sample standard deviation; NaN before the window is full.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        if mean.is_nan() {
            return f64::NAN;
        }
        let squares: f64 = self.iter().map(|x| (x - mean) * (x - mean)).sum();
        (squares / (self.n as f64 - 1.0)).sqrt()
    }

    /// (x - mean)/sd over the window, which does not hold x; NaN before it is full or without dispersion.
    pub fn z(&self, x: f64) -> f64 {
        if !self.is_full() {
            return f64::NAN;
        }
        ratio(x - self.mean(), self.deviation())
    }

    /// Largest value; NaN before the window is full.
    pub fn max(&self) -> f64 {
        if self.is_full() { self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max) } else { f64::NAN }
    }

    /// Smallest of the values so far; NaN when empty.
    pub fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::NAN, f64::min)
    }
}

/// a/b, NaN where b is zero.
#[inline]
pub fn ratio(a: f64, b: f64) -> f64 {
    if b.abs() > 0.0 { a / b } else { f64::NAN }
}

/// The last `n` pairs of two quantities.
#[derive(Debug, Clone)]
pub struct PairWindow {
    x: Window,
    y: Window,
}

impl PairWindow {
    /// An empty window of `n` pairs.
    pub fn new(n: usize) -> Self {
        Self { x: Window::new(n), y: Window::new(n) }
    }

    /// Takes a pair in.
    pub fn push(&mut self, x: f64, y: f64) {
        self.x.push(x);
        self.y.push(y);
    }

    /// Sums of squares of x and of y about their means, and of their products.
    fn moments(&self) -> (f64, f64, f64) {
        let (mean_x, mean_y) = (self.x.mean(), self.y.mean());
        self.x.iter().zip(self.y.iter()).fold((0.0, 0.0, 0.0), |(xx, yy, xy), (x, y)| {
            let (x, y) = (x - mean_x, y - mean_y);
            (xx + x * x, yy + y * y, xy + x * y)
        })
    }

    /// Slope of y on x; NaN before the window is full or where x does not move.
    pub fn slope(&self) -> f64 {
        if !self.x.is_full() {
            return f64::NAN;
        }
        let (xx, _, xy) = self.moments();
        ratio(xy, xx)
    }

    /// Correlation; NaN before the window is full or where one of them does not move.
    pub fn correlation(&self) -> f64 {
        if !self.x.is_full() {
            return f64::NAN;
        }
        let (xx, yy, xy) = self.moments();
        ratio(xy, (xx * yy).sqrt())
    }
}

/// The last `n` values in order of size.
#[derive(Debug, Clone)]
pub struct SortedWindow {
    window: Window,
    sorted: Vec<f64>,
}

impl SortedWindow {
    /// An empty window of `n` values.
    pub fn new(n: usize) -> Self {
        Self { window: Window::new(n), sorted: Vec::new() }
    }

    /// Takes a finite value in.
    pub fn push(&mut self, x: f64) {
        if self.sorted.capacity() == 0 {
            self.sorted.reserve_exact(self.window.n + 1);
        }
        let place = |sorted: &[f64], x: f64| sorted.partition_point(|other| other.total_cmp(&x).is_lt());
        if let Some(old) = self.window.push(x) {
            self.sorted.remove(place(&self.sorted, old));
        }
        self.sorted.insert(place(&self.sorted, x), x);
    }

    /// Quantile by linear interpolation between order statistics (R type 7, NumPy's default); NaN before the window is
    /// full.
    pub fn quantile(&self, q: f64) -> f64 {
        if !self.window.is_full() {
            return f64::NAN;
        }
        let position = q * (self.sorted.len() - 1) as f64;
        let below = (position as usize).min(self.sorted.len() - 1);
        let above = (below + 1).min(self.sorted.len() - 1);
        let share = position - below as f64;
        self.sorted[below] + (self.sorted[above] - self.sorted[below]) * share
    }

    /// Median; NaN before the window is full.
    pub fn median(&self) -> f64 {
        if !self.window.is_full() {
            return f64::NAN;
        }
        let n = self.sorted.len();
        if n.is_multiple_of(2) { (self.sorted[n / 2 - 1] + self.sorted[n / 2]) / 2.0 } else { self.sorted[n / 2] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize) -> Vec<f64> {
        (0..n).map(|i| 10.0 + ((i * i * 7919) % 1013) as f64 / 100.0).collect()
    }

    #[test]
    fn windows_hold_the_last_values_in_order() {
        let data = series(100);
        let mut window = Window::new(7);
        let mut sorted = SortedWindow::new(7);
        for (i, &x) in data.iter().enumerate() {
            window.push(x);
            sorted.push(x);
            let from = (i + 1).saturating_sub(7);
            let last = &data[from..=i];
            assert_eq!(window.iter().collect::<Vec<_>>(), last);
            assert_eq!(window.back(0).to_bits(), x.to_bits());
            if i >= 6 {
                let mut ordered = last.to_vec();
                ordered.sort_by(f64::total_cmp);
                assert_eq!(sorted.median().to_bits(), ordered[3].to_bits());
                assert_eq!(sorted.quantile(1.0).to_bits(), ordered[6].to_bits());
                assert_eq!(window.max().to_bits(), ordered[6].to_bits());
                assert_eq!(window.min().to_bits(), ordered[0].to_bits());
                assert_eq!(window.back(6).to_bits(), data[from].to_bits());
            } else {
                assert!(window.mean().is_nan() && sorted.median().is_nan() && window.max().is_nan());
            }
        }
    }

    #[test]
    fn a_mean_leaves_no_trace_of_what_left_the_window() {
        let mut window = Window::new(5);
        for x in series(1_000) {
            window.push(x * 1e9);
        }
        for _ in 0..5 {
            window.push(16.37);
        }
        assert_eq!(window.mean().to_bits(), 16.37_f64.to_bits());
        assert!(window.z(17.0).is_nan());
    }

    #[test]
    fn slope_and_correlation_of_a_line() {
        let mut pairs = PairWindow::new(30);
        for x in series(40) {
            pairs.push(x, 3.0 - 2.0 * x);
        }
        assert!((pairs.slope() + 2.0).abs() < 1e-12 && (pairs.correlation() + 1.0).abs() < 1e-12);
    }
}
