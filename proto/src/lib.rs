//! The protobuf interfaces that Plume serves: Rust types and descriptors.
//!
//! Every type stands under its proto package path, wherever its Rust comes from:
//! `cosmos.bank.v1beta1.MsgSend` is [`cosmos::bank::v1beta1::MsgSend`]. [`DESCRIPTOR_SET`] describes all of
//! them with their options (signers, amino names, scalars, HTTP rules).

pub use cosmos_sdk_proto::Any;
pub use prost;
pub use prost::{Message, Name};

/// Encoded `google.protobuf.FileDescriptorSet` of all sources and their imports, options included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!("descriptors.bin");

/// What the comments in the sources say, one line for each symbol that has one, sorted by name: its full name, a tab, and
/// the text, in which the two characters `\n` stand between paragraphs.
///
/// Apart from [`DESCRIPTOR_SET`], so that what travels to clients stays small, and only programs that show descriptions
/// carry them.
pub const COMMENTS: &str = include_str!("comments.tsv");

/// How command lines call the methods: names, positional arguments and short texts that the descriptors cannot say, as
/// the JSON of `cosmos.autocli.v1.AppOptionsResponse`. What it does not mention gets its command from the descriptor
/// alone.
pub const AUTOCLI: &str = include_str!("../autocli.json");

/// Returns the type URL under which `T` travels inside an `Any`, for example `/cosmos.bank.v1beta1.MsgSend`.
#[must_use]
pub fn type_url<T: Name>() -> String {
    format!("/{}", T::full_name())
}

/// Packs `message` into an `Any` under its [`type_url`].
#[must_use]
pub fn any<T: Message + Name>(message: &T) -> Any {
    Any { type_url: type_url::<T>(), value: message.encode_to_vec() }
}

/// Packages of the Cosmos SDK 0.50.
pub mod cosmos {
    /// How command lines present modules.
    pub mod autocli {
        /// Version 1.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1 {
            include!("gen/cosmos.autocli.v1.rs");
        }
    }
    /// Accounts.
    pub mod auth {
        pub use cosmos_sdk_proto::cosmos::auth::v1beta1;
    }
    /// Coins.
    pub mod bank {
        pub use cosmos_sdk_proto::cosmos::bank::v1beta1;
    }
    /// Types shared by several packages.
    pub mod base {
        pub use cosmos_sdk_proto::cosmos::base::v1beta1;
        /// Results of transactions.
        pub mod abci {
            pub use cosmos_sdk_proto::cosmos::base::abci::v1beta1;
        }
        /// The node and its settings.
        pub mod node {
            pub use cosmos_sdk_proto::cosmos::base::node::v1beta1;
        }
        /// Pagination.
        pub mod query {
            pub use cosmos_sdk_proto::cosmos::base::query::v1beta1;
        }
        /// Descriptions of the chain.
        pub mod reflection {
            pub use cosmos_sdk_proto::cosmos::base::reflection::{v1beta1, v2alpha1};
        }
        /// The consensus engine.
        pub mod tendermint {
            pub use cosmos_sdk_proto::cosmos::base::tendermint::v1beta1;
        }
    }
    /// Consensus parameters.
    pub mod consensus {
        /// Version 1.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1 {
            include!("gen/cosmos.consensus.v1.rs");
        }
    }
    /// Public keys.
    pub mod crypto {
        pub use cosmos_sdk_proto::cosmos::crypto::{ed25519, multisig, secp256k1};
    }
    /// Transactions.
    pub mod tx {
        pub use cosmos_sdk_proto::cosmos::tx::signing;
        /// Version 1 beta 1, with the fields of SDK 0.53 so that they can be recognised and refused.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1beta1 {
            include!("gen/cosmos.tx.v1beta1.rs");
        }
    }
    /// Upgrades of the chain.
    pub mod upgrade {
        pub use cosmos_sdk_proto::cosmos::upgrade::v1beta1;
    }
}

/// Packages that protobuf itself defines.
pub mod google {
    /// Well-known types.
    pub mod protobuf {
        pub use tendermint_proto::google::protobuf::{Any, Duration, Timestamp};
    }
}

/// Packages of gRPC itself.
pub mod grpc {
    /// Health of servers.
    pub mod health {
        /// Version 1.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1 {
            include!("gen/grpc.health.v1.rs");
        }
    }
    /// Reflection of servers.
    pub mod reflection {
        /// Version 1.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1 {
            include!("gen/grpc.reflection.v1.rs");
        }
        /// The version before, which most clients still ask for.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1alpha {
            include!("gen/grpc.reflection.v1alpha.rs");
        }
    }
}

/// Plume's own packages.
pub mod plume {
    /// Chain-wide parameters.
    pub mod params {
        /// Version 1.
        #[allow(missing_docs, reason = "described in the .proto sources")]
        pub mod v1 {
            include!("gen/plume.params.v1.rs");
        }
    }
}

/// Packages of CometBFT 0.38.
pub mod tendermint {
    pub use tendermint_proto::v0_38::{abci, crypto, p2p, types, version};
}

#[cfg(test)]
mod tests {
    use super::{cosmos, type_url};

    #[test]
    fn type_url_is_slash_and_full_name() {
        assert_eq!(type_url::<cosmos::bank::v1beta1::MsgSend>(), "/cosmos.bank.v1beta1.MsgSend");
        assert_eq!(type_url::<cosmos::tx::v1beta1::TxRaw>(), "/cosmos.tx.v1beta1.TxRaw");
    }
}
