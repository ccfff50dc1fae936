//! Opens a file: which records, which instrument, which tick.

use std::mem::{offset_of, size_of};
use std::sync::Arc;

use dbn::BidAskPair;

use super::frames::{Framer, Packet, Rules};
use super::input::{Encoded, Input};
use super::layout::{SEND_TIME, int64, uint32};
use super::metadata::{Metadata, schema_name, used_schema};
use super::{Clock, DbnTape, Layout, NO_FIXED_PRICE, PRICE_SCALE, Records, Run, Schema, Source, fault};
use crate::error::{Error, Result};
use crate::events::{Event, EventColumns, Flaw, Grid, Level, NO_PRICE, Quality, action};
use crate::tape::{Body, Tape};

pub use super::frames::Others;

/// Decoded bytes up to which records are kept in memory.
const IN_MEMORY: usize = 64 << 20;
/// Compressed bytes up to which keeping them is tried: records shrink to a quarter or to a twentieth.
const WORTH_KEEPING: u64 = 4 << 20;
/// Records whose prices a tick is derived from.
const TICK_RECORDS: u64 = 65_536;
/// Instruments that an error names.
const NAMED: usize = 8;

/// What the caller says about a file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The instrument, if the file holds several.
    pub instrument_id: Option<u32>,
    /// Its symbol as the metadata name it.
    pub symbol: Option<String>,
    /// The schema, if the file does not say.
    pub schema: Option<String>,
    /// One tick in units of the price's currency; derived from the prices when it is not given.
    pub tick_size: Option<f64>,
    /// Which time is the tape's clock.
    pub clock: Clock,
    /// What happens to records of other instruments.
    pub others: Others,
}

/// Reads a file from its beginning to its end, checks every record, and keeps those of one instrument in memory unless
/// they are many.
///
/// # Errors
/// `Error::Truncated` for a file that ends too early, `Error::Decode` for bytes that are not DBN, `Error::Schema` for
/// records without events of a book or trades, `Error::Data` for several instruments when none was chosen, for times
/// that are none and for a tick that cannot be derived, `Error::Config` for options that contradict each other or the
/// file, `Error::Limit` for claims of too much memory, `Error::Interrupted` when `go_on` says no.
pub fn read(encoded: Encoded, name: &str, options: &Options, go_on: &mut dyn FnMut() -> bool) -> Result<Tape> {
    let name: Arc<str> = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>().into();
    let tick = options.tick_size.map(|tick| tick_units(tick, &name)).transpose()?;
    let mut input = Input::open(&encoded, &name)?;
    let mut head = [0; 8];
    let length = input.fill(&mut head)?;
    let (metadata, head) = begin(&mut input, &head[..length], &name, options)?;
    let schema = schema_of(metadata.as_ref(), options, &name)?;
    if options.clock == Clock::Event && matches!(schema, Schema::Bbo1s | Schema::Bbo1m) {
        let found = fault("DBN026", &name, "time", "\"event\"", "\"receive\" for quotes at intervals");
        return Err(Error::config(found.hint("their event time is that of the last trade")));
    }
    let rules = Rules {
        schema,
        layout: layout_of(schema, metadata.as_ref(), &head, options.clock),
        version: metadata.as_ref().map(|metadata| metadata.version),
        is_mixed: metadata.as_ref().is_none_or(|metadata| metadata.schema.is_none()),
        instrument_id: chosen(metadata.as_ref(), options, &name)?,
        others: options.others,
    };
    let first_byte = metadata.as_ref().map_or(0, |metadata| metadata.length);
    let most = if input.is_compressed() { WORTH_KEEPING } else { IN_MEMORY as u64 };
    let framer = Framer::new(input, &name, rules, &head, first_byte);
    let scan = Scan::new(framer, rules.layout, tick, encoded.length() <= most).run(go_on)?;

    let instrument_id = scan.instrument(rules.instrument_id, &name)?;
    let grid = scan.grid(tick, &name)?;
    let symbol = match (&options.symbol, &metadata) {
        (Some(symbol), _) => symbol.clone(),
        (None, Some(metadata)) => metadata.symbol_of(instrument_id).to_owned(),
        (None, None) => String::new(),
    };
    let mut quality = Quality::default();
    quality.add_many(Flaw::OtherRecord, scan.framer.other_records);
    quality.add_many(Flaw::OtherInstrument, scan.framer.other_instruments);
    let body = DbnTape {
        schema,
        layout: rules.layout,
        clock: options.clock,
        instrument_id,
        grid,
        is_tick_derived: tick.is_none(),
        length: scan.length,
        span: scan.span.unwrap_or_default(),
        source: scan.kept.map_or(Source::Encoded(encoded), |records| Source::Memory(Arc::new(records))),
        name: Arc::clone(&name),
        rules: Rules { instrument_id: Some(instrument_id), ..rules },
    };
    Ok(Tape {
        source: name.to_string(),
        symbol,
        feed: schema.feed(),
        tick_size: grid.tick() as f64 / PRICE_SCALE as f64,
        lot_size: 1.0,
        quality,
        body: Body::Dbn(body),
    })
}

