//! Cuts decoded bytes into records and checks each.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::input::Input;
use super::layout::{HEADER, SEND_TIME, int64, is_between, sizes_of, uint32};
use super::metadata::{Metadata, schema_name};
use super::{Block, DbnTape, Layout, Position, Run, Schema, Source, fault, position_in};
use crate::error::{Error, Fault, Result};
use crate::events::TIMES;

/// Decoded bytes of a block: it stays in the cache of a core while it is used.
const BLOCK: usize = 1 << 18;
/// Longest record: its length in words of 4 bytes is a byte.
const LONGEST: usize = 4 * 255;
/// Instruments that are remembered for an error message.
const NAMED: usize = 1_000;
/// Type, length and instrument in the first eight bytes of a record; the publisher between them may be any.
const HEAD_MASK: u64 = 0xffff_ffff_0000_ffff;

/// What happens to the records of other instruments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// They are left out and counted.
    #[default]
    Flag,
    /// The first of them is an error.
    Raise,
}

/// What records a file may hold, and which of them are used.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub schema: Schema,
    pub layout: Layout,
    /// Version of the file; `None` when it does not say.
    pub version: Option<u8>,
    /// Whether records of any schema may be between those of the tape's.
    pub is_mixed: bool,
    /// The instrument; `None` takes that of the first record.
    pub instrument_id: Option<u32>,
    pub others: Others,
}

/// One block of records on its way to whoever uses them.
#[derive(Debug, Default)]
pub struct Packet {
    bytes: Vec<u8>,
    /// Bytes of records at the beginning of `bytes`.
    kept: usize,
    runs: Vec<Run>,
}

impl Packet {
    /// The records.
    pub fn records(&self) -> &[u8] {
        &self.bytes[..self.kept]
    }

    /// Where they are.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

/// Cuts a stream of decoded bytes into blocks of records.
pub struct Framer {
    input: Input,
    name: Arc<str>,
    rules: Rules,
    /// Bytes of a record that the block before did not hold whole.
    tail: Vec<u8>,
    /// Where the next record is.
    position: Position,
    is_done: bool,
    /// Records of other kinds that were left out.
    pub other_records: u64,
    /// Records of other instruments that were left out.
    pub other_instruments: u64,
    /// Their ids, the first of them.
    pub other_ids: BTreeSet<u32>,
}

impl Framer {
    /// Goes on after the metadata; `head` are bytes after them that were taken from the input already.
    pub fn new(input: Input, name: &Arc<str>, rules: Rules, head: &[u8], first_byte: u64) -> Self {
        Self {
            input,
            name: Arc::clone(name),
            rules,
            tail: head.to_vec(),
            position: Position { record: 0, byte: first_byte },
            is_done: false,
            other_records: 0,
            other_instruments: 0,
            other_ids: BTreeSet::new(),
        }
    }

    /// The instrument whose records are used; `None` before the first of them.
    pub fn instrument_id(&self) -> Option<u32> {
        self.rules.instrument_id
    }

    /// Fills a block with the next records; `false` at the end. A block may hold no records at all.
    ///
    /// # Errors
    /// Those of the input; `DBN003` for a record of another length than its type has, `DBN004` for a record that does
    /// not belong here, `DBN006` for a file that ends inside a record, `DBN019` for a time that is none, `DBN022` for
    /// an unknown action or side, `DBN027` for a record of another instrument if they are not to be left out.
    pub fn next(&mut self, packet: &mut Packet) -> Result<bool> {
        packet.kept = 0;
        packet.runs.clear();
        if self.is_done {
            return Ok(false);
        }
        packet.bytes.resize(BLOCK, 0);
        let before = self.tail.len();
        packet.bytes[..before].copy_from_slice(&self.tail);
        let length = before + self.input.fill(&mut packet.bytes[before..])?;
        self.is_done = length < BLOCK;
        let framed = self.frame(packet, length)?;
        self.tail.clear();
        self.tail.extend_from_slice(&packet.bytes[framed..length]);
        if self.is_done && !self.tail.is_empty() {
            return Err(self.cut());
        }
        Ok(true)
    }

