use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use plume_primitives::module_address;
use plume_proto::Message;
use plume_proto::cosmos::base::abci::v1beta1::TxMsgData;
use plume_proto::cosmos::tx::v1beta1::TxRaw;

use crate::support::*;

fn collector() -> String {
    text(&module_address("fee_collector"))
}

#[test]
fn send_emits_twelve_events_in_the_sdks_order() {
    let mut net = Net::new();
    let (alice, bob, collector) = (addr("alice"), addr("bob"), collector());
    let tx = net.tx("alice").msg(&send(&alice, &bob, 70)).sign();
    let signature = BASE64.encode(&TxRaw::decode(tx.as_ref()).unwrap().signatures[0]);

    let result = net.run(tx);

    assert_eq!((result.code, result.log.as_str(), result.codespace.as_str()), (0, "", ""));
    assert_eq!(
        lines(&result.events),
        [
            format!("coin_spent spender={alice},amount=2000uplume"),
            format!("coin_received receiver={collector},amount=2000uplume"),
            format!("transfer recipient={collector},sender={alice},amount=2000uplume"),
            format!("message sender={alice}"),
            format!("tx fee=2000uplume,fee_payer={alice}"),
            format!("tx acc_seq={alice}/0"),
            format!("tx signature={signature}"),
            format!("message action=/cosmos.bank.v1beta1.MsgSend,sender={alice},module=bank,msg_index=0"),
            format!("coin_spent spender={alice},amount=70uplume,msg_index=0"),
            format!("coin_received receiver={bob},amount=70uplume,msg_index=0"),
            format!("transfer recipient={bob},sender={alice},amount=70uplume,msg_index=0"),
            format!("message sender={alice},msg_index=0"),
        ]
    );
    assert!(result.events.iter().flat_map(|event| &event.attributes).all(|attribute| attribute.index));
    let data = TxMsgData::decode(result.data.as_ref()).unwrap();
    let responses: Vec<&str> = data.msg_responses.iter().map(|any| any.type_url.as_str()).collect();
    assert_eq!(responses, ["/cosmos.bank.v1beta1.MsgSendResponse"]);
    assert_eq!(net.balance(&alice), FUNDS - 2_070);
    assert_eq!(net.balance(&bob), FUNDS + 70);
    assert_eq!(net.balance(&collector), 2_000);
    assert_eq!(net.account(&alice), Some((0, 1)));
}
