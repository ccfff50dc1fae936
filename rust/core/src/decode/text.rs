//! What the readers of text formats share: whole lines out of chunks, exact numbers, grids from the data.

use crate::error::{Error, Fault, Result};
use crate::events::{Grid, side};

/// A line longer than this is no line of a feed: refused before more of it is held.
pub const LONGEST_LINE: usize = 16 << 20;

/// Chunks of a file to blocks of whole lines.
#[derive(Debug)]
pub struct Lines {
    /// The file, as errors name it.
    pub source: String,
    pending: Vec<u8>,
    line: u64,
}

impl Lines {
    /// Nothing read yet.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), pending: Vec::new(), line: 1 }
    }

    /// Hands the whole lines that are there now to `each`, with the number of the first.
    ///
    /// # Errors
    /// `Error::Limit` (`FIL001`) for a line that does not end; the errors of `each`.
    pub fn push(&mut self, chunk: &[u8], each: impl FnOnce(&[u8], u64) -> Result<()>) -> Result<()> {
        let Some(end) = chunk.iter().rposition(|&byte| byte == b'\n') else {
            self.pending.extend_from_slice(chunk);
            return self.check_length();
        };
        self.pending.extend_from_slice(&chunk[..=end]);
        let first = self.line;
        self.line += self.pending.iter().filter(|&&byte| byte == b'\n').count() as u64;
        each(&self.pending, first)?;
        self.pending.clear();
        self.pending.extend_from_slice(&chunk[end + 1..]);
        self.check_length()
    }

    /// Hands over the last line, if the file does not end with a line feed.
    ///
    /// # Errors
    /// The errors of `each`.
    pub fn finish(&mut self, each: impl FnOnce(&[u8], u64) -> Result<()>) -> Result<()> {
        let rest = std::mem::take(&mut self.pending);
        if rest.is_empty() { Ok(()) } else { each(&rest, self.line) }
    }

    fn check_length(&self) -> Result<()> {
        if self.pending.len() <= LONGEST_LINE {
            return Ok(());
        }
        let shown = format!("more than {LONGEST_LINE} bytes");
        let fault = Fault::new("FIL001", &self.source, "line", shown, "lines of text");
        Err(Error::limit(fault.at(format!("line {}", self.line))))
    }
}

/// Where a row stands; its line is counted only when an error asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    block: &'a [u8],
    byte: usize,
    first: u64,
}

impl Place<'_> {
    /// The line, as errors name it.
    #[cold]
    pub fn text(&self) -> String {
        // A row is said to begin at the empty lines before it.
        let begin = self.block[self.byte..].iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
        let before = self.block[..self.byte + begin].iter().filter(|&&byte| byte == b'\n').count();
        format!("line {}", self.first + before as u64)
    }
}

/// Runs over the rows of a block of comma-separated lines.
///
/// # Errors
/// The errors of `each`.
pub fn rows(block: &[u8], first: u64, mut each: impl FnMut(&csv::ByteRecord, &Place<'_>) -> Result<()>) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(block);
    let mut row = csv::ByteRecord::new();
    // Reading from memory does not fail, and rows of any number of fields are taken: `each` checks what they hold.
    while reader.read_byte_record(&mut row).unwrap_or(false) {
        let byte = row.position().map_or(0, |position| position.byte() as usize).min(block.len());
        each(&row, &Place { block, byte, first })?;
    }
    Ok(())
}

/// A field as errors show it.
pub fn shown(field: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(field).chars().take(40).collect();
    format!("'{}'", text.replace(char::is_control, "?"))
}

/// An integer of at most 18 digits.
#[inline]
pub fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

/// A decimal number of at least 0 in units of 10^-`places`, exactly: `None` for anything else or finer than that.
#[inline]
pub fn decimal(field: &[u8], places: u32) -> Option<i128> {
    let (whole, fraction) = match field.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&field[..dot], &field[dot + 1..]),
        None => (field, &field[..0]),
    };
    if whole.is_empty() || whole.len() > 20 || fraction.len() > 18 {
        return None;
    }
    let mut value = 0_i128;
    for &digit in whole {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i128::from(digit - b'0');
    }
    for place in 0..places.max(fraction.len() as u32) {
        let digit = fraction.get(place as usize).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        if place < places {
            value = value * 10 + i128::from(digit - b'0');
        } else if digit != b'0' {
            return None;
        }
    }
    Some(value)
}