    /// Checks whole records, moves those of the tape together, and says how many bytes they and the others took.
    fn frame(&mut self, packet: &mut Packet, length: usize) -> Result<usize> {
        let stride = self.rules.layout.stride;
        let mut at = 0;
        loop {
            let count = self.count_of_own(&packet.bytes[at..length])?;
            if count > 0 {
                let bytes = count * stride;
                if at != packet.kept {
                    packet.bytes.copy_within(at..at + bytes, packet.kept);
                }
                packet.runs.push(Run { index: packet.kept / stride, position: self.position });
                packet.kept += bytes;
                at += bytes;
                self.position.record += count as u64;
                self.position.byte += bytes as u64;
            }
            let rest = &packet.bytes[at..length];
            if rest.len() < HEADER || rest.len() < 4 * usize::from(rest[0]).max(1) {
                // A record that is not whole is checked when its rest is there; at the end its header is.
                if rest.len() >= HEADER && self.is_done {
                    self.check_head(rest)?;
                }
                return Ok(at);
            }
            let Some(skipped) = self.other(rest)? else { continue };
            at += skipped;
            self.position.record += 1;
            self.position.byte += skipped as u64;
        }
    }

    /// How many of the next records are the tape's, each checked.
    fn count_of_own(&self, bytes: &[u8]) -> Result<usize> {
        let Some(instrument_id) = self.rules.instrument_id else { return Ok(0) };
        let layout = &self.rules.layout;
        let [words, kind] = layout.header;
        let head = u64::from(words) | u64::from(kind) << 8 | u64::from(instrument_id) << 32;
        let span = (TIMES.end - TIMES.start) as u64;
        let action_at = layout.action_at.unwrap_or(layout.side_at);
        let actions = if layout.action_at.is_some() { &ACTIONS } else { &SIDES };
        let mut count = 0;
        let mut is_wrong = false;
        for record in bytes.chunks_exact(layout.stride) {
            if (int64(record, 0) as u64 ^ head) & HEAD_MASK != 0 {
                break;
            }
            is_wrong |= int64(record, layout.ts_at).wrapping_sub(TIMES.start) as u64 >= span;
            is_wrong |= !actions[usize::from(record[action_at])] | !SIDES[usize::from(record[layout.side_at])];
            count += 1;
        }
        if is_wrong {
            return Err(self.wrong_field(bytes));
        }
        Ok(count)
    }

    /// Checks a whole record that is not the tape's as far as is known, and gives its length to skip it; `None` when it
    /// is the tape's after all.
    #[cold]
    fn other(&mut self, record: &[u8]) -> Result<Option<usize>> {
        self.check_head(record)?;
        let length = 4 * usize::from(record[0]);
        if record[1] != self.rules.layout.header[1] {
            self.other_records += 1;
            return Ok(Some(length));
        }
        let id = uint32(record, 4);
        let Some(used) = self.rules.instrument_id else {
            self.rules.instrument_id = Some(id);
            return Ok(None);
        };
        if self.rules.others == Others::Raise {
            let found = fault("DBN027", &self.name, "instrument_id", id.to_string(), format!("{used} only"));
            let hint = "pass other_instruments=\"flag\" to leave others out";
            return Err(Error::data(found.at(self.position.to_string()).hint(hint)));
        }
        self.other_instruments += 1;
        if self.other_ids.len() < NAMED {
            self.other_ids.insert(id);
        }
        Ok(Some(length))
    }

    /// Whether length and type of a record belong into the file.
    fn check_head(&self, record: &[u8]) -> Result<()> {
        let (length, kind) = (4 * usize::from(record[0]), record[1]);
        let layout = &self.rules.layout;
        let appended = if usize::from(layout.header[0]) * 4 > size_without(layout) { SEND_TIME } else { 0 };
        let Some(sizes) = sizes_of(kind) else {
            return Err(self.foreign(record, "a type of the format"));
        };
        let expected = match self.rules.version {
            Some(version) => vec![sizes[usize::from(version) - 1] + appended],
            None => {
                let mut sizes: Vec<usize> = sizes.iter().map(|size| size + appended).collect();
                sizes.dedup();
                sizes
            }
        };
        if !expected.contains(&length) {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            let value = format!("{length} (rtype {kind:#04x})");
            let found = fault("DBN003", &self.name, "length", value, expected.join(" or "));
            return Err(Error::decode(found.at(self.position.to_string())));
        }
        if kind != layout.header[1] && !self.rules.is_mixed && !is_between(kind) {
            let expected = format!("{:#04x}, records of {}", layout.header[1], self.rules.schema.name());
            return Err(self.foreign(record, &expected));
        }
        Ok(())
    }

