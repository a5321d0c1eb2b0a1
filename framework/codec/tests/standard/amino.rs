//! `SIGN_MODE_LEGACY_AMINO_JSON` of every standard message that CosmJS has a converter for, byte for byte.

use plume_codec::{SignerData, sign_doc_amino};
use plume_proto::Message;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::{Fee, TxBody};

use crate::descriptors::install;
use crate::{list, text, vectors};

/// Where CosmJS signs other bytes than the SDK verifies, so that no chain accepts them: two line separators that Go's
/// encoder escapes, and the name of one message.
const DEVIATIONS: [(&str, &str); 3] = [
    ("\u{2028}", "\\u2028"),
    ("\u{2029}", "\\u2029"),
    ("cosmos-sdk/MsgWithdrawValidatorCommission", "cosmos-sdk/MsgWithdrawValCommission"),
];

#[test]
fn amino_sign_bytes_are_those_of_cosmjs() {
    install();
    let all = vectors("amino.json");
    let coins = list(&all["fee"], "amount")
        .iter()
        .map(|coin| Coin { denom: text(coin, "denom").to_owned(), amount: text(coin, "amount").to_owned() });
    let gas_limit = text(&all["fee"], "gas").parse().expect("gas");
    let fee = Fee { amount: coins.collect(), gas_limit, ..Fee::default() };
    let signer = SignerData {
        chain_id: text(&all, "chain_id"),
        account_number: all["account_number"].as_u64().expect("a number"),
        sequence: all["sequence"].as_u64().expect("a number"),
    };
    let cases = list(&all, "vectors");
    assert!(cases.len() >= 27, "{} cases", cases.len());
    for case in cases {
        let bytes = hex::decode(text(case, "body")).expect("hex");
        let body = TxBody::decode(&*bytes).expect("a body");
        let document =
            sign_doc_amino(&bytes, &body, &fee, &signer).map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        let expected =
            DEVIATIONS.iter().fold(text(case, "amino").to_owned(), |text, (theirs, sdks)| text.replace(theirs, sdks));
        assert_eq!(document.as_deref(), Ok(expected.as_str()), "{}", case["types"]);
    }
}
