//! Conversion for the chain functions of the core.

use std::sync::Arc;

use alvh_core::instrument::{Day, Right};
use alvh_core::marks::OptionProduct;
use alvh_core::marks::chain::{Chain, ChainBuilder, ChainColumns, DaySlice, Policy, product_name, product_of};
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays;
use crate::door;
use crate::errors::{IntoPyResult, to_py};

/// Products that were asked for; the Python side has turned names into codes.
fn products(codes: &[u8]) -> Vec<OptionProduct> {
    codes.iter().copied().filter_map(product_of).collect()
}

fn right_of(code: u8) -> Result<Right> {
    match code {
        0 => Ok(Right::Call),
        1 => Ok(Right::Put),
        _ => Err(Error::config(Fault::new("CHN012", "Chain", "right", code.to_string(), "C or P"))),
    }
}

/// Collects rows; `finish` gives the store and leaves the builder empty.
#[pyclass(name = "ChainBuilder")]
pub struct PyChainBuilder {
    inner: Option<ChainBuilder>,
}

#[pymethods]
impl PyChainBuilder {
    #[new]
    fn new(py: Python<'_>, policy: &str, codes: Vec<u8>, start: Day, end: Day, seconds: i32) -> PyResult<Self> {
        let inner = Policy::parse(policy)
            .and_then(|policy| ChainBuilder::new(policy, &products(&codes), start, end, seconds))
            .into_py_result(py)?;
        Ok(Self { inner: Some(inner) })
    }

    fn push(
        &mut self,
        py: Python<'_>,
        source: &str,
        first_row: u64,
        quote_date: PyReadonlyArray1<'_, Day>,
        expiry: PyReadonlyArray1<'_, Day>,
        root: PyReadonlyArray1<'_, u8>,
        strike: PyReadonlyArray1<'_, f64>,
        right: PyReadonlyArray1<'_, u8>,
        bid: PyReadonlyArray1<'_, f64>,
        ask: PyReadonlyArray1<'_, f64>,
        underlying: Option<PyReadonlyArray1<'_, f64>>,
        seconds: Option<PyReadonlyArray1<'_, i32>>,
    ) -> PyResult<()> {
        let columns = ChainColumns {
            quote_date: quote_date.as_slice()?,
            expiry: expiry.as_slice()?,
            root: root.as_slice()?,
            strike: strike.as_slice()?,
            right: right.as_slice()?,
            bid: bid.as_slice()?,
            ask: ask.as_slice()?,
            underlying: underlying.as_ref().map(|column| column.as_slice()).transpose()?,
            seconds: seconds.as_ref().map(|column| column.as_slice()).transpose()?,
        };
        let builder = self.inner.as_mut().ok_or_else(|| to_py(py, &spent()))?;
        door::enter(py, |_| builder.push(source, first_row, &columns))
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<PyChain> {
        let builder = self.inner.take().ok_or_else(|| to_py(py, &spent()))?;
        let chain = door::enter(py, |_| builder.finish())?;
        Ok(PyChain { inner: Arc::new(chain) })
    }
}

fn spent() -> Error {
    Error::config(Fault::new("CHN026", "ChainBuilder", "state", "finished", "a builder that is not finished"))
}

/// The sorted quotes of a chain, shared and read-only.
#[pyclass(frozen, name = "ChainStore")]
pub struct PyChain {
    /// The store; a backtest holds it without copying.
    pub inner: Arc<Chain>,
}

impl PyChain {
    fn slice(&self, py: Python<'_>, code: u8, day: Day) -> PyResult<Option<DaySlice>> {
        match product_of(code) {
            Some(product) => Ok(self.inner.day(product, day)),
            None => {
                let fault = Fault::new("CHN003", "Chain", "products", code.to_string(), "SPX, SPXW or VIX");
                Err(to_py(py, &Error::config(fault)))
            }
        }
    }
}

#[pymethods]
impl PyChain {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    fn days<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<Day>>> {
        Ok(arrays::finished(py, self.inner.days()))
    }

    fn data_hash(&self) -> &str {
        self.inner.data_hash()
    }

    fn source(&self) -> &str {
        self.inner.source()
    }

    fn quality<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (name, count) in self.inner.quality().entries() {
            counts.set_item(name, count)?;
        }
        Ok(counts)
    }

