//! The decoded bytes of a file: as they are, or out of zstd frames, in bounded memory.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

use super::fault;
use crate::error::{Error, Result};

/// Compressed bytes that are read at once.
const CHUNK: usize = 1 << 17;
/// Largest window of a frame, in powers of two: 128 MB, what decoders of zstd take unless told otherwise.
const WINDOW_LOG: u32 = 27;
/// First bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a reader is given: a file, or its bytes.
#[derive(Debug, Clone)]
pub enum Encoded {
    /// Read again on every pass.
    File(PathBuf),
    /// The bytes of a file.
    Bytes(Arc<[u8]>),
}

type Bytes = Box<dyn Read + Send>;

impl Encoded {
    /// Bytes of the file; 0 when it does not say.
    pub fn length(&self) -> u64 {
        match self {
            Self::File(path) => std::fs::metadata(path).map_or(0, |about| about.len()),
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn open(&self, name: &str) -> Result<Bytes> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path).map_err(|error| unreadable(name, &error))?),
            Self::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        })
    }
}

/// A stream of decoded bytes.
pub struct Input {
    name: Arc<str>,
    bytes: Bytes,
    frames: Option<Frames>,
}

/// What is known between two reads of zstd frames.
struct Frames {
    decoder: Decoder<'static>,
    chunk: Vec<u8>,
    next: usize,
    /// Compressed bytes before the chunk.
    before: u64,
    /// Whether a frame has begun that has not ended.
    is_open: bool,
}

impl Input {
    /// Opens the bytes and finds out whether they are compressed.
    ///
    /// # Errors
    /// `DBN002` for the format before DBN, `DBN005` for hardly any bytes, `DBN015` when reading fails.
    pub fn open(encoded: &Encoded, name: &Arc<str>) -> Result<Self> {
        let mut bytes = encoded.open(name)?;
        let mut head = vec![0; 12];
        let length = fill(&mut bytes, &mut head).map_err(|error| unreadable(name, &error))?;
        head.truncate(length);
        if head.len() < ZSTD.len() {
            let value = format!("{} bytes", head.len());
            return Err(Error::truncated(fault("DBN005", name, "file", value, "a DBN file, compressed or not")));
        }
        let is_skippable = head[0] >> 4 == 5 && head[1..4] == [0x2a, 0x4d, 0x18];
        if is_skippable && head.get(8..11) == Some(b"DBZ") {
            let found = fault("DBN002", name, "format", "DBZ, the format before DBN", "DBN, version 1, 2 or 3");
            return Err(Error::decode(found.hint("convert it with the vendor's dbn tool")));
        }
        let is_zstd = is_skippable || head.starts_with(&ZSTD);
        let bytes: Bytes = Box::new(Cursor::new(head).chain(bytes));
        let frames = if is_zstd { Some(Frames::new(name)?) } else { None };
        Ok(Self { name: Arc::clone(name), bytes, frames })
    }

    /// Whether the bytes come out of zstd frames.
    pub fn is_compressed(&self) -> bool {
        self.frames.is_some()
    }

    /// Fills `out` as far as there are bytes; less than asked for only at the end.
    ///
    /// # Errors
    /// `DBN007` for a frame without its end, `DBN012` for a frame that is not one, `DBN013` for one that asks for too
    /// much memory, `DBN015` when reading fails.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<usize> {
        match &mut self.frames {
            None => fill(&mut self.bytes, out).map_err(|error| unreadable(&self.name, &error)),
            Some(frames) => frames.fill(&mut self.bytes, out, &self.name),
        }
    }
}

impl Frames {
    fn new(name: &str) -> Result<Self> {
        let mut decoder = Decoder::new().map_err(|error| unreadable(name, &error))?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(|error| unreadable(name, &error))?;
        Ok(Self { decoder, chunk: Vec::new(), next: 0, before: 0, is_open: false })
    }

    fn fill(&mut self, bytes: &mut Bytes, out: &mut [u8], name: &str) -> Result<usize> {
        let mut done = 0;
        while done < out.len() {
            if self.next == self.chunk.len() {
                self.before += self.chunk.len() as u64;
                self.chunk.resize(CHUNK, 0);
                let length = fill(bytes, &mut self.chunk).map_err(|error| unreadable(name, &error))?;
                self.chunk.truncate(length);
                self.next = 0;
                if length == 0 && !self.is_open {
                    break;
                }
            }
            let mut from = InBuffer::around(&self.chunk[self.next..]);
            let mut to = OutBuffer::around(&mut out[done..]);
            let left = self.decoder.run(&mut from, &mut to).map_err(|error| self.broken(name, &error))?;
            let (read, written) = (from.pos(), to.pos());
            self.next += read;
            done += written;
            self.is_open = left != 0;
            if self.chunk.is_empty() && written == 0 && self.is_open {
                let at = format!("compressed byte {}", self.before);
                let found = fault("DBN007", name, "zstd", "the end of the file inside a frame", "whole frames");
                return Err(Error::truncated(found.at(at)));
            }
        }
        Ok(done)
    }

    #[cold]
    fn broken(&self, name: &str, error: &io::Error) -> Error {
        let at = format!("compressed byte {}", self.before + self.next as u64);
        let text = error.to_string();
        if text.contains("too much memory") {
            let found = fault("DBN013", name, "zstd window", text, format!("at most 2^{WINDOW_LOG} bytes"));
            return Error::limit(found.at(at));
        }
        Error::decode(fault("DBN012", name, "zstd", text, "zstd frames").at(at))
    }
}

/// Fills `out` as far as there are bytes.
fn fill(bytes: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match bytes.read(&mut out[done..]) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cold]
fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::data(fault("DBN015", name, "file", error.to_string(), "a file that can be read"))
}