    #[cold]
    fn foreign(&self, record: &[u8], expected: &str) -> Error {
        let found = fault("DBN004", &self.name, "rtype", format!("{:#04x}", record[1]), expected);
        let found = found.at(self.position.to_string());
        Error::decode(match record {
            [b'D', b'B', b'N', ..] => found.hint("a second file begins here: read one file at a time"),
            _ => found,
        })
    }

    /// The error of the first record with a wrong field.
    #[cold]
    fn wrong_field(&self, bytes: &[u8]) -> Error {
        let layout = &self.rules.layout;
        for (i, record) in bytes.chunks_exact(layout.stride).enumerate() {
            let position = position_in(&[Run { index: 0, position: self.position }], i, layout.stride).to_string();
            let ts = int64(record, layout.ts_at);
            if !TIMES.contains(&ts) {
                let value = if ts == -1 { "none".to_owned() } else { (ts as u64).to_string() };
                let field = if layout.ts_at == 8 { "ts_event" } else { "ts_recv" };
                let found = fault("DBN019", &self.name, field, value, "ns since the epoch, 1990..2100");
                return Error::data(found.at(position));
            }
            let letter = |at: usize| format!("'{}'", record[at].escape_ascii());
            if let Some(at) = layout.action_at.filter(|&at| !ACTIONS[usize::from(record[at])]) {
                let found = fault("DBN022", &self.name, "action", letter(at), "one of A, C, M, T, F, R, N");
                return Error::decode(found.at(position));
            }
            if !SIDES[usize::from(record[layout.side_at])] {
                let found = fault("DBN029", &self.name, "side", letter(layout.side_at), "A, B or N");
                return Error::decode(found.at(position));
            }
        }
        Error::internal(Fault::new("DBN028", &*self.name, "records", "a wrong one that is not there", "none"))
    }

    #[cold]
    fn cut(&self) -> Error {
        let length = match self.tail.len() {
            short if short < HEADER => format!("{HEADER} bytes of its header"),
            _ => format!("{} bytes", 4 * usize::from(self.tail[0])),
        };
        let value = format!("{} bytes before the end of the file", self.tail.len());
        Error::truncated(fault("DBN006", &self.name, "record", value, length).at(self.position.to_string()))
    }
}

/// Bytes of a record without what is appended to it.
fn size_without(layout: &Layout) -> usize {
    sizes_of(layout.header[1]).map_or(layout.stride, |sizes| sizes[0])
}

const fn table(letters: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut i = 0;
    while i < letters.len() {
        table[letters[i] as usize] = true;
        i += 1;
    }
    table
}

const ACTIONS: [bool; 256] = table(b"ACMTFRN");
const SIDES: [bool; 256] = table(b"ABN");

/// Opens the decoded bytes behind metadata that a reader has seen before.
pub fn reopen(tape: &DbnTape, encoded: &super::Encoded) -> Result<Framer> {
    let mut input = Input::open(encoded, &tape.name)?;
    let mut head = [0; 8];
    let length = input.fill(&mut head)?;
    if length == head.len() && head.starts_with(b"DBN") {
        let metadata = Metadata::read(head, &mut input, &tape.name)?;
        if let Some(schema) = metadata.schema.filter(|_| !tape.rules.is_mixed) {
            let name = schema_name(schema);
            if name != tape.schema.name() {
                return Err(changed(&tape.name, format!("schema {name}"), tape.schema.name()));
            }
        }
        return Ok(Framer::new(input, &tape.name, tape.rules, &[], metadata.length));
    }
    Ok(Framer::new(input, &tape.name, tape.rules, &head[..length], 0))
}

#[cold]
fn changed(name: &str, value: impl Into<String>, expected: impl Into<String>) -> Error {
    let found = fault("DBN025", name, "file", value, expected);
    Error::data(found.hint("the file has changed since it was opened"))
}

/// Blocks of whole, checked records.
pub struct Blocks<'a> {
    tape: &'a DbnTape,
    state: State<'a>,
    /// Records that were given out.
    given: usize,
}

enum State<'a> {
    Memory(&'a super::Records),
    Here(Box<Framer>, Packet),
    Elsewhere(Elsewhere, Packet),
}

/// A framer on a thread of its own, and the blocks that go to and fro.
struct Elsewhere {
    full: Option<Receiver<Result<Packet>>>,
    empty: Option<SyncSender<Packet>>,
    thread: Option<JoinHandle<()>>,
}

