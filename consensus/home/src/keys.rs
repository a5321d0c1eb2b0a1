//! Validator and node keys, in the JSON that CometBFT reads and writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_consensus::{Signature, SigningKey, VerificationKey};
use plume_engine::ValidatorKey;
use plume_primitives::{Address, Bech32Prefix};
use ripemd::Ripemd160;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ED25519_PRIVATE: &str = "tendermint/PrivKeyEd25519";
const ED25519_PUBLIC: &str = "tendermint/PubKeyEd25519";
const SECP256K1_PUBLIC: &str = "tendermint/PubKeySecp256k1";

/// A key that is not in CometBFT's form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The type name is another one.
    #[error("unsupported key type {0:?}")]
    Kind(String),
    /// Not base64, or not the length that the type has.
    #[error("{0} is not the base64 text of a key of its length")]
    Value(&'static str),
    /// The second half of a private key is not the public key of the first.
    #[error("private key holds a public key that does not belong to it")]
    Mismatch,
}

/// The `{"type": .., "value": ..}` form that CometBFT's JSON gives to keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedKey {
    /// Name under which the key type is registered.
    #[serde(rename = "type")]
    pub kind: String,
    /// Base64 of the key.
    pub value: String,
}

impl From<&ValidatorKey> for TypedKey {
    fn from(key: &ValidatorKey) -> Self {
        let (kind, bytes): (_, &[u8]) = match key {
            ValidatorKey::Ed25519(bytes) => (ED25519_PUBLIC, bytes),
            ValidatorKey::Secp256k1(bytes) => (SECP256K1_PUBLIC, bytes),
        };
        Self { kind: kind.to_owned(), value: STANDARD.encode(bytes) }
    }
}

impl TryFrom<&TypedKey> for ValidatorKey {
    type Error = KeyError;

    fn try_from(key: &TypedKey) -> Result<Self, KeyError> {
        match key.kind.as_str() {
            ED25519_PUBLIC => decode(&key.value, ED25519_PUBLIC).map(Self::Ed25519),
            SECP256K1_PUBLIC => decode(&key.value, SECP256K1_PUBLIC).map(Self::Secp256k1),
            _ => Err(KeyError::Kind(key.kind.clone())),
        }
    }
}

fn decode<const N: usize>(value: &str, kind: &'static str) -> Result<[u8; N], KeyError> {
    STANDARD.decode(value).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Value(kind))
}

/// Consensus address of a validator key, 20 bytes: SHA-256 cut for ed25519, RIPEMD-160 of SHA-256
/// for secp256k1.
pub fn consensus_address(key: &ValidatorKey) -> [u8; 20] {
    match key {
        ValidatorKey::Ed25519(bytes) => {
            let digest: [u8; 32] = Sha256::digest(bytes).into();
            *digest.first_chunk().expect("20 of 32 bytes")
        }
        ValidatorKey::Secp256k1(bytes) => Ripemd160::digest(Sha256::digest(bytes)).into(),
    }
}

/// The SDK's JSON of a consensus key, what `comet show-validator` prints.
pub fn sdk_json(key: &ValidatorKey) -> String {
    let (name, bytes): (_, &[u8]) = match key {
        ValidatorKey::Ed25519(bytes) => ("ed25519", bytes),
        ValidatorKey::Secp256k1(bytes) => ("secp256k1", bytes),
    };
    format!(r#"{{"@type":"/cosmos.crypto.{name}.PubKey","key":"{}"}}"#, STANDARD.encode(bytes))
}

/// The bech32 form of a validator's consensus address, what `comet show-address` prints.
pub fn valcons(key: &ValidatorKey, prefix: &Bech32Prefix) -> String {
    prefix.consensus(&Address::new(&consensus_address(key)).expect("20 bytes"))
}

/// An ed25519 key pair of a validator or of a node.
#[derive(Clone)]
pub struct KeyPair {
    seed: [u8; 32],
    public: [u8; 32],
}

impl KeyPair {
    /// A new key from the system's randomness.
    pub fn generate() -> Self {
        Self::from_signing_key(&SigningKey::new(rand::rngs::OsRng))
    }

    /// The key of a given seed, for reproducible test networks.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::from_signing_key(&SigningKey::from(seed))
    }

    fn from_signing_key(key: &SigningKey) -> Self {
        Self { seed: key.to_bytes(), public: key.verification_key().to_bytes() }
    }

    /// The public half.
    pub fn public(&self) -> ValidatorKey {
        ValidatorKey::Ed25519(self.public)
    }

    /// The p2p identity: lower-case hex of the address.
    pub fn node_id(&self) -> String {
        hex::encode(consensus_address(&self.public()))
    }

    /// Ed25519 signature (RFC 8032) of these bytes; the same key and bytes give the same signature.
    ///
    /// # Security
    /// Checks nothing: whatever consensus signs goes through [`crate::sign_state::SignState`].
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        SigningKey::from(self.seed).sign(bytes).to_bytes()
    }

    /// Whether this is a signature of the pair's key over these bytes (ZIP-215 rules, as consensus engines use).
    pub fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        VerificationKey::try_from(self.public).is_ok_and(|key| key.verify(&Signature::from(*signature), bytes).is_ok())
    }

    /// CometBFT's private form: seed, then public key.
    fn private(&self) -> TypedKey {
        TypedKey { kind: ED25519_PRIVATE.to_owned(), value: STANDARD.encode([self.seed, self.public].concat()) }
    }

    fn from_private(key: &TypedKey) -> Result<Self, KeyError> {
        if key.kind != ED25519_PRIVATE {
            return Err(KeyError::Kind(key.kind.clone()));
        }
        let bytes: [u8; 64] = decode(&key.value, ED25519_PRIVATE)?;
        let pair = Self::from_seed(*bytes.first_chunk().expect("32 of 64 bytes"));
        if bytes[32..] == pair.public { Ok(pair) } else { Err(KeyError::Mismatch) }
    }

    /// Text of `priv_validator_key.json`.
    pub fn to_validator_json(&self) -> String {
        let file = ValidatorKeyFile {
            address: hex::encode_upper(consensus_address(&self.public())),
            pub_key: TypedKey::from(&self.public()),
            priv_key: self.private(),
        };
        serde_json::to_string_pretty(&file).expect("strings only")
    }

    /// Text of `node_key.json`.
    pub fn to_node_json(&self) -> String {
        serde_json::to_string(&NodeKeyFile { priv_key: self.private() }).expect("strings only")
    }

    /// Reads `priv_validator_key.json` or `node_key.json`; like CometBFT, trusts the private key
    /// only.
    ///
    /// # Errors
    /// The JSON error or [`KeyError`], as text.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let file: AnyKeyFile = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Self::from_private(&file.priv_key).map_err(|error| error.to_string())
    }
}

