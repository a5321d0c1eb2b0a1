//! What a denomination is called by people.

use std::collections::BTreeSet;

use plume_primitives::Denom;
use plume_proto::cosmos::bank::v1beta1::{DenomUnit, Metadata};

/// Why metadata is refused; the texts are the SDK's (`x/bank/types/metadata.go`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// No name.
    #[error("name field cannot be blank")]
    BlankName,
    /// No symbol.
    #[error("symbol field cannot be blank")]
    BlankSymbol,
    /// The base is no denomination.
    #[error("invalid metadata base denom: invalid denom: {0}")]
    InvalidBase(String),
    /// The display name is no denomination.
    #[error("invalid metadata display denom: invalid denom: {0}")]
    InvalidDisplay(String),
    /// The first unit is another than the base.
    #[error("metadata's first denomination unit must be the one with base denom '{0}'")]
    FirstUnitIsNotBase(String),
    /// The base counts in other than ones.
    #[error("the exponent for base denomination unit {0} must be 0")]
    BaseExponent(String),
    /// Exponents do not ascend.
    #[error("denom units should be sorted asc by exponent")]
    UnitsNotSorted,
    /// One unit twice.
    #[error("duplicate denomination unit {0}")]
    DuplicateUnit(String),
    /// A unit is no denomination.
    #[error("invalid denom unit: invalid denom: {0}")]
    InvalidUnit(String),
    /// One alias twice.
    #[error("duplicate denomination unit alias {0}")]
    DuplicateAlias(String),
    /// An alias of nothing.
    #[error("alias for denom unit {0} cannot be blank")]
    BlankAlias(String),
    /// The display name is no unit.
    #[error("metadata must contain a denomination unit with display denom '{0}'")]
    NoDisplayUnit(String),
}

/// Checks metadata and returns its base denomination.
///
/// # Errors
/// The first violation in the SDK's order.
pub(crate) fn validate(metadata: &Metadata) -> Result<Denom, MetadataError> {
    if metadata.name.trim().is_empty() {
        return Err(MetadataError::BlankName);
    }
    if metadata.symbol.trim().is_empty() {
        return Err(MetadataError::BlankSymbol);
    }
    let base = Denom::new(&metadata.base).map_err(|e| MetadataError::InvalidBase(e.0))?;
    Denom::new(&metadata.display).map_err(|e| MetadataError::InvalidDisplay(e.0))?;

    let mut seen = BTreeSet::new();
    let mut previous: Option<u32> = None;
    for unit in &metadata.denom_units {
        match previous {
            None if unit.denom != metadata.base => {
                return Err(MetadataError::FirstUnitIsNotBase(metadata.base.clone()));
            }
            None if unit.exponent != 0 => return Err(MetadataError::BaseExponent(metadata.base.clone())),
            Some(lower) if lower >= unit.exponent => return Err(MetadataError::UnitsNotSorted),
            _ => previous = Some(unit.exponent),
        }
        if !seen.insert(unit.denom.as_str()) {
            return Err(MetadataError::DuplicateUnit(unit.denom.clone()));
        }
        validate_unit(unit)?;
    }
    if !seen.contains(metadata.display.as_str()) {
        return Err(MetadataError::NoDisplayUnit(metadata.display.clone()));
    }
    Ok(base)
}

fn validate_unit(unit: &DenomUnit) -> Result<(), MetadataError> {
    Denom::new(&unit.denom).map_err(|e| MetadataError::InvalidUnit(e.0))?;
    let mut seen = BTreeSet::new();
    for alias in &unit.aliases {
        if !seen.insert(alias) {
            return Err(MetadataError::DuplicateAlias(alias.clone()));
        }
        if alias.trim().is_empty() {
            return Err(MetadataError::BlankAlias(unit.denom.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(denom: &str, exponent: u32) -> DenomUnit {
        DenomUnit { denom: denom.into(), exponent, aliases: vec![] }
    }

    fn good() -> Metadata {
        Metadata {
            name: "Plume".into(),
            symbol: "PLUME".into(),
            base: "uplume".into(),
            display: "plume".into(),
            denom_units: vec![unit("uplume", 0), unit("plume", 6)],
            ..Metadata::default()
        }
    }

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        assert_eq!(validate(&good()).unwrap().as_str(), "uplume");
        let broken = |change: fn(&mut Metadata)| {
            let mut metadata = good();
            change(&mut metadata);
            validate(&metadata).unwrap_err().to_string()
        };
        assert_eq!(broken(|m| m.name = " ".into()), "name field cannot be blank");
        assert_eq!(broken(|m| m.symbol.clear()), "symbol field cannot be blank");
        assert_eq!(broken(|m| m.base = "u".into()), "invalid metadata base denom: invalid denom: u");
        assert_eq!(broken(|m| m.display = "p".into()), "invalid metadata display denom: invalid denom: p");
        assert_eq!(
            broken(|m| m.denom_units.swap(0, 1)),
            "metadata's first denomination unit must be the one with base denom 'uplume'"
        );
        assert_eq!(
            broken(|m| m.denom_units[0].exponent = 1),
            "the exponent for base denomination unit uplume must be 0"
        );
        assert_eq!(broken(|m| m.denom_units[1].exponent = 0), "denom units should be sorted asc by exponent");
        assert_eq!(broken(|m| m.denom_units.push(unit("uplume", 9))), "duplicate denomination unit uplume");
        assert_eq!(broken(|m| m.denom_units.push(unit("x", 9))), "invalid denom unit: invalid denom: x");
        assert_eq!(
            broken(|m| m.denom_units[1].aliases = vec!["a".into(), "a".into()]),
            "duplicate denomination unit alias a"
        );
        assert_eq!(
            broken(|m| m.denom_units[1].aliases = vec![" ".into()]),
            "alias for denom unit plume cannot be blank"
        );
        assert_eq!(
            broken(|m| m.denom_units.truncate(1)),
            "metadata must contain a denomination unit with display denom 'plume'"
        );
    }
}
