use std::fmt;

use plume_codec::{decode_json, encode_json};
use plume_crypto::{PrivateKey, PublicKey};
use plume_primitives::{Address, Bech32Prefix};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// What a keyring knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Public and secret half.
    Local,
    /// A threshold key over others.
    Multi,
    /// Only the public half.
    Offline,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Multi => "multi",
            Self::Offline => "offline",
        })
    }
}

/// A key's name and public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name in the keyring.
    pub name: String,
    /// What the keyring knows of it.
    pub kind: KeyKind,
    /// The public key.
    pub public_key: PublicKey,
}

/// A key as `keys show` and `keys list` print it; field names and order are the SDK's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyOutput {
    /// Name in the keyring.
    pub name: String,
    /// `local`, `multi` or `offline`.
    #[serde(rename = "type")]
    pub kind: KeyKind,
    /// Account address.
    pub address: String,
    /// Public key as JSON text.
    pub pubkey: String,
    /// The words of a key just created; printed once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mnemonic: Option<String>,
}

impl Record {
    /// The account's address.
    pub fn address(&self) -> Address {
        self.public_key.address()
    }

    /// The form that is printed.
    pub fn output(&self, prefix: &Bech32Prefix) -> KeyOutput {
        KeyOutput {
            name: self.name.clone(),
            kind: self.kind,
            address: prefix.account(&self.address()),
            pubkey: public_key_json(&self.public_key).to_string(),
            mnemonic: None,
        }
    }
}

/// `{"@type":"/cosmos.crypto.secp256k1.PubKey","key":".."}`.
pub fn public_key_json(key: &PublicKey) -> Value {
    encode_json(&key.to_any()).expect("public keys are among the descriptors")
}

/// Reads [`public_key_json`].
///
/// # Errors
/// What is wrong with the JSON or the key.
pub fn public_key_from_json(json: &Value) -> Result<PublicKey, String> {
    let any = decode_json(json).map_err(|error| error.to_string())?;
    PublicKey::from_any(&any).map_err(|error| error.to_string())
}

/// What is stored of a key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    name: String,
    #[serde(rename = "type")]
    kind: KeyKind,
    pubkey: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    secret: Option<Zeroizing<String>>,
}

const VERSION: u32 = 1;

/// The stored form, secret in hexadecimal included.
pub(super) fn to_bytes(record: &Record, secret: Option<&PrivateKey>) -> Zeroizing<Vec<u8>> {
    let stored = Stored {
        version: VERSION,
        name: record.name.clone(),
        kind: record.kind,
        pubkey: public_key_json(&record.public_key),
        secret: secret.map(|key| Zeroizing::new(hex::encode(key.secret_bytes()))),
    };
    Zeroizing::new(serde_json::to_vec_pretty(&stored).expect("strings and numbers have JSON"))
}

/// Reads the stored form and checks that its parts fit together.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<(Record, Option<PrivateKey>), String> {
    let stored: Stored =
        serde_json::from_slice(bytes).map_err(|error| format!("not a key of this keyring: {error}"))?;
    if stored.version != VERSION {
        return Err(format!("written by another version of this program (format {})", stored.version));
    }
    let public_key = public_key_from_json(&stored.pubkey)?;
    let secret = match (&stored.secret, &public_key) {
        (None, _) => None,
        (Some(secret), PublicKey::Secp256k1(_)) => {
            let bytes = Zeroizing::new(hex::decode(secret.as_str()).map_err(|_| "damaged secret".to_owned())?);
            Some(PrivateKey::secp256k1(&bytes).map_err(|error| error.to_string())?)
        }
        (Some(secret), _) => {
            let bytes = Zeroizing::new(hex::decode(secret.as_str()).map_err(|_| "damaged secret".to_owned())?);
            Some(PrivateKey::ed25519(&bytes).map_err(|error| error.to_string())?)
        }
    };
    // # Security
    // A file whose public key was exchanged would make the owner hand out a foreign address.
    if secret.as_ref().is_some_and(|secret| secret.public_key() != public_key) {
        return Err("public key and secret do not belong together".to_owned());
    }
    if (stored.kind == KeyKind::Local) != secret.is_some() {
        return Err(format!(
            "a key of type {} {} a secret",
            stored.kind,
            if secret.is_some() { "has" } else { "lacks" }
        ));
    }
    Ok((Record { name: stored.name, kind: stored.kind, public_key }, secret))
}