/// The metadata if the file has any, and the bytes behind them that were taken from the input.
fn begin(input: &mut Input, head: &[u8], name: &Arc<str>, options: &Options) -> Result<(Option<Metadata>, Vec<u8>)> {
    if let Ok(head) = <[u8; 8]>::try_from(head)
        && head.starts_with(b"DBN")
    {
        return Ok((Some(Metadata::read(head, input, name)?), Vec::new()));
    }
    if head.starts_with(b"DBN") || head.len() < 3 {
        let value = format!("{} bytes of it", head.len());
        return Err(Error::truncated(fault("DBN005", name, "metadata", value, "magic, version and length")));
    }
    if options.schema.is_none() {
        let value: String = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let found = fault("DBN001", name, "magic", format!("0x{value}"), "0x44424e, \"DBN\"").at("byte 0");
        return Err(Error::decode(found.hint("records without metadata (.frag) need schema=")));
    }
    Ok((None, head.to_vec()))
}

fn schema_of(metadata: Option<&Metadata>, options: &Options, name: &str) -> Result<Schema> {
    let names: Vec<_> = Schema::ALL.iter().map(|schema| schema.name()).collect();
    let used = names.join(", ");
    let asked = match &options.schema {
        Some(asked) => match Schema::parse(asked) {
            Some(schema) => Some(schema),
            None => {
                let found = fault("DBN010", name, "schema", format!("\"{asked}\""), format!("one of {used}"));
                return Err(Error::schema(found));
            }
        },
        None => None,
    };
    let Some(number) = metadata.and_then(|metadata| metadata.schema) else {
        return asked.ok_or_else(|| {
            let found = fault("DBN011", name, "schema", "none in the metadata", format!("one of {used}"));
            Error::schema(found.hint("pass schema="))
        });
    };
    let Some(found) = used_schema(number) else {
        let found = fault("DBN010", name, "schema", schema_name(number), format!("one of {used}"));
        return Err(Error::schema(found));
    };
    if asked.is_some_and(|asked| asked != found) {
        let expected = format!("{}, what the metadata say", found.name());
        let asked = options.schema.clone().unwrap_or_default();
        return Err(Error::schema(fault("DBN033", name, "schema", asked, expected)));
    }
    Ok(found)
}

/// The layout; records without metadata say by the length of the first whether a send time follows them.
fn layout_of(schema: Schema, metadata: Option<&Metadata>, head: &[u8], clock: Clock) -> Layout {
    let plain = Layout::new(schema, clock, false);
    let appended = match metadata {
        Some(metadata) => metadata.has_send_time,
        None => {
            let words = usize::from(head.first().copied().unwrap_or(0));
            head.get(1) == Some(&plain.header[1]) && 4 * words == plain.stride + SEND_TIME
        }
    };
    Layout::new(schema, clock, appended)
}

/// The instrument that the caller chose, by its id or its symbol.
fn chosen(metadata: Option<&Metadata>, options: &Options, name: &str) -> Result<Option<u32>> {
    let Some(symbol) = &options.symbol else { return Ok(options.instrument_id) };
    let ids = metadata.map(|metadata| metadata.instruments_of(symbol)).unwrap_or_default();
    match (ids.as_slice(), options.instrument_id) {
        ([], None) => {
            let found = fault("DBN018", name, "symbol", format!("\"{symbol}\""), "a symbol of the metadata");
            Err(Error::data(found.hint("pass instrument_id")))
        }
        (&[id], None) => Ok(Some(id)),
        (_, Some(id)) if ids.contains(&id) => Ok(Some(id)),
        (ids, _) => {
            let listed = list(ids.iter());
            let found = fault("DBN034", name, "symbol", format!("\"{symbol}\" for {listed}"), "one instrument");
            Err(Error::data(found.hint("pass instrument_id, one of them, without symbol")))
        }
    }
}

