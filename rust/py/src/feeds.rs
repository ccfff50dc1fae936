//! Conversion for the readers of text feeds: chunks of bytes in, a tape out.

use alvh_core::decode::{binance, lobster, taq};
use alvh_core::events::arrays::Policy;
use alvh_core::tape::Tape;
use alvh_core::{Error, Fault, Result};
use pyo3::prelude::*;

use crate::door;
use crate::errors::{IntoPyResult, to_py};
use crate::tape::PyTape;

enum Feed {
    Lobster(Box<lobster::Reader>),
    Binance(Box<binance::Reader>),
    Taq(Box<taq::Reader>),
}

impl Feed {
    fn push(&mut self, part: usize, chunk: &[u8]) -> Result<()> {
        match (self, part) {
            (Self::Lobster(reader), 0) => reader.push_messages(chunk),
            (Self::Lobster(reader), _) => reader.push_book(chunk),
            (Self::Binance(reader), _) => reader.push(chunk),
            (Self::Taq(reader), 0) => reader.push_trades(chunk),
            (Self::Taq(reader), _) => reader.push_quotes(chunk),
        }
    }

    fn finish(self, symbol: &str) -> Result<Tape> {
        match self {
            Self::Lobster(reader) => reader.finish(symbol),
            Self::Binance(reader) => reader.finish(),
            Self::Taq(reader) => reader.finish(symbol),
        }
    }
}

/// A reader that is fed chunk by chunk: `push(part, chunk)`, file after file, then `finish`.
#[pyclass(name = "FeedReader")]
pub struct PyFeedReader {
    inner: Option<Feed>,
}

fn spent() -> Error {
    Error::config(Fault::new("EVT013", "FeedReader", "state", "finished or failed", "a reader that is neither"))
}

fn policy(py: Python<'_>, name: &str, field: &str) -> PyResult<Policy> {
    Policy::parse(name, field).into_py_result(py)
}

#[pymethods]
impl PyFeedReader {
    #[staticmethod]
    fn lobster(
        py: Python<'_>,
        sources: (String, String),
        midnight: i64,
        hidden_sides: bool,
        tick_size: Option<f64>,
        time_backwards: &str,
        off_grid_trade: &str,
    ) -> PyResult<Self> {
        let options = lobster::Options {
            midnight,
            hidden_sides,
            tick_size,
            backwards: policy(py, time_backwards, "time_backwards")?,
            off_grid: policy(py, off_grid_trade, "off_grid_trade")?,
        };
        let reader = lobster::Reader::new(&sources.0, &sources.1, options);
        Ok(Self { inner: Some(Feed::Lobster(Box::new(reader))) })
    }

    #[staticmethod]
    fn binance(
        py: Python<'_>,
        source: &str,
        symbol: Option<String>,
        by_exchange: bool,
        warm_up: i64,
        tick_size: Option<f64>,
        lot_size: Option<f64>,
        time_backwards: &str,
    ) -> PyResult<Self> {
        let options = binance::Options {
            symbol,
            time: if by_exchange { binance::Time::Exchange } else { binance::Time::Receive },
            warm_up,
            tick_size,
            lot_size,
            backwards: policy(py, time_backwards, "time_backwards")?,
        };
        Ok(Self { inner: Some(Feed::Binance(Box::new(binance::Reader::new(source, options)))) })
    }

    #[staticmethod]
    fn taq(
        py: Python<'_>,
        sources: (String, String),
        midnight: i64,
        venues: bool,
        session: (i64, i64),
        extended: bool,
        tick_size: Option<f64>,
        time_backwards: &str,
        suspicious: &str,
        off_grid_trade: &str,
    ) -> PyResult<Self> {
        let options = taq::Options {
            midnight,
            quotes: if venues { taq::Quotes::Venues } else { taq::Quotes::National },
            session,
            extended,
            tick_size,
            backwards: policy(py, time_backwards, "time_backwards")?,
            suspicious: policy(py, suspicious, "suspicious")?,
            off_grid: policy(py, off_grid_trade, "off_grid_trade")?,
        };
        let reader = taq::Reader::new(&sources.0, &sources.1, options);
        Ok(Self { inner: Some(Feed::Taq(Box::new(reader))) })
    }

    /// The next bytes of a file; a reader that failed stays failed.
    fn push(&mut self, py: Python<'_>, part: usize, chunk: &[u8]) -> PyResult<()> {
        let mut feed = self.inner.take().ok_or_else(|| to_py(py, &spent()))?;
        self.inner = Some(door::enter(py, |_| {
            feed.push(part, chunk)?;
            Ok(feed)
        })?);
        Ok(())
    }

    fn finish(&mut self, py: Python<'_>, symbol: &str) -> PyResult<PyTape> {
        let feed = self.inner.take().ok_or_else(|| to_py(py, &spent()))?;
        Ok(PyTape::new(door::enter(py, |_| feed.finish(symbol))?))
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyFeedReader>()?;
    Ok(())
}
