//! A stream as bytes: versioned, checksummed, exact to the last bit.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Live;
use crate::error::{Error, Fault, Result};

/// What the bytes begin with: the format's name, then its version. The version goes up with every change of what is
/// kept, and a test notices such a change.
const MAGIC: &[u8; 7] = b"alvhIGN";
const VERSION: u8 = 1;

const HEADER: usize = MAGIC.len() + 1;
const CHECKSUM: usize = 32;

fn refused(field: &str, value: String, expected: String) -> Error {
    Error::decode(Fault::new("IGN004", "state", field, value, expected).hint("states come from state_dict or pickle"))
}

fn pack(state: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    let mut bytes = postcard::to_extend(state, bytes).map_err(|error| {
        Error::internal(Fault::new("INT005", "core", "state", error.to_string(), "a state that can be written"))
    })?;
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let length = || format!("{} bytes", bytes.len());
    if bytes.len() < HEADER + CHECKSUM || &bytes[..MAGIC.len()] != MAGIC {
        return Err(refused("header", length(), "the state of a detector".to_owned()));
    }
    let version = bytes[MAGIC.len()];
    if version != VERSION {
        return Err(refused("version", version.to_string(), format!("{VERSION}, that of this release")));
    }
    let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
    if Sha256::digest(body).as_slice() != checksum {
        return Err(refused("checksum", length(), "bytes as they were written".to_owned()));
    }
    match postcard::take_from_bytes(&body[HEADER..]) {
        Ok((state, [])) => Ok(state),
        Ok((_, rest)) => Err(refused("content", format!("{} bytes more", rest.len()), "the state alone".to_owned())),
        Err(error) => Err(refused("content", error.to_string(), "a sound state".to_owned())),
    }
}

impl Live {
    /// The whole state. A detector restored from it goes on as if there had been no pause.
    ///
    /// # Errors
    /// `Error::Internal` (`INT005`) if the state cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        pack(self)
    }

    /// A detector from its state.
    ///
    /// # Errors
    /// `Error::Decode` (`IGN004`) for bytes that are no state, of another version or damaged; `Error::Config` for a
    /// configuration that breaks a rule.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut live: Self = unpack(bytes)?;
        live.stream.detector_mut().resume()?;
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Feed, action, flag, side};
    use crate::ignition::IgnitionConfig;
    use crate::rng;

    fn flow(seed: u64, n: usize) -> Vec<Event> {
        let mut random = rng::Stream::new(seed, rng::Domain::Bootstrap, 9);
        let mut ts = 1_700_000_000_000_000_000;
        (0..n)
            .map(|_| {
                ts += i64::from(random.below(40_000_000));
                let is_bid = random.below(2) == 0;
                let away = i64::from(random.below(15));
                let actions = [action::ADD, action::ADD, action::CANCEL, action::MODIFY, action::TRADE];
                Event {
                    ts,
                    price: if is_bid { 1_000 - away } else { 1_001 + away },
                    size: 1 + i64::from(random.below(9)),
                    order_id: u64::from(random.below(200)),
                    participant: u64::from(random.below(4)),
                    action: actions[random.below(5) as usize],
                    side: if is_bid { side::BID } else { side::ASK },
                    flags: if random.below(8) == 0 { 0 } else { flag::LAST },
                }
            })
            .collect()
    }

    fn live(feed: Feed) -> Live {
        let config = IgnitionConfig {
            warm_up: 0.01,
            volume_ratio: [0.5; 3],
            push_z: [1.0; 3],
            velocity_z: [0.1; 3],
            thinning: 2.0,
            move_bp: [0.0; 3],
            ..IgnitionConfig::default()
        };
        Live::new(config, feed, None, true).expect("a good configuration")
    }

    #[test]
    fn a_restored_stream_goes_on_bit_by_bit() {
        let events = flow(3, 30_000);
        for feed in [Feed::Orders, Feed::Levels] {
            let mut whole = live(feed);
            let mut resumed = live(feed);
            for (i, event) in events.iter().enumerate() {
                if i % 3_001 == 0 {
                    let bytes = resumed.to_bytes().expect("bytes");
                    assert_eq!(bytes, whole.to_bytes().expect("bytes"), "event {i}");
                    resumed = Live::from_bytes(&bytes).expect("a state");
                }
                whole.stream.event(event, &[]).expect("in order");
                resumed.stream.event(event, &[]).expect("in order");
            }
            assert_eq!(whole.to_bytes(), resumed.to_bytes());
            assert!(whole.stream.detector().transitions().len() > 10 && !whole.stream.detector().timeline().is_empty());
        }
    }

    #[test]
    fn damaged_and_foreign_states_are_refused() {
        let mut live = live(Feed::Orders);
        flow(5, 2_000).iter().for_each(|event| live.stream.event(event, &[]).expect("in order"));
        let bytes = live.to_bytes().expect("bytes");
        for length in 0..bytes.len() {
            assert!(Live::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let error = Live::from_bytes(&damaged).expect_err("damaged").to_string();
            assert!(error.starts_with("IGN004 state "), "{error}");
        }
        assert!(Live::from_bytes(&[bytes.as_slice(), b"x"].concat()).is_err());
    }

    /// Names of all fields, in their order.
    fn names(value: &serde_json::Value, path: &str, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| names(field, &format!("{path}.{name}"), into));
            }
            serde_json::Value::Array(items) => items.iter().take(1).for_each(|item| names(item, path, into)),
            _ => into.push(path.to_owned()),
        }
    }

    #[test]
    fn the_version_stands_for_what_is_kept() {
        let mut live = live(Feed::Orders);
        flow(7, 20_000).iter().for_each(|event| live.stream.event(event, &[]).expect("in order"));
        let mut fields = Vec::new();
        names(&serde_json::to_value(&live).expect("JSON"), "", &mut fields);
        fields.sort_unstable();
        let digest = Sha256::digest(fields.join("\n"));
        let found = format!("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
        assert_eq!(
            (VERSION, found.as_str()),
            (1, "fd436f71"),
            "the state changed: raise VERSION if a release has it, then pin this"
        );
    }
}
