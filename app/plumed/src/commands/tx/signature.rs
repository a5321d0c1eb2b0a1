//! The signature in the mode that the flags name.

use anyhow::Result;
use plume_client::sign_asking;
use plume_crypto::PrivateKey;
use plume_primitives::Bech32Prefix;
use plume_proto::cosmos::tx::v1beta1::Tx;

use super::flow::{Place, mode};
use crate::cli::TxArgs;
use crate::commands::query::Client;
use crate::home::Home;

/// Signs `tx` and enters the signature. Where the mode shows coins, the node is asked how they are written.
pub fn add(
    home: &Home,
    args: &TxArgs,
    tx: &mut Tx,
    key: &PrivateKey,
    place: &Place,
    prefix: &Bech32Prefix,
) -> Result<()> {
    let mut ask = |denom: &str| {
        if args.offline {
            return Err(format!("--offline, so nobody says how {denom} is written for people"));
        }
        let client = Client::of(home, &args.node).map_err(|error| error.to_string())?;
        client.rpc.denom_metadata(denom).map_err(|error| error.to_string())
    };
    sign_asking(tx, key, mode(args), &place.signer(), prefix, &mut ask)?;
    Ok(())
}