impl core::fmt::Debug for KeyPair {
    /// # Security
    /// Without the seed: keys end up in logs through derived formatting.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyPair").field("public", &hex::encode(self.public)).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct ValidatorKeyFile {
    address: String,
    pub_key: TypedKey,
    priv_key: TypedKey,
}

#[derive(Serialize)]
struct NodeKeyFile {
    priv_key: TypedKey,
}

#[derive(Deserialize)]
struct AnyKeyFile {
    priv_key: TypedKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by CometBFT v0.38.25 (`cometbft init`).
    const VALIDATOR: &str = r#"{
  "address": "46D27F8EC328C3AB5C171534A98CE110B283ABD7",
  "pub_key": {
    "type": "tendermint/PubKeyEd25519",
    "value": "F3yt1unysL5OHGO1TFnNqehywUaIbpS0F/5TER1P49o="
  },
  "priv_key": {
    "type": "tendermint/PrivKeyEd25519",
    "value": "4uzFhoZ7ksfIoIVwd1MJkEXxTaaChFhVhQdawH5t09wXfK3W6fKwvk4cY7VMWc2p6HLBRohulLQX/lMRHU/j2g=="
  }
}"#;

    #[test]
    fn validator_key_file_is_cometbfts_byte_for_byte() {
        let pair = KeyPair::from_json(VALIDATOR.as_bytes()).expect("CometBFT's own file");
        assert_eq!(pair.to_validator_json(), VALIDATOR);
        assert_eq!(
            sdk_json(&pair.public()),
            r#"{"@type":"/cosmos.crypto.ed25519.PubKey","key":"F3yt1unysL5OHGO1TFnNqehywUaIbpS0F/5TER1P49o="}"#
        );
        let prefix = Bech32Prefix::new("plume").expect("valid prefix");
        let address = valcons(&pair.public(), &prefix);
        assert_eq!(
            prefix.parse_consensus(&address).map(|a| hex::encode_upper(a.as_bytes())),
            Ok("46D27F8EC328C3AB5C171534A98CE110B283ABD7".to_owned())
        );
        assert!(address.starts_with("plumevalcons1"), "{address}");
    }

    #[test]
    fn node_key_file_is_cometbfts_byte_for_byte() {
        let text = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"Yi/gZ3ue96K7mso7Hjp3B741wI5mS9cInVh4AFWMQCm2l+TLyPYNHo6L/4Pma/CvoI1Oax4ulqvoBZ4oHNEJrw=="}}"#;
        let pair = KeyPair::from_json(text.as_bytes()).expect("CometBFT's own file");
        assert_eq!(pair.to_node_json(), text);
        assert_eq!(pair.node_id().len(), 40);
    }

    #[test]
    fn secp256k1_address_is_bitcoins() {
        // Generator point; its key hash is widely published.
        let key: [u8; 33] = hex::decode("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
            .expect("hex")
            .try_into()
            .expect("33 bytes");
        assert_eq!(
            hex::encode(consensus_address(&ValidatorKey::Secp256k1(key))),
            "751e76e8199196d454941c45d1b3a323f1433bd6"
        );
    }

    #[test]
    fn keys_of_other_kinds_and_damaged_ones_are_refused() {
        let with = |kind: &str, value: &str| {
            KeyPair::from_private(&TypedKey { kind: kind.to_owned(), value: value.to_owned() }).map(|_| ())
        };
        let mut bytes = [KeyPair::from_seed([1; 32]).seed, [9; 32]].concat();
        assert_eq!(with(ED25519_PRIVATE, &STANDARD.encode(&bytes)), Err(KeyError::Mismatch));
        bytes.pop();
        assert_eq!(with(ED25519_PRIVATE, &STANDARD.encode(&bytes)), Err(KeyError::Value(ED25519_PRIVATE)));
        assert_eq!(
            with("tendermint/PrivKeySecp256k1", ""),
            Err(KeyError::Kind("tendermint/PrivKeySecp256k1".to_owned()))
        );
        assert!(!format!("{:?}", KeyPair::from_seed([1; 32])).contains("0101"));
    }
}
