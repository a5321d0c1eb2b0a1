use plume_interfaces::AuthParams;
use plume_proto::cosmos::auth::v1beta1::Params;

/// Why parameters are refused; the texts are the SDK's (`x/auth/types/params.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// No signature would be allowed.
    #[error("invalid tx signature limit: 0")]
    TxSigLimit,
    /// Ed25519 signatures would be free.
    #[error("invalid ED25519 signature verification cost: 0")]
    SigVerifyCostEd25519,
    /// Secp256k1 signatures would be free.
    #[error("invalid SECK256k1 signature verification cost: 0")]
    SigVerifyCostSecp256k1,
    /// No memo would be allowed.
    #[error("invalid max memo characters: 0")]
    MaxMemoCharacters,
    /// Bytes would be free.
    #[error("invalid tx size cost per byte: 0")]
    TxSizeCostPerByte,
}

/// The SDK's defaults.
pub(crate) fn default_params() -> Params {
    Params {
        max_memo_characters: 256,
        tx_sig_limit: 7,
        tx_size_cost_per_byte: 10,
        sig_verify_cost_ed25519: 590,
        sig_verify_cost_secp256k1: 1000,
    }
}

/// Checks that no limit and no price is zero.
///
/// # Errors
/// The first violation in the SDK's order.
pub(crate) fn validate(params: &Params) -> Result<(), ParamsError> {
    let rules = [
        (params.tx_sig_limit, ParamsError::TxSigLimit),
        (params.sig_verify_cost_ed25519, ParamsError::SigVerifyCostEd25519),
        (params.sig_verify_cost_secp256k1, ParamsError::SigVerifyCostSecp256k1),
        (params.max_memo_characters, ParamsError::MaxMemoCharacters),
        (params.tx_size_cost_per_byte, ParamsError::TxSizeCostPerByte),
    ];
    rules.into_iter().find(|(value, _)| *value == 0).map_or(Ok(()), |(_, error)| Err(error))
}

pub(crate) fn checked(params: &Params) -> AuthParams {
    AuthParams {
        max_memo_characters: params.max_memo_characters,
        tx_sig_limit: params.tx_sig_limit,
        tx_size_cost_per_byte: params.tx_size_cost_per_byte,
        sig_verify_cost_ed25519: params.sig_verify_cost_ed25519,
        sig_verify_cost_secp256k1: params.sig_verify_cost_secp256k1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused_in_each_place() {
        assert_eq!(validate(&default_params()), Ok(()));
        let broken = |change: fn(&mut Params)| {
            let mut params = default_params();
            change(&mut params);
            validate(&params).unwrap_err().to_string()
        };
        assert_eq!(broken(|p| p.tx_sig_limit = 0), "invalid tx signature limit: 0");
        assert_eq!(broken(|p| p.sig_verify_cost_ed25519 = 0), "invalid ED25519 signature verification cost: 0");
        assert_eq!(broken(|p| p.sig_verify_cost_secp256k1 = 0), "invalid SECK256k1 signature verification cost: 0");
        assert_eq!(broken(|p| p.max_memo_characters = 0), "invalid max memo characters: 0");
        assert_eq!(broken(|p| p.tx_size_cost_per_byte = 0), "invalid tx size cost per byte: 0");
        assert_eq!(broken(|p| *p = Params::default()), "invalid tx signature limit: 0");
    }
}
