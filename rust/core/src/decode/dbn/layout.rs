//! Where the fields of a record are: sizes and offsets of the structures of the `dbn` crate.

use std::mem::{offset_of, size_of};

use dbn::{
    BboMsg, CbboMsg, Cmbp1Msg, ImbalanceMsg, MboMsg, Mbp1Msg, Mbp10Msg, OhlcvMsg, RecordHeader, StatusMsg, TradeMsg,
    rtype, v1, v2, v3,
};

use super::{Clock, Schema};
use crate::events::LEVELS;

/// Bytes of the header of every record.
pub const HEADER: usize = size_of::<RecordHeader>();
/// Bytes of the send time that live streams append to every record.
pub const SEND_TIME: usize = size_of::<u64>();
/// An undefined price.
pub const NO_FIXED_PRICE: i64 = dbn::UNDEF_PRICE;
/// Units of a fixed-point price in one unit of the currency.
pub const PRICE_SCALE: i64 = dbn::FIXED_PRICE_SCALE;

/// The records of a schema: all of one length, all fields at fixed places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a record, with what is appended to it.
    pub stride: usize,
    /// First two bytes of every record: its length in words of 4 bytes, its type.
    pub header: [u8; 2],
    /// Where the tape's clock is (`i64`).
    pub ts_at: usize,
    /// Where the price is (`i64`, units of 1e-9).
    pub price_at: usize,
    /// Where the size is (`u32`).
    pub size_at: usize,
    /// Where the action is (`u8`); `None` when the records have none.
    pub action_at: Option<usize>,
    /// Where the side is (`u8`).
    pub side_at: usize,
    /// Where the flags are (`u8`).
    pub flags_at: usize,
    /// Where the order id is (`u64`); `None` when the records have none.
    pub order_id_at: Option<usize>,
    /// Where the first level is (`dbn::BidAskPair`).
    pub levels_at: usize,
    /// Number of levels.
    pub levels: usize,
}

impl Layout {
    /// The layout of the records of a schema; `appended` says whether a send time follows each.
    pub fn new(schema: Schema, clock: Clock, appended: bool) -> Self {
        let (size, levels) = match schema {
            Schema::Mbo => (size_of::<MboMsg>(), 0),
            Schema::Trades => (size_of::<TradeMsg>(), 0),
            Schema::Mbp1 | Schema::Tbbo => (size_of::<Mbp1Msg>(), 1),
            Schema::Bbo1s | Schema::Bbo1m => (size_of::<BboMsg>(), 1),
            Schema::Mbp10 => (size_of::<Mbp10Msg>(), LEVELS),
        };
        let stride = size + if appended { SEND_TIME } else { 0 };
        let by_price = Self {
            stride,
            header: [(stride / 4) as u8, rtype_of(schema)],
            ts_at: match clock {
                Clock::Receive => offset_of!(Mbp1Msg, ts_recv),
                Clock::Event => offset_of!(RecordHeader, ts_event),
            },
            price_at: offset_of!(Mbp1Msg, price),
            size_at: offset_of!(Mbp1Msg, size),
            action_at: Some(offset_of!(Mbp1Msg, action)),
            side_at: offset_of!(Mbp1Msg, side),
            flags_at: offset_of!(Mbp1Msg, flags),
            order_id_at: None,
            levels_at: offset_of!(Mbp1Msg, levels),
            levels,
        };
        match schema {
            Schema::Bbo1s | Schema::Bbo1m => Self { action_at: None, ..by_price },
            Schema::Mbo => Self {
                ts_at: match clock {
                    Clock::Receive => offset_of!(MboMsg, ts_recv),
                    Clock::Event => offset_of!(RecordHeader, ts_event),
                },
                price_at: offset_of!(MboMsg, price),
                size_at: offset_of!(MboMsg, size),
                action_at: Some(offset_of!(MboMsg, action)),
                side_at: offset_of!(MboMsg, side),
                flags_at: offset_of!(MboMsg, flags),
                order_id_at: Some(offset_of!(MboMsg, order_id)),
                ..by_price
            },
            _ => by_price,
        }
    }
}

