//! Bytes as a DBN file: the first byte says what the caller says about it, the others are the file.
#![no_main]

use std::sync::Arc;

use alvh_core::decode::dbn::{Clock, Encoded, Options, Others, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, file)) = data.split_first() else { return };
    let options = Options {
        instrument_id: (choice & 1 != 0).then_some(7),
        symbol: (choice & 2 != 0).then(|| "TEST".to_owned()),
        schema: (choice & 4 != 0).then(|| ["mbo", "mbp-10", "mbp-1", "trades"][usize::from(choice >> 6)].to_owned()),
        tick_size: (choice & 8 != 0).then_some(0.25),
        clock: if choice & 16 != 0 { Clock::Event } else { Clock::Receive },
        others: if choice & 32 != 0 { Others::Raise } else { Others::Flag },
    };
    let tape = match read(Encoded::Bytes(Arc::from(file)), "fuzz", &options, &mut || true) {
        Ok(tape) => tape,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(['\n', '\r']) && text.len() < 500, "not one line: {text}");
            return;
        }
    };
    if let Ok(events) = tape.events(&mut || true) {
        assert_eq!(events.len(), tape.len());
        assert!(!tape.is_empty());
    }
});