/// Greatest common divisor; 0 is divided by everything.
#[inline]
pub fn common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

/// The grid of a step in units of 10^-`places`, as the user gave it or as the data have it.
///
/// # Errors
/// `Error::Config` (`EVT002`) for a step that is no positive multiple of the unit, `EVT006` where the data have none.
pub fn grid_of(given: Option<f64>, found: i64, places: u32, source: &str, field: &str) -> Result<Grid> {
    let units = 10_i64.pow(places) as f64;
    let step = match given {
        Some(step) => {
            let steps = libm::round(step * units);
            let is_close = (step * units - steps).abs() <= 1e-6 * steps;
            if !(step.is_finite() && (1.0..9e18).contains(&steps) && is_close) {
                let expected = format!("a positive multiple of 1e-{places}");
                return Err(Error::config(Fault::new("EVT002", source, field, format!("{step:?}"), expected)));
            }
            steps as i64
        }
        None => found,
    };
    Grid::new(step).ok_or_else(|| {
        let fault = Fault::new("EVT006", source, field, "no value", format!("values to take the {field} from"));
        Error::data(fault.hint(format!("pass {field}=")))
    })
}

/// A trade price on the grid of the displayed prices, and whether it was on it: between two ticks the one that is less
/// extreme for its aggressor, so that no print inside the spread looks like a new extreme.
#[inline]
pub fn trade_ticks(price: i64, tick: i64, aggressor: u8) -> (i64, bool) {
    let down = price.div_euclid(tick);
    let is_exact = price.rem_euclid(tick) == 0;
    let ticks = if is_exact || aggressor != side::ASK { down } else { down + 1 };
    (ticks.max(1), is_exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_from_chunks_of_any_size() {
        let text = b"one\ntwo\n\nthree\r\nfour";
        for size in 1..=text.len() {
            let mut lines = Lines::new("x");
            let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
            let mut keep = |block: &[u8], first: u64| {
                rows(block, first, |row, place| {
                    seen.push((place.text(), row[0].to_vec()));
                    Ok(())
                })
            };
            for chunk in text.chunks(size) {
                lines.push(chunk, &mut keep).expect("lines");
            }
            lines.finish(&mut keep).expect("lines");
            let expected: [(u64, &[u8]); 4] = [(1, b"one"), (2, b"two"), (4, b"three"), (5, b"four")];
            assert_eq!(seen, expected.map(|(line, text)| (format!("line {line}"), text.to_vec())), "{size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut lines = Lines::new("x");
        let chunk = vec![0; 1 << 20];
        let error = (0..64).find_map(|_| lines.push(&chunk, |_, _| Ok(())).err()).expect("refused");
        assert!(error.to_string().starts_with("FIL001 x:line 1 line: got more than 16777216 bytes"));
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!([integer(b"-12"), integer(b"0")], [Some(-12), Some(0)]);
        for wrong in [&b""[..], b"-", b"1.0", b" 1", b"+1", b"1e3", b"9999999999999999999"] {
            assert_eq!(integer(wrong), None);
        }
        assert_eq!(decimal(b"34200.00426064", 9), Some(34_200_004_260_640));
        assert_eq!(decimal(b"61837.63000000", 2), Some(6_183_763));
        assert_eq!(decimal(b"0.1", 8), Some(10_000_000));
        for wrong in [&b""[..], b".", b".5", b"1.234", b"-1", b"1,5", b"1e5", b"nan", b"1.2.3"] {
            assert_eq!(decimal(wrong, 2), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_print_between_ticks_is_taken_to_the_less_extreme_one() {
        assert_eq!(trade_ticks(1_050, 100, side::BID), (10, false));
        assert_eq!(trade_ticks(1_050, 100, side::ASK), (11, false));
        assert_eq!(trade_ticks(1_100, 100, side::ASK), (11, true));
        assert_eq!(trade_ticks(50, 100, side::BID), (1, false));
    }
}
