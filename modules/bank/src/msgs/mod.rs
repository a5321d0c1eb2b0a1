mod multi_send;
mod send;
mod set_send_enabled;
mod update_params;

use plume_kit::{TxError, msgs, sdk};
use plume_proto::cosmos::bank::v1beta1::{MsgMultiSend, MsgSend, MsgSetSendEnabled, MsgUpdateParams};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;

pub(crate) use multi_send::multi_send;
pub(crate) use send::send;
pub(crate) use set_send_enabled::set_send_enabled;
pub(crate) use update_params::update_params;

msgs! {
    /// Messages of bank.
    pub enum BankMsg {
        Send(MsgSend) = "/cosmos.bank.v1beta1.MsgSend",
        MultiSend(MsgMultiSend) = "/cosmos.bank.v1beta1.MsgMultiSend",
        SetSendEnabled(MsgSetSendEnabled) = "/cosmos.bank.v1beta1.MsgSetSendEnabled",
        UpdateParams(MsgUpdateParams) = "/cosmos.bank.v1beta1.MsgUpdateParams",
    }
}

/// What the SDK refuses while it decodes: an amount that is not an integer of at most 256 bits. Everything else that
/// is wrong with a message is found by its handler, after the fee is taken, as there.
///
/// # Errors
/// `sdk/2`.
pub(crate) fn check(msg: &BankMsg) -> Result<(), TxError> {
    match msg {
        BankMsg::Send(msg) => require_integers(&msg.amount),
        BankMsg::MultiSend(msg) => {
            let inputs = msg.inputs.iter().map(|input| &input.coins);
            let outputs = msg.outputs.iter().map(|output| &output.coins);
            inputs.chain(outputs).try_for_each(|coins| require_integers(coins))
        }
        BankMsg::SetSendEnabled(_) | BankMsg::UpdateParams(_) => Ok(()),
    }
}

fn require_integers(coins: &[ProtoCoin]) -> Result<(), TxError> {
    match coins.iter().find(|coin| !is_integer(&coin.amount)) {
        None => Ok(()),
        Some(coin) => {
            Err(TxError::wrap(sdk::TX_DECODE, format_args!("{:?} is not an integer of 256 bits", coin.amount)))
        }
    }
}

/// 2^256 has 78 digits; what lies between the two bounds is refused as too large an amount.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=78).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_that_is_no_integer_does_not_decode() {
        let send = |amount: &str| {
            check(&BankMsg::Send(MsgSend {
                amount: vec![ProtoCoin { denom: "uplume".into(), amount: amount.into() }],
                ..MsgSend::default()
            }))
        };
        for integer in ["0", "1", "-1", "340282366920938463463374607431768211456", &"9".repeat(78)] {
            assert_eq!(send(integer), Ok(()), "{integer}");
        }
        for other in ["", "-", "1.5", "1e9", "0x10", " 1", &"9".repeat(79)] {
            let error = send(other).expect_err(other);
            assert!(error.is(sdk::TX_DECODE) && error.message.ends_with("tx parse error"), "{other}");
        }
    }
}