fn list<'a>(ids: impl ExactSizeIterator<Item = &'a u32>) -> String {
    let more = ids.len().saturating_sub(NAMED);
    let named: Vec<String> = ids.take(NAMED).map(ToString::to_string).collect();
    let named = named.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// A tick in units of 1e-9.
fn tick_units(tick: f64, name: &str) -> Result<i64> {
    let units = tick * PRICE_SCALE as f64;
    let nearest = units.round();
    // Decimal ticks are not exact in binary: 0.01 is 10,000,000 units up to its last bits.
    let is_exact = (units - nearest).abs() <= 1e-6 * nearest.min(1.0) + 4.0 * f64::EPSILON * nearest.abs();
    if !(1.0..=9e18).contains(&nearest) || !is_exact {
        let expected = "a positive multiple of 1e-9";
        return Err(Error::config(fault("DBN023", name, "tick_size", tick.to_string(), expected)));
    }
    Ok(nearest as i64)
}

/// The first pass over a file.
struct Scan {
    framer: Framer,
    layout: Layout,
    length: u64,
    /// Times of the first and the last record.
    span: Option<(i64, i64)>,
    kept: Option<Records>,
    /// Greatest common divisor of the prices seen, while a tick is looked for.
    divisor: Option<u64>,
    /// A price, and whether another was seen.
    price: Option<i64>,
    has_two_prices: bool,
}

impl Scan {
    fn new(framer: Framer, layout: Layout, tick: Option<i64>, is_kept: bool) -> Self {
        Self {
            framer,
            layout,
            length: 0,
            span: None,
            kept: is_kept.then(|| Records { bytes: Vec::new(), runs: Vec::new() }),
            divisor: if tick.is_some() { None } else { Some(0) },
            price: None,
            has_two_prices: false,
        }
    }

    fn run(mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Self> {
        let mut packet = Packet::default();
        let stride = self.layout.stride;
        while self.framer.next(&mut packet)? {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            let records = packet.records();
            if let Some(divisor) = self.divisor
                && self.length < TICK_RECORDS
            {
                self.divisor = Some(self.divide(divisor, records));
            }
            if let Some(kept) = &mut self.kept {
                if kept.bytes.len() + records.len() > IN_MEMORY {
                    self.kept = None;
                } else {
                    let before = kept.bytes.len() / stride;
                    kept.bytes.extend_from_slice(records);
                    for run in packet.runs() {
                        push_run(&mut kept.runs, Run { index: before + run.index, ..*run }, stride);
                    }
                }
            }
            if let Some(last) = records.chunks_exact(stride).last() {
                let (first, last) = (int64(records, self.layout.ts_at), int64(last, self.layout.ts_at));
                self.span = Some((self.span.map_or(first, |span| span.0), last));
            }
            self.length += (records.len() / stride) as u64;
        }
        Ok(self)
    }

    /// The divisor with the prices of more records.
    fn divide(&mut self, mut divisor: u64, records: &[u8]) -> u64 {
        let layout = self.layout;
        let room = (TICK_RECORDS - self.length) as usize;
        let mut seen = vec![NO_FIXED_PRICE; 1 + 2 * layout.levels];
        for record in records.chunks_exact(layout.stride).take(room) {
            let levels = (0..2 * layout.levels).map(|k| layout.levels_at + k / 2 * PAIR + k % 2 * 8);
            for (at, before) in std::iter::once(layout.price_at).chain(levels).zip(&mut seen) {
                let price = int64(record, at);
                // Most prices are those of the record before.
                if price == NO_FIXED_PRICE || price == *before {
                    continue;
                }
                *before = price;
                self.has_two_prices |= self.price.is_some_and(|other| other != price);
                self.price = Some(price);
                divisor = greatest_common_divisor(divisor, price.unsigned_abs());
            }
        }
        divisor
    }

    fn instrument(&self, chosen: Option<u32>, name: &str) -> Result<u32> {
        let ids = &self.framer.other_ids;
        match (self.framer.instrument_id(), chosen) {
            (Some(_), None) if !ids.is_empty() => {
                let mut ids = ids.clone();
                ids.extend(self.framer.instrument_id());
                let found = fault("DBN016", name, "instrument_id", list(ids.iter()), "one instrument");
                Err(Error::data(found.hint("pass instrument_id or symbol")))
            }
            (Some(id), _) if self.length > 0 => Ok(id),
            (_, Some(id)) if !ids.is_empty() => {
                let found =
                    fault("DBN017", name, "instrument_id", id.to_string(), format!("one of {}", list(ids.iter())));
                Err(Error::data(found))
            }
            _ => {
                let schema = self.layout.header[1];
                let found = fault("DBN035", name, "records", "none", format!("records of type {schema:#04x}"));
                Err(Error::data(found))
            }
        }
    }

    fn grid(&self, tick: Option<i64>, name: &str) -> Result<Grid> {
        let derived = self.divisor.filter(|_| self.has_two_prices).and_then(|divisor| i64::try_from(divisor).ok());
        tick.or(derived).and_then(Grid::new).ok_or_else(|| {
            let value = if self.price.is_some() { "none, all prices are equal" } else { "none, there are no prices" };
            let found = fault("DBN024", name, "tick_size", value, "a tick, or two prices to derive it from");
            Error::data(found.hint("pass tick_size"))
        })
    }
}

const PAIR: usize = size_of::<BidAskPair>();

/// Appends a run unless it goes on where the last one ends.
fn push_run(runs: &mut Vec<Run>, run: Run, stride: usize) {
    if let Some(last) = runs.last() {
        let after = (run.index - last.index) as u64;
        if last.position.byte + after * stride as u64 == run.position.byte {
            return;
        }
    }
    runs.push(run);
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Hands the records of a tape to `use_it` one by one: what the vendor calls them, in ticks, with the levels that come
/// with each.
///
/// # Errors
/// `Error::Data` for a price off the grid, the reader's errors, `Error::Interrupted` when `go_on` says no.
pub fn for_each(
    tape: &DbnTape,
    go_on: &mut dyn FnMut() -> bool,
    use_it: &mut dyn FnMut(&Event, &[Level]),
) -> Result<()> {
    let layout = tape.layout;
    let mut levels = Vec::with_capacity(layout.levels);
    let mut blocks = tape.blocks()?;
    while let Some(block) = blocks.next_block()? {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        for (i, record) in block.records.chunks_exact(layout.stride).enumerate() {
            let ticks = |price: i64, none: i64, field: &str| match tape.grid.ticks(price) {
                _ if price == NO_FIXED_PRICE => Ok(none),
                Some(ticks) => Ok(ticks),
                None => Err(tape.off_grid(block.position(i), field, price)),
            };
            let event = Event {
                ts: int64(record, layout.ts_at),
                price: ticks(int64(record, layout.price_at), NO_PRICE, "price")?,
                size: i64::from(uint32(record, layout.size_at)),
                order_id: layout.order_id_at.map_or(0, |at| int64(record, at) as u64),
                participant: 0,
                action: layout.action_at.map_or(action::NONE, |at| record[at]),
                side: record[layout.side_at],
                flags: record[layout.flags_at],
            };
            levels.clear();
            for k in 0..layout.levels {
                let pair = &record[layout.levels_at + k * PAIR..layout.levels_at + (k + 1) * PAIR];
                levels.push(Level {
                    bid_price: ticks(int64(pair, offset_of!(BidAskPair, bid_px)), Level::EMPTY.bid_price, "bid_px")?,
                    ask_price: ticks(int64(pair, offset_of!(BidAskPair, ask_px)), Level::EMPTY.ask_price, "ask_px")?,
                    bid_size: i64::from(uint32(pair, offset_of!(BidAskPair, bid_sz))),
                    ask_size: i64::from(uint32(pair, offset_of!(BidAskPair, ask_sz))),
                });
            }
            use_it(&event, &levels);
        }
    }
    Ok(())
}

/// The records of a tape as columns.
///
/// # Errors
/// As `for_each`.
pub fn columns(tape: &DbnTape, go_on: &mut dyn FnMut() -> bool) -> Result<EventColumns> {
    let mut columns = EventColumns { depth_levels: tape.layout.levels, ..EventColumns::default() };
    let has_orders = tape.layout.order_id_at.is_some();
    for_each(tape, go_on, &mut |event, levels| {
        if has_orders {
            columns.push_order(event);
        } else {
            columns.push_with_depth(event, levels);
        }
    })?;
    Ok(columns)
}
