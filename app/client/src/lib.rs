//! Keyring, transaction building and RPC client.