const _: () = {
    // One set of offsets serves every record of market by price.
    assert!(offset_of!(Mbp1Msg, ts_recv) == offset_of!(Mbp10Msg, ts_recv));
    assert!(offset_of!(Mbp1Msg, ts_recv) == offset_of!(TradeMsg, ts_recv));
    assert!(offset_of!(Mbp1Msg, ts_recv) == offset_of!(BboMsg, ts_recv));
    assert!(offset_of!(Mbp1Msg, levels) == offset_of!(Mbp10Msg, levels));
    assert!(offset_of!(Mbp1Msg, levels) == offset_of!(BboMsg, levels));
    assert!(offset_of!(Mbp1Msg, flags) == offset_of!(TradeMsg, flags));
    assert!(offset_of!(Mbp1Msg, flags) == offset_of!(BboMsg, flags));
    assert!(offset_of!(Mbp1Msg, side) == offset_of!(BboMsg, side));
    assert!(offset_of!(Mbp1Msg, price) == offset_of!(BboMsg, price));
    assert!(offset_of!(Mbp1Msg, size) == offset_of!(TradeMsg, size));
    assert!(offset_of!(RecordHeader, rtype) == 1);
    assert!(offset_of!(RecordHeader, instrument_id) == 4);
};

fn rtype_of(schema: Schema) -> u8 {
    match schema {
        Schema::Mbo => rtype::MBO,
        Schema::Mbp10 => rtype::MBP_10,
        // Trades with quotes were given a type of their own in version 4 only.
        Schema::Mbp1 | Schema::Tbbo => rtype::MBP_1,
        Schema::Trades => rtype::MBP_0,
        Schema::Bbo1s => rtype::BBO_1S,
        Schema::Bbo1m => rtype::BBO_1M,
    }
}

/// Records that gateways put between those of any schema.
pub fn is_between(kind: u8) -> bool {
    matches!(kind, rtype::STATUS | rtype::ERROR | rtype::SYMBOL_MAPPING | rtype::SYSTEM)
}

/// Bytes that a record of a type has in DBN versions 1, 2 and 3; `None` for unknown types.
pub fn sizes_of(kind: u8) -> Option<[usize; 3]> {
    Some(match kind {
        rtype::MBO => [size_of::<MboMsg>(); 3],
        rtype::MBP_0 => [size_of::<TradeMsg>(); 3],
        rtype::MBP_1 => [size_of::<Mbp1Msg>(); 3],
        rtype::MBP_10 => [size_of::<Mbp10Msg>(); 3],
        rtype::BBO_1S | rtype::BBO_1M => [size_of::<BboMsg>(); 3],
        rtype::CMBP_1 | rtype::TCBBO => [size_of::<Cmbp1Msg>(); 3],
        rtype::CBBO_1S | rtype::CBBO_1M => [size_of::<CbboMsg>(); 3],
        rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D | rtype::OHLCV_EOD => {
            [size_of::<OhlcvMsg>(); 3]
        }
        rtype::STATUS => [size_of::<StatusMsg>(); 3],
        rtype::IMBALANCE => [size_of::<ImbalanceMsg>(); 3],
        rtype::INSTRUMENT_DEF => {
            [size_of::<v1::InstrumentDefMsg>(), size_of::<v2::InstrumentDefMsg>(), size_of::<v3::InstrumentDefMsg>()]
        }
        rtype::STATISTICS => [size_of::<v1::StatMsg>(), size_of::<v2::StatMsg>(), size_of::<v3::StatMsg>()],
        rtype::ERROR => [size_of::<v1::ErrorMsg>(), size_of::<v2::ErrorMsg>(), size_of::<v3::ErrorMsg>()],
        rtype::SYMBOL_MAPPING => {
            [size_of::<v1::SymbolMappingMsg>(), size_of::<v2::SymbolMappingMsg>(), size_of::<v3::SymbolMappingMsg>()]
        }
        rtype::SYSTEM => [size_of::<v1::SystemMsg>(), size_of::<v2::SystemMsg>(), size_of::<v3::SystemMsg>()],
        _ => return None,
    })
}

/// Eight bytes as an integer.
#[inline(always)]
pub fn int64(bytes: &[u8], at: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(word)
}

/// Four bytes as an integer.
#[inline(always)]
pub fn uint32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}
