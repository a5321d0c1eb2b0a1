use plume_primitives::Gas;
use secp256k1::ecdsa::Signature;
use secp256k1::{Message, PublicKey, SECP256K1};
use sha2::{Digest, Sha256};

use crate::public_key::type_urls;
use crate::scheme::{Item, SignatureScheme};

/// ECDSA over secp256k1 by libsecp256k1: 33-byte keys, 64-byte `r || s` over SHA-256 of the message, low S only.
#[derive(Debug, Clone, Copy, Default)]
pub struct Secp256k1;

impl SignatureScheme for Secp256k1 {
    fn name(&self) -> &'static str {
        "secp256k1"
    }

    fn type_url(&self) -> &'static str {
        type_urls::SECP256K1
    }

    fn default_gas(&self) -> Gas {
        Gas(1000)
    }

    fn verify(&self, item: Item<'_>) -> bool {
        // # Consensus
        // The library would take uncompressed keys as well; only the 33-byte form is a key here. It refuses high S by
        // itself, so a signature has no second form that anybody could make without the key.
        if item.key.len() != 33 || item.signature.len() != 64 {
            return false;
        }
        let (Ok(key), Ok(signature)) = (PublicKey::from_slice(item.key), Signature::from_compact(item.signature))
        else {
            return false;
        };
        let message = Message::from_digest(Sha256::digest(item.message).into());
        SECP256K1.verify_ecdsa(message, &signature, &key).is_ok()
    }
}
