//! Private keys as `keys export` writes them: ASCII armor around an encrypted amino key, so that they move between
//! this chain's wallet and every SDK 0.50 chain's.

use std::fmt::Write;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use plume_crypto::PrivateKey;
use rand::RngCore;
use rand::rngs::OsRng;
use thiserror::Error;
use zeroize::Zeroizing;

const BLOCK: &str = "TENDERMINT PRIVATE KEY";
/// Amino prefix and length of `tendermint/PrivKeySecp256k1`.
const SECP256K1: [u8; 5] = [0xe1, 0xb0, 0xf7, 0x9b, 32];

/// Why armored text gives no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArmorError {
    /// Not ASCII armor of a private key.
    #[error("not an armored private key: want a block that begins with -----BEGIN {BLOCK}-----")]
    NotArmor,
    /// The checksum line does not fit the text.
    #[error("the armored text is damaged: its checksum does not fit")]
    Checksum,
    /// A header that is missing or cannot be read.
    #[error("the armored text has no valid header {0:?}")]
    Header(&'static str),
    /// Encrypted in a way that is not supported.
    #[error(
        "unsupported key derivation {0:?}: export the key again with an SDK of version 0.50 or later, which uses argon2"
    )]
    Kdf(String),
    /// A key that is not secp256k1.
    #[error("unsupported kind of key {0:?}: only secp256k1")]
    KeyType(String),
    /// The passphrase is wrong, or the text was tampered with.
    #[error("invalid account password")]
    WrongPassword,
    /// Only secp256k1 keys have an armored form.
    #[error("only secp256k1 keys can be exported")]
    NotExportable,
}

/// Encrypts `key` with `passphrase`: Argon2id, then ChaCha20-Poly1305, in the SDK's format.
///
/// # Errors
/// [`ArmorError::NotExportable`] for an Ed25519 key.
pub fn encrypt_private_key(key: &PrivateKey, passphrase: &str) -> Result<String, ArmorError> {
    let PrivateKey::Secp256k1(secret) = key else {
        return Err(ArmorError::NotExportable);
    };
    let mut salt = [0; 16];
    OsRng.fill_bytes(&mut salt);
    let amino = Zeroizing::new([SECP256K1.as_slice(), secret.as_slice()].concat());
    let sealed = cipher(passphrase, &salt)
        .encrypt(&Nonce::default(), amino.as_slice())
        .expect("37 bytes are within the cipher's limit");
    let mut text =
        format!("-----BEGIN {BLOCK}-----\nkdf: argon2\nsalt: {}\ntype: secp256k1\n\n", hex::encode_upper(salt));
    let body = BASE64_STANDARD.encode(&sealed);
    for line in body.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    let checksum = BASE64_STANDARD.encode(crc24(&sealed));
    write!(text, "={checksum}\n-----END {BLOCK}-----").expect("writing to a string never fails");
    Ok(text)
}

/// Decrypts what [`encrypt_private_key`] or an SDK 0.50 wallet has exported.
///
/// # Errors
/// [`ArmorError`].
pub fn decrypt_private_key(text: &str, passphrase: &str) -> Result<PrivateKey, ArmorError> {
    let (headers, sealed) = dearmor(text)?;
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match header("kdf") {
        Some("argon2") => {}
        Some(other) => return Err(ArmorError::Kdf(other.to_owned())),
        None => return Err(ArmorError::Header("kdf")),
    }
    match header("type") {
        None | Some("" | "secp256k1") => {}
        Some(other) => return Err(ArmorError::KeyType(other.to_owned())),
    }
    let salt = header("salt").and_then(|salt| hex::decode(salt).ok()).ok_or(ArmorError::Header("salt"))?;
    // Argon2 takes 8 bytes at least; the SDK writes 16.
    if !(8..=64).contains(&salt.len()) {
        return Err(ArmorError::Header("salt"));
    }
    let amino = cipher(passphrase, &salt)
        .decrypt(&Nonce::default(), sealed.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| ArmorError::WrongPassword)?;
    let secret = amino.strip_prefix(&SECP256K1).ok_or(ArmorError::NotArmor)?;
    PrivateKey::secp256k1(secret).map_err(|_| ArmorError::NotArmor)
}

/// The SDK's parameters: Argon2id with one pass over 64 MiB in four lanes.
///
/// # Security
/// The nonce is all zero: each key encrypts one message, because each export draws a salt.
fn cipher(passphrase: &str, salt: &[u8]) -> ChaCha20Poly1305 {
    let params = Params::new(64 * 1024, 1, 4, Some(32)).expect("within Argon2's limits");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .expect("salt of at least 8 bytes, output of 32");
    ChaCha20Poly1305::new(Key::from_slice(key.as_slice()))
}

/// Header lines as name and value.
type Headers<'a> = Vec<(&'a str, &'a str)>;

/// Headers and content of the armor (RFC 4880 §6.2).
fn dearmor(text: &str) -> Result<(Headers<'_>, Vec<u8>), ArmorError> {
    let begin = format!("-----BEGIN {BLOCK}-----");
    let end = format!("-----END {BLOCK}-----");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != begin).skip(1);
    let mut headers = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        headers.push(line.split_once(": ").ok_or(ArmorError::NotArmor)?);
    }
    let (mut body, mut checksum, mut ended) = (String::new(), None, false);
    for line in lines {
        if line == end {
            ended = true;
            break;
        }
        match line.strip_prefix('=') {
            Some(sum) => checksum = Some(sum),
            None => body.push_str(line),
        }
    }
    if !ended {
        return Err(ArmorError::NotArmor);
    }
    let content = BASE64_STANDARD.decode(body).map_err(|_| ArmorError::NotArmor)?;
    // The checksum is optional in the standard.
    if checksum.is_some_and(|sum| sum != BASE64_STANDARD.encode(crc24(&content))) {
        return Err(ArmorError::Checksum);
    }
    Ok((headers, content))
}

/// RFC 4880 §6.1.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc = 0x00b7_04ce_u32;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    let [_, high, middle, low] = crc.to_be_bytes();
    [high, middle, low]
}
