//! Coins in the unit that people use, as the denomination's metadata says.

use plume_proto::cosmos::bank::v1beta1::Metadata;

use super::numbers::{Problem, format_dec, format_int, rescale};

/// One coin: `10 ATOM` for 10000000uatom, if metadata says so.
pub(super) fn format_coin(denom: &str, amount: &str, metadata: Option<&Metadata>) -> Result<String, Problem> {
    let Some(metadata) = metadata.filter(|known| !known.display.is_empty() && known.display != denom) else {
        return Ok(format!("{} {denom}", format_dec(amount)?));
    };
    // Of several units of one name the last one counts.
    let exponent = |name: &str| metadata.denom_units.iter().rfind(|unit| unit.denom == name).map(|unit| unit.exponent);
    let (Some(from), Some(to)) = (exponent(denom), exponent(&metadata.display)) else {
        return Ok(format!("{} {denom}", format_int(amount)?));
    };
    Ok(format!("{} {}", format_dec(&rescale(amount, from, to)?)?, metadata.display))
}

/// Several coins, by the names of their units.
pub(super) fn join(mut formatted: Vec<String>) -> Result<String, Problem> {
    // # Security
    // With a comma inside, one coin could pass for two.
    if formatted.iter().any(|coin| coin.contains(',')) {
        return Err("coin with a comma");
    }
    if formatted.is_empty() {
        return Ok("zero".to_owned());
    }
    formatted.sort_by(|a, b| unit(a).cmp(unit(b)));
    Ok(formatted.join(", "))
}

/// The word behind the number.
fn unit(coin: &str) -> &str {
    coin.split(' ').nth(1).unwrap_or_default()
}
