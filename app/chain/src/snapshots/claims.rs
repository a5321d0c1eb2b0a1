//! What a chain needs beside its committed state, and how a snapshot's metadata carries it.
//!
//! These records stand outside the app hash (`records.rs`), so nothing in a snapshot proves them: the metadata claims them,
//! and the engine's verified headers decide (`docs/spec/state-snapshots.md`).

use plume_engine::{Fatal, TrustedState, ValidatorKey, ValidatorUpdate};
use plume_primitives::{Height, Timestamp};
use plume_state::{KvRead, MAX_MANIFEST_BYTES};

use crate::records::{self, Origin};

/// The most validators of a chain (CometBFT `MaxVotesCount`).
const MAX_VALIDATORS: u32 = 10_000;
/// The longest metadata: a manifest and the greatest claims (id, heights, validators of at most 42 bytes each).
pub(super) const MAX_METADATA_BYTES: usize = MAX_MANIFEST_BYTES + 1024 + 42 * MAX_VALIDATORS as usize;

/// The records of a chain outside its committed state, after some block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub origin: Origin,
    /// Time of the block.
    pub time: Timestamp,
    /// Ascending by kind of key and key.
    pub validators: Vec<ValidatorUpdate>,
}

/// Metadata that says something else than the verified headers, or nothing that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidClaims {
    #[error("the snapshot's metadata is malformed: {0}")]
    Malformed(&'static str),
    #[error("the snapshot is of chain {found}, this is {expected}")]
    ChainId { found: String, expected: String },
    #[error("the snapshot claims initial height {found}, the chain's is {expected}")]
    InitialHeight { found: Height, expected: Height },
    #[error("the snapshot claims another time than its block's header")]
    Time,
    #[error("the snapshot claims other validators than the verified ones")]
    Validators,
}

impl Claims {
    /// What `state` holds; it has had a block.
    pub fn read(state: &(impl KvRead + ?Sized)) -> Result<Self, Fatal> {
        let origin = records::origin(state)?.ok_or_else(|| Fatal::new("a snapshot of a chain without genesis"))?;
        let mut validators = records::validators(state)?;
        validators.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(Self { origin, time: records::time(state)?, validators })
    }

    /// Checks the claims against what the engine has verified.
    pub fn require(&self, trusted: &TrustedState) -> Result<(), InvalidClaims> {
        if self.origin.chain_id != trusted.chain_id {
            let (found, expected) = (self.origin.chain_id.clone(), trusted.chain_id.clone());
            return Err(InvalidClaims::ChainId { found, expected });
        }
        if self.origin.initial_height != trusted.initial_height {
            let (found, expected) = (self.origin.initial_height, trusted.initial_height);
            return Err(InvalidClaims::InitialHeight { found, expected });
        }
        if trusted.time.is_some_and(|time| time != self.time) {
            return Err(InvalidClaims::Time);
        }
        if let Some(validators) = &trusted.validators {
            let mut validators = validators.clone();
            validators.sort_by(|left, right| left.key.cmp(&right.key));
            if validators != self.validators {
                return Err(InvalidClaims::Validators);
            }
        }
        Ok(())
    }

