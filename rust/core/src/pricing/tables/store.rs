//! Tables as bytes: a header, the values, and a checksum over both. What is not exactly that is not believed.

use sha2::{Digest, Sha256};

use super::ModelTables;
use crate::error::{Error, Fault, Result};
use crate::market::model::MarketConfig;

/// First bytes of every file of tables.
const MAGIC: [u8; 8] = *b"ALVHTAB\n";
/// Grows with every change of the values or of their order.
const VERSION: u32 = 1;
/// Bytes of a SHA-256.
const DIGEST: usize = 32;
/// Bytes before the values: magic, version, hash of the model, lengths of both tables.
const HEADER: usize = 8 + 4 + DIGEST + 8 + 8;

fn header(config: &MarketConfig, lengths: [usize; 2]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(Sha256::digest(config.hash().as_bytes()));
    for length in lengths {
        bytes.extend((length as u64).to_le_bytes());
    }
    bytes
}

impl ModelTables {
    /// Name of the tables of a model among those of others: its parameters and the version of the format.
    pub fn key(config: &MarketConfig) -> String {
        format!("tables-{VERSION}-{}", config.hash())
    }

    /// The tables as bytes, from which [`ModelTables::from_bytes`] makes them again, bit for bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        let vix = self.vix.as_ref().map_or(&[][..], |table| &table.values);
        let mut bytes = header(&self.config, [self.spx.values.len(), vix.len()]);
        bytes.reserve(4 * (self.spx.values.len() + vix.len()) + DIGEST);
        for values in [&self.spx.values, vix] {
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    /// The tables of a model from bytes.
    ///
    /// # Errors
    /// `Error::Config` for a configuration that breaks a rule; `Error::Data` for bytes that are damaged, of another
    /// version or of another model.
    pub fn from_bytes(config: &MarketConfig, bytes: &[u8]) -> Result<Self> {
        let mut tables = Self::empty(config)?;
        let fail = |code, field: &str, value: String, expected: String| {
            let fault = Fault::new(code, "tables", field, value, expected);
            Err(Error::data(fault.hint("they are computed again")))
        };
        let expected = tables.lengths();
        let length = HEADER + 4 * (expected[0] + expected[1]) + DIGEST;
        if bytes.len() < HEADER || bytes[..8] != MAGIC {
            return fail("MKT041", "magic", format!("{} bytes", bytes.len()), "a file of tables".to_owned());
        }
        let wanted = header(config, expected);
        if bytes[8..12] != wanted[8..12] {
            let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            return fail("MKT042", "version", version.to_string(), VERSION.to_string());
        }
        if bytes[..HEADER] != wanted[..] {
            return fail("MKT043", "model", "another model".to_owned(), format!("the model {}", config.hash()));
        }
        if bytes.len() != length {
            return fail("MKT044", "length", bytes.len().to_string(), format!("{length} bytes"));
        }
        let (content, digest) = bytes.split_at(length - DIGEST);
        if Sha256::digest(content)[..] != *digest {
            return fail("MKT045", "checksum", "another".to_owned(), "the checksum of the content".to_owned());
        }
        let (spx, vix) = content[HEADER..].split_at(4 * expected[0]);
        let values = |bytes: &[u8]| {
            bytes.chunks_exact(4).map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]])).collect()
        };
        tables.spx.values = values(spx);
        if let Some(table) = &mut tables.vix {
            table.values = values(vix);
        }
        Ok(tables)
    }
}
