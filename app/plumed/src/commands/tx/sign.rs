use anyhow::{Context, Result};
use plume_client::{descriptors_to_json, sign_as_multisig_member};
use plume_proto::cosmos::tx::signing::v1beta1::SignatureDescriptor;

use super::flow::{Place, mode};
use super::{file, signature};
use crate::cli::TxFileArgs;
use crate::commands::keys;
use crate::home::Home;

/// Signs a transaction made with `--generate-only`.
pub fn run(home: &Home, args: &TxFileArgs) -> Result<()> {
    let mut tx = file::read(&args.file)?;
    let keyring = keys::open(home, &args.tx.keyring)?;
    let from = args.tx.from.as_deref().context("name the key with --from")?;
    let key = keyring.private_key(from)?;
    let out = args.output_document.as_deref();
    if let Some(group) = &args.multisig {
        let group = keyring
            .get(group)
            .context("--multisig: the multisig key must be in the keyring; `keys add --multisig` makes it")?;
        let place = Place::of(home, &args.tx, &keyring.prefix().account(&group.address()))?;
        let signature = sign_as_multisig_member(&tx, &key, &group.public_key, &place.signer(), keyring.prefix())?;
        return file::write_json(&descriptors_to_json(vec![signature])?, out);
    }
    let place = Place::of(home, &args.tx, &keyring.prefix().account(&key.public_key().address()))?;
    signature::add(home, &args.tx, &mut tx, &key, &place, keyring.prefix())?;
    if !args.signature_only {
        return file::write(&tx, out);
    }
    let own = key.public_key().to_any();
    let infos = tx.auth_info.iter().flat_map(|auth| &auth.signer_infos);
    let signatures: Vec<SignatureDescriptor> = infos
        .zip(&tx.signatures)
        .filter(|(info, _)| info.public_key.as_ref() == Some(&own))
        .map(|(info, signature)| descriptor(info.sequence, &own, mode(&args.tx).number(), signature))
        .collect();
    file::write_json(&descriptors_to_json(signatures)?, out)
}

fn descriptor(sequence: u64, key: &plume_proto::Any, mode: i32, signature: &[u8]) -> SignatureDescriptor {
    use plume_proto::cosmos::tx::signing::v1beta1::signature_descriptor::{Data, data};
    let single = data::Single { mode, signature: signature.to_vec() };
    SignatureDescriptor {
        public_key: Some(key.clone()),
        data: Some(Data { sum: Some(data::Sum::Single(single)) }),
        sequence,
    }
}
