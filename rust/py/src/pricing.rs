//! Conversion for the pricing functions of the core.

use alvh_core::pricing::columns::{Black76, Column};
use alvh_core::pricing::{black, implied_vol};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;

type Floats<'py> = PyReadonlyArray1<'py, f64>;
type Signs<'py> = PyReadonlyArray1<'py, i8>;
type Output<'py> = Bound<'py, PyArray1<f64>>;

/// Elements between two looks at pending signals: a millisecond of prices, at most fifty of implied volatilities.
const CHUNK: usize = 1 << 13;

/// A column of one value or as many as there are rows.
fn column<'a, T: Copy + numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<Column<'a, T>> {
    Ok(Column::new(array.as_slice()?))
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
    Ok(finished(py, out))
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
    Ok(finished(py, out))
}

/// First four characters of a name in lower case, sixteen bits each; all ones when there are more.
#[inline(always)]
const fn packed(name: &[u32]) -> u64 {
    let (mut key, mut rest, mut i) = (0, 0, 0);
    while i < name.len() {
        // 0x20 is the bit between upper and lower case; no character above 0x7f turns into a letter by it.
        let character = if name[i] > 0xffff { 0xffff } else { name[i] };
        let lower = (character | if character == 0 { 0 } else { 0x20 }) as u64;
        if i < 4 {
            key |= lower << (16 * i);
        } else {
            rest |= lower;
        }
        i += 1;
    }
    if rest == 0 { key } else { u64::MAX }
}

/// Sign of one name of a right given as UCS-4 characters padded with zeros; 0 for any other name. No branches: rights
/// come in any order.
#[inline(always)]
fn sign_of(name: &[u32]) -> i8 {
    const CALL: u64 = packed(&[0x63, 0x61, 0x6c, 0x6c]);
    const PUT: u64 = packed(&[0x70, 0x75, 0x74]);
    let key = packed(name);
    i8::from((key == CALL) | (key == 0x63)) - i8::from((key == PUT) | (key == 0x70))
}

/// Signs of rights given as UCS-4 text of `width` characters each, and the row of the first that is none.
#[pyfunction]
fn right_signs<'py>(
    py: Python<'py>,
    characters: PyReadonlyArray1<'py, u32>,
    width: usize,
) -> PyResult<(Bound<'py, PyArray1<i8>>, Option<usize>)> {
    let characters = characters.as_slice()?;
    let (signs, bad) = py.detach(|| {
        let signs: Vec<i8> = match width {
            4 => characters.as_chunks::<4>().0.iter().map(|name| sign_of(name)).collect(),
            _ => characters.chunks_exact(width.max(1)).map(sign_of).collect(),
        };
        let bad = signs.iter().position(|&sign| sign == 0);
        (signs, bad)
    });
    Ok((finished(py, signs), bad))
}

#[pyfunction]
fn black76<'py>(
    py: Python<'py>,
    n: usize,
    forward: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    vol: Floats<'py>,
    rate: Floats<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let options = Black76 {
        forward: column(&forward)?,
        strike: column(&strike)?,
        years: column(&years)?,
        vol: column(&vol)?,
        rate: column(&rate)?,
        sign: column(&sign)?,
    };
    let mut out = vec![0.0; n];
    let mut rest = &mut out[..];
    chunked(py, n, |range| {
        let (chunk, after) = std::mem::take(&mut rest).split_at_mut(range.len());
        options.price(range.start, chunk);
        rest = after;
    })?;
    Ok(finished(py, out))
}

#[pyfunction]
fn black76_greeks<'py>(
    py: Python<'py>,
    n: usize,
    forward: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    vol: Floats<'py>,
    rate: Floats<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (column(&forward)?, column(&strike)?, column(&years)?);
    let (v, r, s) = (column(&vol)?, column(&rate)?, column(&sign)?);
    map_greeks(py, n, |i| black::black76_greeks(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i)))
}

#[pyfunction]
fn black_scholes<'py>(
    py: Python<'py>,
    n: usize,
    spot: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    vol: Floats<'py>,
    rate: Floats<'py>,
    dividend_yield: Floats<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (column(&spot)?, column(&strike)?, column(&years)?);
    let (v, r, s) = (column(&vol)?, column(&rate)?, column(&sign)?);
    let q = column(&dividend_yield)?;
    map(py, n, |i| black::black_scholes(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i), q.at(i)))
}

#[pyfunction]
fn black_scholes_greeks<'py>(
    py: Python<'py>,
    n: usize,
    spot: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    vol: Floats<'py>,
    rate: Floats<'py>,
    dividend_yield: Floats<'py>,
    sign: Signs<'py>,
) -> PyResult<Output<'py>> {
    let (f, k, t) = (column(&spot)?, column(&strike)?, column(&years)?);
    let (v, r, s) = (column(&vol)?, column(&rate)?, column(&sign)?);
    let q = column(&dividend_yield)?;
    map_greeks(py, n, |i| black::black_scholes_greeks(s.right(i), f.at(i), k.at(i), t.at(i), v.at(i), r.at(i), q.at(i)))
}

#[pyfunction]
fn implied_vol_codes<'py>(
    py: Python<'py>,
    n: usize,
    price: Floats<'py>,
    forward: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    rate: Floats<'py>,
    sign: Signs<'py>,
) -> PyResult<(Output<'py>, Bound<'py, PyArray1<u8>>)> {
    let (p, f, k) = (column(&price)?, column(&forward)?, column(&strike)?);
    let (t, r, s) = (column(&years)?, column(&rate)?, column(&sign)?);
    let mut vols = Vec::with_capacity(n);
    let mut codes = Vec::with_capacity(n);
    chunked(py, n, |range| {
        for i in range {
            let (vol, reason) = implied_vol::implied_vol(s.right(i), p.at(i), f.at(i), k.at(i), t.at(i), r.at(i));
            vols.push(vol);
            codes.push(reason as u8);
        }
    })?;
    Ok((finished(py, vols), finished(py, codes)))
}

/// Adds the pricing functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("GREEK_NAMES", black::Greeks::NAMES)?;
    module.add("IMPLIED_VOL_REASONS", implied_vol::Reason::NAMES)?;
    module.add_function(wrap_pyfunction!(right_signs, module)?)?;
    module.add_function(wrap_pyfunction!(black76, module)?)?;
    module.add_function(wrap_pyfunction!(black76_greeks, module)?)?;
    module.add_function(wrap_pyfunction!(black_scholes, module)?)?;
    module.add_function(wrap_pyfunction!(black_scholes_greeks, module)?)?;
    module.add_function(wrap_pyfunction!(implied_vol_codes, module)?)
}
