//! Conversion for the pricing functions of the core.

use alvh_core::instrument::Right;
use alvh_core::pricing::{black, implied_vol};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

type Column<'py> = PyReadonlyArray1<'py, f64>;
type Signs<'py> = PyReadonlyArray1<'py, i8>;
type Output<'py> = Bound<'py, PyArray1<f64>>;

/// Elements between two looks at pending signals: a few milliseconds.
const CHUNK: usize = 1 << 15;

/// A column of `n` values or one value for all of them.
#[derive(Clone, Copy)]
struct Values<'a, T> {
    values: &'a [T],
    step: usize,
}

impl<'a, T: Copy + numpy::Element> Values<'a, T> {
    fn new(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<Self> {
        let values = array.as_slice()?;
        Ok(Self { values, step: usize::from(values.len() != 1) })
    }

    #[inline]
    fn at(self, index: usize) -> T {
        self.values[index * self.step]
    }
}

impl Values<'_, i8> {
    #[inline]
    fn right(self, index: usize) -> Right {
        if self.at(index) > 0 { Right::Call } else { Right::Put }
    }
}

/// Runs `body` over chunks of 0..n without the GIL, looking at signals between chunks.
fn chunked(py: Python<'_>, n: usize, mut body: impl FnMut(std::ops::Range<usize>) + Send) -> PyResult<()> {
    let mut start = 0;
    while start < n {
        let end = n.min(start + CHUNK);
        py.detach(|| body(start..end));
        py.check_signals()?;
        start = end;
    }
    Ok(())
}

/// One value per element.
fn map<'py>(py: Python<'py>, n: usize, price: impl Fn(usize) -> f64 + Sync + Send) -> PyResult<Output<'py>> {
    let mut out = Vec::with_capacity(n);
    chunked(py, n, |range| out.extend(range.map(&price)))?;
    Ok(frozen(PyArray1::from_vec(py, out)))
}

/// Eleven values per element, one greek after the other.
fn map_greeks<'py>(
    py: Python<'py>,
    n: usize,
    greeks: impl Fn(usize) -> black::Greeks + Sync + Send,
) -> PyResult<Output<'py>> {
    let mut out = vec![0.0; black::Greeks::NAMES.len() * n];
    chunked(py, n, |range| {
        for i in range {
            for (k, value) in greeks(i).values().into_iter().enumerate() {
                out[k * n + i] = value;
            }
        }
    })?;
    Ok(frozen(PyArray1::from_vec(py, out)))
}

fn frozen<T: numpy::Element>(array: Bound<'_, PyArray1<T>>) -> Bound<'_, PyArray1<T>> {
    array.readwrite().make_nonwriteable();
    array
}

#[pyfunction]
fn black76<'py>(
    py: Python<'py>,
    n: usize,
    forward: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    vol: Column<'py>,
    rate: Column<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (Values::new(&forward)?, Values::new(&strike)?, Values::new(&years)?);
    let (v, r, s) = (Values::new(&vol)?, Values::new(&rate)?, Values::new(&sign)?);
    map(py, n, |i| black::black76(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i)))
}

#[pyfunction]
fn black76_greeks<'py>(
    py: Python<'py>,
    n: usize,
    forward: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    vol: Column<'py>,
    rate: Column<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (Values::new(&forward)?, Values::new(&strike)?, Values::new(&years)?);
    let (v, r, s) = (Values::new(&vol)?, Values::new(&rate)?, Values::new(&sign)?);
    map_greeks(py, n, |i| black::black76_greeks(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i)))
}

#[pyfunction]
fn black_scholes<'py>(
    py: Python<'py>,
    n: usize,
    spot: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    vol: Column<'py>,
    rate: Column<'py>,
    dividend_yield: Column<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (Values::new(&spot)?, Values::new(&strike)?, Values::new(&years)?);
    let (v, r, s) = (Values::new(&vol)?, Values::new(&rate)?, Values::new(&sign)?);
    let q = Values::new(&dividend_yield)?;
    map(py, n, |i| black::black_scholes(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i), q.at(i)))
}

#[pyfunction]
fn black_scholes_greeks<'py>(
    py: Python<'py>,
    n: usize,
    spot: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    vol: Column<'py>,
    rate: Column<'py>,
    dividend_yield: Column<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (Values::new(&spot)?, Values::new(&strike)?, Values::new(&years)?);
    let (v, r, s) = (Values::new(&vol)?, Values::new(&rate)?, Values::new(&sign)?);
    let q = Values::new(&dividend_yield)?;
    map_greeks(py, n, |i| black::black_scholes_greeks(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i), q.at(i)))
}

#[pyfunction]
fn implied_vol_codes<'py>(
    py: Python<'py>,
    n: usize,
    price: Column<'py>,
    forward: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    rate: Column<'py>,
    sign: Signs<'py>,
) -> PyResult<(Output<'py>, Bound<'py, PyArray1<u8>>)> {
    let (p, f, k) = (Values::new(&price)?, Values::new(&forward)?, Values::new(&strike)?);
    let (t, r, s) = (Values::new(&years)?, Values::new(&rate)?, Values::new(&sign)?);
    let mut vols = Vec::with_capacity(n);
    let mut codes = Vec::with_capacity(n);
    chunked(py, n, |range| {
        for i in range {
            let (vol, reason) = implied_vol::implied_vol(s.right(i), p.at(i), f.at(i), k.at(i), t.at(i), r.at(i));
            vols.push(vol);
            codes.push(reason as u8);
        }
    })?;
    Ok((frozen(PyArray1::from_vec(py, vols)), frozen(PyArray1::from_vec(py, codes))))
}

/// Adds the pricing functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("GREEK_NAMES", black::Greeks::NAMES)?;
    module.add("IMPLIED_VOL_REASONS", implied_vol::Reason::NAMES)?;
    module.add_function(wrap_pyfunction!(black76, module)?)?;
    module.add_function(wrap_pyfunction!(black76_greeks, module)?)?;
    module.add_function(wrap_pyfunction!(black_scholes, module)?)?;
    module.add_function(wrap_pyfunction!(black_scholes_greeks, module)?)?;
    module.add_function(wrap_pyfunction!(implied_vol_codes, module)?)
}
