//! C symbols of the detector, for hosts that are compiled: numba, cffi, C.
//!
//! A handle is a number and not an address: one that was never given out, or was freed, is noticed. Every function can
//! be called from any thread; two calls at once on one handle are refused.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, TryLockError};

use alvh_core::events::{Event, Feed};
use alvh_core::ignition::{IgnitionConfig, Stream};
use pyo3::prelude::*;

/// Detectors that can be open at once.
const SLOTS: usize = 4_096;

/// No such detector.
const BAD_HANDLE: i64 = -1;
/// Another call on the same detector is at work.
const BUSY: i64 = -2;
/// The event breaks a rule; the detector is unchanged.
const REFUSED: i64 = -3;
/// A defect of the library; the detector is closed.
const DEFECT: i64 = -4;

struct Slot {
    generation: u32,
    stream: Option<Box<Stream>>,
}

static DETECTORS: [Mutex<Slot>; SLOTS] = [const { Mutex::new(Slot { generation: 0, stream: None }) }; SLOTS];

/// Runs `work` on the slot of a handle; a panic does not cross into C.
fn with_slot<T>(handle: u64, work: impl FnOnce(&mut Slot) -> Result<T, i64>) -> Result<T, i64> {
    let slot = DETECTORS.get((handle as u32 as usize).wrapping_sub(1)).ok_or(BAD_HANDLE)?;
    let mut slot = match slot.try_lock() {
        Ok(slot) => slot,
        Err(TryLockError::WouldBlock) => return Err(BUSY),
        Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
    };
    if slot.generation != (handle >> 32) as u32 || slot.stream.is_none() {
        return Err(BAD_HANDLE);
    }
    catch_unwind(AssertUnwindSafe(|| work(&mut slot))).unwrap_or_else(|_| {
        slot.stream = None;
        Err(DEFECT)
    })
}

fn with_stream<T>(handle: u64, work: impl FnOnce(&mut Stream) -> Result<T, i64>) -> Result<T, i64> {
    with_slot(handle, |slot| slot.stream.as_mut().map_or(Err(BAD_HANDLE), |stream| work(stream)))
}

fn open(json: Option<&str>, feed: i64) -> Option<u64> {
    let feed = match feed {
        0 => Feed::Orders,
        1 => Feed::Levels,
        _ => return None,
    };
    let config = match json {
        Some(json) => IgnitionConfig::from_json(json).ok()?,
        None => IgnitionConfig::default(),
    };
    let stream = Box::new(Stream::new(config, feed).ok()?);
    for (i, slot) in DETECTORS.iter().enumerate() {
        if let Ok(mut slot) = slot.try_lock()
            && slot.stream.is_none()
        {
            slot.generation = slot.generation.wrapping_add(1);
            slot.stream = Some(stream);
            return Some(u64::from(slot.generation) << 32 | (i as u64 + 1));
        }
    }
    None
}

/// Opens a detector; 0 if it cannot be.
///
/// `json` are `length` bytes of a configuration, or null for the default one; `feed` is 0 for events of orders and 1
/// for events of price levels.
///
/// # Safety
/// `json` is null or points to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alvh_ignition_new(json: *const c_char, length: usize, feed: i64) -> u64 {
    catch_unwind(|| {
        if json.is_null() {
            return open(None, feed);
        }
        // SAFETY: the caller vouches for the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(json.cast::<u8>(), length) };
        std::str::from_utf8(bytes).ok().and_then(|json| open(Some(json), feed))
    })
    .ok()
    .flatten()
    .unwrap_or(0)
}

/// One event of a detector; the highest stage of any clock (0 idle, 1 armed, 2 ignited, 3 cascade), or -1 for a handle
/// that is none, -2 while another call is at work, -3 for an event that breaks a rule, -4 for a defect.
#[unsafe(no_mangle)]
pub extern "C" fn alvh_ignition_step(
    handle: u64,
    ts: i64,
    action: i64,
    side: i64,
    price: i64,
    size: i64,
    order_id: u64,
    flags: i64,
) -> i64 {
    let stage = with_stream(handle, |stream| {
        let (Ok(action), Ok(side), Ok(flags)) = (action.try_into(), side.try_into(), flags.try_into()) else {
            return Err(REFUSED);
        };
        let event = Event { ts, price, size, order_id, participant: 0, action, side, flags };
        stream.event(&event, &[]).map_err(|_| REFUSED)?;
        Ok(stream.detector().stage() as i64)
    });
    stage.unwrap_or_else(|code| code)
}

/// Largest score of an alarm that is going on, 0 to 100, else 0; NaN for a handle that is none or busy.
#[unsafe(no_mangle)]
pub extern "C" fn alvh_ignition_score(handle: u64) -> f64 {
    with_stream(handle, |stream| Ok(stream.detector().score())).unwrap_or(f64::NAN)
}

/// Closes a detector; 0, or the codes of `alvh_ignition_step`.
#[unsafe(no_mangle)]
pub extern "C" fn alvh_ignition_free(handle: u64) -> i64 {
    let freed = with_slot(handle, |slot| {
        slot.stream = None;
        Ok(0)
    });
    freed.unwrap_or_else(|code| code)
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CAPI_SLOTS", SLOTS)
}
