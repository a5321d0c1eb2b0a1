use plume_primitives::Gas;

/// A key, a message and a signature to be checked together, each as plain bytes.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Public key as it stands on the wire.
    pub key: &'a [u8],
    /// Bytes that were signed, not hashed.
    pub message: &'a [u8],
    /// Signature as it stands on the wire.
    pub signature: &'a [u8],
}

/// A way to sign with a single key.
///
/// The verdict of [`verify`](Self::verify) and of [`verify_batch`](Self::verify_batch) is the same for every input, on
/// every machine: it decides whether a transaction is valid.
pub trait SignatureScheme: Send + Sync {
    /// Short name, as the gas location `ante verify: secp256k1` has it.
    fn name(&self) -> &'static str;

    /// Type URL of the public key.
    fn type_url(&self) -> &'static str;

    /// Gas that one verification costs unless genesis says otherwise.
    fn default_gas(&self) -> Gas;

    /// Whether `item` bears a valid signature. Malformed keys and signatures are simply not valid.
    fn verify(&self, item: Item<'_>) -> bool;

    /// Verdicts in the order of `items`.
    fn verify_batch(&self, items: &[Item<'_>]) -> Vec<bool> {
        items.iter().map(|item| self.verify(*item)).collect()
    }

    /// Number of items at which a batch stops getting cheaper per item; 1 if batches gain nothing.
    fn batch_size(&self) -> usize {
        1
    }
}