impl Elsewhere {
    fn new(mut framer: Framer, name: &str) -> Result<Self> {
        let (give, full) = sync_channel(2);
        let (empty, take) = sync_channel::<Packet>(3);
        let work = move || {
            loop {
                let Ok(mut packet) = take.recv() else { return };
                let answer = match framer.next(&mut packet) {
                    Ok(true) => Ok(packet),
                    Ok(false) => return,
                    Err(error) => Err(error),
                };
                let is_error = answer.is_err();
                if give.send(answer).is_err() || is_error {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("alvh-dbn".to_owned()).spawn(work).map_err(|error| {
            Error::limit(fault("DBN031", name, "thread", error.to_string(), "a thread to decode on"))
        })?;
        for _ in 0..2 {
            // There is room for three: this cannot block.
            let _ = empty.send(Packet::default());
        }
        Ok(Self { full: Some(full), empty: Some(empty), thread: Some(thread) })
    }

    /// The next block in exchange for a used one.
    fn swap(&mut self, packet: &mut Packet, name: &str) -> Result<bool> {
        let used = std::mem::take(packet);
        if used.bytes.capacity() > 0
            && let Some(empty) = &self.empty
        {
            // A thread that has ended takes none; what it gave last is still to be received.
            let _ = empty.send(used);
        }
        if let Some(Ok(answer)) = self.full.as_ref().map(Receiver::recv) {
            *packet = answer?;
            return Ok(true);
        }
        match self.end() {
            Ok(()) => Ok(false),
            Err(()) => Err(Error::internal(Fault::new("DBN032", name, "thread", "a panic", "none"))),
        }
    }

    /// Ends the thread: it sees that nobody takes what it gives.
    fn end(&mut self) -> std::result::Result<(), ()> {
        self.full = None;
        self.empty = None;
        self.thread.take().map_or(Ok(()), |thread| thread.join().map_err(|_| ()))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // Its panic, if any, has been shown already or nobody waits for its blocks.
        let _ = self.end();
    }
}

impl<'a> Blocks<'a> {
    pub(super) fn new(tape: &'a DbnTape) -> Result<Self> {
        let state = match &tape.source {
            Source::Memory(records) => State::Memory(records),
            Source::Encoded(encoded) => {
                let framer = reopen(tape, encoded)?;
                if framer.input.is_compressed() {
                    State::Elsewhere(Elsewhere::new(framer, &tape.name)?, Packet::default())
                } else {
                    State::Here(Box::new(framer), Packet::default())
                }
            }
        };
        Ok(Self { tape, state, given: 0 })
    }

    /// The next records; `None` at the end.
    ///
    /// # Errors
    /// Those of the file, which is read on the way; `DBN025` when it holds other records than when it was opened.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>> {
        let stride = self.tape.layout.stride;
        match &mut self.state {
            State::Memory(all) => {
                let start = self.given * stride;
                if start == all.bytes.len() {
                    return Ok(None);
                }
                let end = (start + BLOCK / stride * stride).min(all.bytes.len());
                let first = self.given;
                self.given = end / stride;
                Ok(Some(Block { records: &all.bytes[start..end], first, stride, runs: &all.runs }))
            }
            State::Here(framer, packet) => {
                while framer.next(packet)? {
                    if packet.kept > 0 {
                        break;
                    }
                }
                of_packet(packet, self.tape, &mut self.given)
            }
            State::Elsewhere(elsewhere, packet) => {
                while elsewhere.swap(packet, &self.tape.name)? {
                    if packet.kept > 0 {
                        break;
                    }
                }
                of_packet(packet, self.tape, &mut self.given)
            }
        }
    }
}

/// The block of a packet; at the end, which is an empty one, the records are counted.
fn of_packet<'a>(packet: &'a Packet, tape: &DbnTape, given: &mut usize) -> Result<Option<Block<'a>>> {
    let stride = tape.layout.stride;
    if packet.kept == 0 {
        if *given as u64 != tape.length {
            return Err(changed(&tape.name, format!("{given} records"), tape.length.to_string()));
        }
        return Ok(None);
    }
    *given += packet.kept / stride;
    Ok(Some(Block { records: packet.records(), first: 0, stride, runs: &packet.runs }))
}

/// Room for the longest record behind the rest of the block before.
const _: () = assert!(BLOCK > 2 * LONGEST);