    fn expiries<'py>(&self, py: Python<'py>, product: u8, day: Day) -> PyResult<Bound<'py, PyArray1<Day>>> {
        let slice = self.slice(py, product, day)?;
        let listed = slice.map_or_else(Vec::new, |slice| self.inner.expiries(&slice));
        Ok(arrays::finished(py, listed.into_iter().map(|expiry| expiry.day).collect()))
    }

    /// Rows of one product and session as columns; `None` where there are none.
    fn day_columns<'py>(&self, py: Python<'py>, product: u8, day: Day) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(slice) = self.slice(py, product, day)? else { return Ok(None) };
        let rows: Vec<_> = (slice.start..slice.end).map(|i| self.inner.row(i)).collect();
        let columns = PyDict::new(py);
        columns.set_item("root", product_name(slice.product))?;
        columns.set_item("seconds", slice.seconds)?;
        columns.set_item("underlying", slice.underlying)?;
        columns.set_item("expiry", arrays::finished(py, rows.iter().map(|row| row.expiry).collect()))?;
        let rights = rows.iter().map(|row| u8::from(row.right == Right::Put)).collect();
        columns.set_item("right", arrays::finished(py, rights))?;
        columns.set_item("strike", arrays::finished(py, rows.iter().map(|row| row.strike).collect()))?;
        columns.set_item("bid", arrays::finished(py, rows.iter().map(|row| row.bid).collect()))?;
        columns.set_item("ask", arrays::finished(py, rows.iter().map(|row| row.ask).collect()))?;
        Ok(Some(columns))
    }

    /// Bid and ask of many contracts; NaN where the chain has no row.
    #[allow(clippy::type_complexity)]
    fn find<'py>(
        &self,
        py: Python<'py>,
        product: PyReadonlyArray1<'py, u8>,
        day: PyReadonlyArray1<'py, Day>,
        expiry: PyReadonlyArray1<'py, Day>,
        right: PyReadonlyArray1<'py, u8>,
        strike: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>)> {
        let (product, day, expiry) = (product.as_slice()?, day.as_slice()?, expiry.as_slice()?);
        let (right, strike) = (right.as_slice()?, strike.as_slice()?);
        let n = product.len();
        if [day.len(), expiry.len(), right.len(), strike.len()].iter().any(|&length| length != n) {
            let fault = Fault::new("CHN004", "Chain", "columns", "unequal lengths", "equal lengths");
            return Err(to_py(py, &Error::schema(fault)));
        }
        let chain = &self.inner;
        let (bid, ask) = py
            .detach(|| {
                let mut found = (Vec::with_capacity(n), Vec::with_capacity(n));
                let mut slice: Option<DaySlice> = None;
                for i in 0..n {
                    let product = product_of(product[i]);
                    if slice.is_none_or(|slice| Some(slice.product) != product || slice.day != day[i]) {
                        slice = product.and_then(|product| chain.day(product, day[i]));
                    }
                    let right = right_of(right[i])?;
                    let quote = slice.and_then(|slice| chain.find(&slice, expiry[i], right, strike[i]));
                    found.0.push(quote.map_or(f64::NAN, |quote| quote.bid));
                    found.1.push(quote.map_or(f64::NAN, |quote| quote.ask));
                }
                Ok(found)
            })
            .into_py_result(py)?;
        Ok((arrays::finished(py, bid), arrays::finished(py, ask)))
    }

    #[allow(clippy::type_complexity)]
    /// Forward, its standard error, rate, its standard error and the number of pairs; `None` without any pair.
    fn parity(
        &self,
        py: Python<'_>,
        product: u8,
        day: Day,
        expiry: Day,
        rate: Option<f64>,
    ) -> PyResult<Option<(f64, f64, f64, f64, usize)>> {
        let slice = self.slice(py, product, day)?;
        Ok(slice
            .and_then(|slice| self.inner.parity(&slice, expiry, rate))
            .map(|fit| (fit.forward, fit.std_error, fit.rate, fit.rate_std_error, fit.n_pairs)))
    }

    /// Implied volatility of the mid; NaN without a usable quote, a forward or time value.
    fn implied_vol(
        &self,
        py: Python<'_>,
        product: u8,
        day: Day,
        expiry: Day,
        right: u8,
        strike: f64,
        rate: Option<f64>,
    ) -> PyResult<f64> {
        let right = right_of(right).into_py_result(py)?;
        let slice = self.slice(py, product, day)?;
        Ok(slice
            .and_then(|slice| {
                let parity = self.inner.parity(&slice, expiry, rate)?;
                Some(self.inner.implied_vol(&slice, expiry, right, strike, &parity))
            })
            .unwrap_or(f64::NAN))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.to_bytes())
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let chain = door::enter(py, |_| Chain::from_bytes(bytes))?;
        Ok(Self { inner: Arc::new(chain) })
    }
}

/// Adds the chain functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyChainBuilder>()?;
    module.add_class::<PyChain>()?;
    Ok(())
}
