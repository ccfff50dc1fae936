//! The metadata before the records: what was asked for, and what numbers stand for which symbols.

use std::sync::Arc;

use dbn::{SType, v1};

use super::input::Input;
use super::{Schema, fault};
use crate::error::{Error, Result};

/// Magic, version and length.
const PRELUDE: usize = 8;
/// Metadata beyond this are refused: a symbol takes about 200 bytes, so this is half a million symbols.
const MOST: u32 = 100 << 20;
const DATASET: usize = 16;

/// Symbol, and the instrument it stood for on days of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// What was asked for.
    pub symbol: String,
    /// What it stood for, in the order of days.
    pub instruments: Vec<String>,
}

/// What is used of the metadata of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// 1, 2 or 3.
    pub version: u8,
    /// Schema as the format numbers it; `None` for files of several.
    pub schema: Option<u16>,
    /// Whether a send time follows each record.
    pub has_send_time: bool,
    /// How symbols were given.
    pub stype_in: Option<SType>,
    /// What they were translated to.
    pub stype_out: SType,
    /// The translations.
    pub mappings: Vec<Mapping>,
    /// Bytes, with the prelude: the first record begins here.
    pub length: u64,
}

impl Metadata {
    /// Reads the metadata; `head` are the first bytes of the decoded file, already taken from the input.
    ///
    /// # Errors
    /// `DBN005` for a file that ends here, `DBN008` for another version, `DBN009` for fields that break their rule,
    /// `DBN014` for a length beyond what is taken.
    pub fn read(head: [u8; PRELUDE], input: &mut Input, name: &Arc<str>) -> Result<Self> {
        let version = head[3];
        if !(1..=3).contains(&version) {
            let found = fault("DBN008", name, "version", version.to_string(), "1, 2 or 3");
            return Err(Error::decode(found.at("byte 3")));
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if length > MOST {
            let found = fault("DBN014", name, "metadata length", length.to_string(), format!("at most {MOST}"));
            return Err(Error::limit(found.at("byte 4")));
        }
        // Grown as the bytes come: the length is only a claim.
        let mut bytes = Vec::new();
        while bytes.len() < length as usize {
            let start = bytes.len();
            bytes.resize((start + (1 << 16)).min(length as usize), 0);
            let read = input.fill(&mut bytes[start..])?;
            if start + read < bytes.len() {
                let at = format!("byte {}", PRELUDE + start + read);
                let expected = format!("{length} bytes of them");
                return Err(Error::truncated(
                    fault("DBN005", name, "metadata", "the end of the file", expected).at(at),
                ));
            }
        }
        Fields { bytes: &bytes, at: 0, last: 0, name }.parse(version, u64::from(length) + PRELUDE as u64)
    }

    /// Instrument ids that a symbol stood for.
    pub fn instruments_of(&self, symbol: &str) -> Vec<u32> {
        let mut ids: Vec<u32> = Vec::new();
        for mapping in &self.mappings {
            if self.stype_out == SType::InstrumentId && mapping.symbol == symbol {
                ids.extend(mapping.instruments.iter().filter_map(|id| id.parse::<u32>().ok()));
            } else if self.stype_in == Some(SType::InstrumentId)
                && mapping.instruments.iter().any(|name| name == symbol)
            {
                ids.extend(mapping.symbol.parse::<u32>().ok());
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// A symbol that stood for the instrument; empty when the file does not say.
    pub fn symbol_of(&self, instrument_id: u32) -> &str {
        let id = instrument_id.to_string();
        for mapping in &self.mappings {
            if self.stype_out == SType::InstrumentId && mapping.instruments.contains(&id) {
                return &mapping.symbol;
            }
            if self.stype_in == Some(SType::InstrumentId) && mapping.symbol == id {
                return mapping.instruments.first().map_or("", String::as_str);
            }
        }
        ""
    }
}

/// The name of a schema number, known to the format or not.
pub fn schema_name(schema: u16) -> String {
    dbn::Schema::try_from(schema).map_or_else(|_| schema.to_string(), |schema| schema.as_str().to_owned())
}

/// The schema of a number in the metadata, if its records are used.
pub fn used_schema(schema: u16) -> Option<Schema> {
    Schema::parse(dbn::Schema::try_from(schema).ok()?.as_str())
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the field before `at` begins.
    last: usize,
    name: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(mut self, version: u8, length: u64) -> Result<Metadata> {
        self.text(DATASET, "dataset")?;
        let schema = match self.int16("schema")? {
            u16::MAX => None,
            schema if dbn::Schema::try_from(schema).is_ok() => Some(schema),
            schema => return Err(self.wrong("schema", schema, "a schema of the format")),
        };
        // Start, end and limit of the request; version 1 has the number of records too.
        self.take(if version == 1 { 32 } else { 24 }, "range")?;
        let stype_in = match self.int8("stype_in")? {
            u8::MAX => None,
            stype => match SType::try_from(stype) {
                Ok(stype) => Some(stype),
                Err(_) => return Err(self.wrong("stype_in", stype, "a symbol type of the format")),
            },
        };
        let stype_out = self.int8("stype_out")?;
        let Ok(stype_out) = SType::try_from(stype_out) else {
            return Err(self.wrong("stype_out", stype_out, "a symbol type of the format"));
        };
        let has_send_time = self.int8("ts_out")? != 0;
        let (symbol, reserved) = match version {
            1 => (v1::SYMBOL_CSTR_LEN, 47),
            _ => (usize::from(self.int16("symbol length")?), 53),
        };
        self.take(reserved, "reserved bytes")?;
        let definition = self.int32("schema definition")?;
        if definition != 0 {
            return Err(self.wrong("schema definition", definition, "0, there is none in versions 1 to 3"));
        }
        for list in ["symbols", "partial", "not_found"] {
            for _ in 0..self.count(symbol, list)? {
                self.text(symbol, list)?;
            }
        }
        let count = self.count(symbol + 4, "mappings")?;
        let mut mappings = Vec::with_capacity(count);
        for _ in 0..count {
            let name = self.text(symbol, "mapping symbol")?.to_owned();
            let count = self.count(symbol + 8, "mapping intervals")?;
            let mut instruments = Vec::with_capacity(count);
            for _ in 0..count {
                self.date("mapping start")?;
                self.date("mapping end")?;
                instruments.push(self.text(symbol, "mapping instrument")?.to_owned());
            }
            mappings.push(Mapping { symbol: name, instruments });
        }
        Ok(Metadata { version, schema, has_send_time, stype_in, stype_out, mappings, length })
    }

    fn take(&mut self, length: usize, field: &str) -> Result<&'a [u8]> {
        self.last = self.at;
        match self.bytes.get(self.at..self.at + length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => {
                let left = self.bytes.len() - self.at;
                Err(self.wrong(field, format!("{left} bytes of metadata"), format!("{length} bytes")))
            }
        }
    }

    fn int8(&mut self, field: &str) -> Result<u8> {
        Ok(self.take(1, field)?[0])
    }

    fn int16(&mut self, field: &str) -> Result<u16> {
        let bytes = self.take(2, field)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn int32(&mut self, field: &str) -> Result<u32> {
        let bytes = self.take(4, field)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A number of items that fit into what is left, so that it can be allocated.
    fn count(&mut self, size: usize, field: &str) -> Result<usize> {
        let count = self.int32(field)? as usize;
        let most = (self.bytes.len() - self.at).checked_div(size).unwrap_or(0);
        if count > most {
            return Err(self.wrong(field, count, format!("at most {most}, what the metadata hold")));
        }
        Ok(count)
    }

    fn text(&mut self, length: usize, field: &str) -> Result<&'a str> {
        let bytes = self.take(length, field)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.trim_end_matches('\0')),
            Err(_) => Err(self.wrong(field, "bytes that are no text", "UTF-8")),
        }
    }

    fn date(&mut self, field: &str) -> Result<()> {
        let date = self.int32(field)?;
        let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(is_leap),
            _ => 0,
        };
        if year > 9999 || !(1..=days).contains(&day) {
            return Err(self.wrong(field, date, "a date as yyyymmdd"));
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self, field: &str, value: impl ToString, expected: impl Into<String>) -> Error {
        let found = fault("DBN009", self.name, field, value.to_string(), expected);
        Error::decode(found.at(format!("byte {}", PRELUDE + self.last)))
    }
}
