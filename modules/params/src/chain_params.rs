use plume_kit::Fatal;
use plume_primitives::{Bech32Prefix, Denom};
use plume_proto::plume::params::v1;

/// The chain-wide parameters, validated. Constant for the life of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainParams {
    /// Prefix of account addresses.
    pub prefix: Bech32Prefix,
    /// Base unit of the chain's own coin.
    pub base_denom: Denom,
    /// Denominations in which fees may be paid, sorted; empty allows any.
    pub fee_denoms: Vec<Denom>,
    /// Whether accounts may sign with ed25519 keys.
    pub allow_ed25519_accounts: bool,
}

impl ChainParams {
    /// Reads the protobuf form, in which an empty field means its default.
    ///
    /// # Errors
    /// The field that is not valid.
    pub fn from_proto(params: &v1::Params) -> Result<Self, Fatal> {
        let or_default = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        let prefix = Bech32Prefix::new(&or_default(&params.bech32_prefix, "plume"))
            .map_err(|e| Fatal::new(format!("params.bech32_prefix: {e}")))?;
        let base_denom = Denom::new(&or_default(&params.base_denom, "uplume"))
            .map_err(|e| Fatal::new(format!("params.base_denom: {e}")))?;
        let mut fee_denoms = params
            .fee_denoms
            .iter()
            .map(|denom| Denom::new(denom).map_err(|e| Fatal::new(format!("params.fee_denoms: {e}"))))
            .collect::<Result<Vec<_>, _>>()?;
        fee_denoms.sort();
        let given = fee_denoms.len();
        fee_denoms.dedup();
        if fee_denoms.len() != given {
            return Err(Fatal::new("params.fee_denoms: a denomination is named twice"));
        }
        let allow_ed25519_accounts = params.policies.is_some_and(|policies| policies.allow_ed25519_accounts);
        Ok(Self { prefix, base_denom, fee_denoms, allow_ed25519_accounts })
    }

    /// The protobuf form, with every default written out.
    pub fn to_proto(&self) -> v1::Params {
        v1::Params {
            bech32_prefix: self.prefix.as_str().to_owned(),
            base_denom: self.base_denom.to_string(),
            fee_denoms: self.fee_denoms.iter().map(ToString::to_string).collect(),
            policies: Some(v1::Policies { allow_ed25519_accounts: self.allow_ed25519_accounts }),
        }
    }

    /// Whether a fee may be paid in `denom`.
    pub fn accepts_fee_in(&self, denom: &str) -> bool {
        self.fee_denoms.is_empty() || self.fee_denoms.iter().any(|known| known.as_str() == denom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_written_out_and_read_back() {
        let params = ChainParams::from_proto(&v1::Params::default()).unwrap();
        assert_eq!((params.prefix.as_str(), params.base_denom.as_str()), ("plume", "uplume"));
        assert!(!params.allow_ed25519_accounts && params.accepts_fee_in("anything"));
        assert_eq!(ChainParams::from_proto(&params.to_proto()).unwrap(), params);
    }

    #[test]
    fn malformed_fields_are_refused_by_name() {
        let bad = |params: v1::Params| ChainParams::from_proto(&params).unwrap_err().to_string();
        assert!(
            bad(v1::Params { bech32_prefix: "Plume".into(), ..Default::default() }).starts_with("params.bech32_prefix")
        );
        assert!(bad(v1::Params { base_denom: "1".into(), ..Default::default() }).starts_with("params.base_denom"));
        let twice = vec!["uplume".to_owned(), "uplume".to_owned()];
        assert_eq!(
            bad(v1::Params { fee_denoms: twice, ..Default::default() }),
            "params.fee_denoms: a denomination is named twice"
        );
    }

    #[test]
    fn listed_fee_denominations_are_the_only_ones() {
        let params =
            ChainParams::from_proto(&v1::Params { fee_denoms: vec!["uusd".into()], ..Default::default() }).unwrap();
        assert!(params.accepts_fee_in("uusd") && !params.accepts_fee_in("uplume"));
    }
}