    /// Appends the claims to metadata.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Fatal> {
        let count = u32::try_from(self.validators.len()).unwrap_or(u32::MAX);
        let id_len = u8::try_from(self.origin.chain_id.len());
        let (Ok(id_len), true) = (id_len, count <= MAX_VALIDATORS) else {
            return Err(Fatal::new(format!("a snapshot cannot hold a chain of {count} validators with this id")));
        };
        out.push(id_len);
        out.extend_from_slice(self.origin.chain_id.as_bytes());
        out.extend_from_slice(&self.origin.initial_height.get().to_be_bytes());
        out.extend_from_slice(&self.time.seconds().to_be_bytes());
        out.extend_from_slice(&self.time.nanos().to_be_bytes());
        out.extend_from_slice(&count.to_be_bytes());
        for ValidatorUpdate { key, power } in &self.validators {
            match key {
                ValidatorKey::Ed25519(key) => {
                    out.push(1);
                    out.extend_from_slice(key);
                }
                ValidatorKey::Secp256k1(key) => {
                    out.push(2);
                    out.extend_from_slice(key);
                }
            }
            out.extend_from_slice(&power.to_be_bytes());
        }
        Ok(())
    }

    /// Reads the claims at the start of metadata; gives the rest, the manifest.
    pub fn decode(raw: &[u8]) -> Result<(Self, &[u8]), InvalidClaims> {
        let malformed = InvalidClaims::Malformed;
        if raw.len() > MAX_METADATA_BYTES {
            return Err(malformed("too long"));
        }
        let mut rest = raw;
        let [id_len] = array(&mut rest)?;
        let (id, tail) = rest.split_at_checked(usize::from(id_len)).ok_or(malformed("truncated"))?;
        rest = tail;
        let chain_id = core::str::from_utf8(id).map_err(|_| malformed("chain id"))?.to_owned();
        let initial_height = Height(u64::from_be_bytes(array(&mut rest)?));
        let seconds = i64::from_be_bytes(array(&mut rest)?);
        let nanos = u32::from_be_bytes(array(&mut rest)?);
        let time = Timestamp::new(seconds, nanos).map_err(|_| malformed("time"))?;
        let count = u32::from_be_bytes(array(&mut rest)?);
        if count > MAX_VALIDATORS {
            return Err(malformed("number of validators"));
        }
        let mut validators: Vec<ValidatorUpdate> = Vec::new();
        for _ in 0..count {
            let key = match array(&mut rest)? {
                [1] => ValidatorKey::Ed25519(array(&mut rest)?),
                [2] => ValidatorKey::Secp256k1(array(&mut rest)?),
                _ => return Err(malformed("kind of a validator's key")),
            };
            let power = i64::from_be_bytes(array(&mut rest)?);
            if power <= 0 || validators.last().is_some_and(|last| last.key >= key) {
                return Err(malformed("validators"));
            }
            validators.push(ValidatorUpdate { key, power });
        }
        Ok((Self { origin: Origin { chain_id, initial_height }, time, validators }, rest))
    }
}

/// Takes the next `N` bytes.
pub(super) fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], InvalidClaims> {
    let (taken, tail) = rest.split_first_chunk().ok_or(InvalidClaims::Malformed("truncated"))?;
    *rest = tail;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        let validator = |key, power| ValidatorUpdate { key, power };
        Claims {
            origin: Origin { chain_id: "plume-test-1".to_owned(), initial_height: Height(7) },
            time: Timestamp::new(1_700_000_000, 5).unwrap(),
            validators: vec![
                validator(ValidatorKey::Ed25519([1; 32]), 10),
                validator(ValidatorKey::Ed25519([2; 32]), 20),
                validator(ValidatorKey::Secp256k1([0; 33]), 30),
            ],
        }
    }

    #[test]
    fn claims_have_one_encoding() {
        let mut raw = Vec::new();
        claims().encode(&mut raw).unwrap();
        assert_eq!(raw.len(), 1 + 12 + 8 + 12 + 4 + 2 * 41 + 42);
        raw.extend_from_slice(b"manifest");
        assert_eq!(Claims::decode(&raw), Ok((claims(), &b"manifest"[..])));
        for at in 0..raw.len() - 8 {
            assert!(Claims::decode(&raw[..at]).is_err(), "cut at {at}");
            for flip in [1, 0x80] {
                let mut forged = raw.clone();
                forged[at] ^= flip;
                if let Ok((other, _)) = Claims::decode(&forged) {
                    assert_ne!(other, claims());
                    let mut again = Vec::new();
                    other.encode(&mut again).unwrap();
                    assert!(forged.starts_with(&again));
                }
            }
        }
        assert!(Claims::decode(&vec![0; MAX_METADATA_BYTES + 1]).is_err());
    }

    #[test]
    fn verified_facts_decide() {
        let claims = claims();
        let mut validators = claims.validators.clone();
        validators.reverse();
        let trusted = TrustedState {
            app_hash: vec![0; 32].into(),
            chain_id: "plume-test-1".to_owned(),
            initial_height: Height(7),
            time: Some(claims.time),
            validators: Some(validators),
        };
        assert_eq!(claims.require(&trusted), Ok(()));
        assert_eq!(claims.require(&TrustedState { time: None, validators: None, ..trusted.clone() }), Ok(()));
        let refused = |trusted: TrustedState| claims.require(&trusted).unwrap_err();
        let other = TrustedState { chain_id: "other".to_owned(), ..trusted.clone() };
        assert!(matches!(refused(other), InvalidClaims::ChainId { .. }));
        let other = TrustedState { initial_height: Height(1), ..trusted.clone() };
        assert!(matches!(refused(other), InvalidClaims::InitialHeight { .. }));
        let other = TrustedState { time: Some(Timestamp::default()), ..trusted.clone() };
        assert_eq!(refused(other), InvalidClaims::Time);
        let other = TrustedState { validators: Some(claims.validators[1..].to_vec()), ..trusted };
        assert_eq!(refused(other), InvalidClaims::Validators);
    }
}
