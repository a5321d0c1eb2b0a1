//! Values of `cosmos.tx.signing.v1beta1.SignMode`; all that this chain verifies have a name of their own.

pub const DIRECT: i32 = 1;
pub const TEXTUAL: i32 = 2;
pub const DIRECT_AUX: i32 = 3;
pub const LEGACY_AMINO_JSON: i32 = 127;

/// The mode's name in error texts; its number, if it has none.
pub fn name(mode: i32) -> String {
    let known = [
        (0, "SIGN_MODE_UNSPECIFIED"),
        (DIRECT, "SIGN_MODE_DIRECT"),
        (TEXTUAL, "SIGN_MODE_TEXTUAL"),
        (DIRECT_AUX, "SIGN_MODE_DIRECT_AUX"),
        (LEGACY_AMINO_JSON, "SIGN_MODE_LEGACY_AMINO_JSON"),
        (191, "SIGN_MODE_EIP_191"),
    ];
    known.iter().find(|(number, _)| *number == mode).map_or_else(|| mode.to_string(), |(_, name)| (*name).to_owned())
}
