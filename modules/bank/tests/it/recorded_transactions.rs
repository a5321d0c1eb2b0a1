use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine as _;
use plume_auth::{Auth, FEE_COLLECTOR};
use plume_bank::Bank;
use plume_crypto::PublicKey;
use plume_interfaces::{Accounts, Bank as _, MoveReason};
use plume_kit::{Abort, Ctx, GasMeter, Observation, Observer, Response};
use plume_primitives::{Address, Coin, Coins, module_address};
use plume_proto::Message;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, TxBody, TxRaw};
use serde_json::Value;

use crate::recording::{apply, as_recorded, load, records, world};
use crate::world::show;

/// Notes every charge as the recording does: `1000 Has`.
#[derive(Default)]
struct Charges(RefCell<Vec<String>>);

impl Observer for Charges {
    fn observe(&self, observation: Observation<'_>) {
        if let Observation::Gas { amount, location } = observation {
            self.0.borrow_mut().push(format!("{amount} {location}"));
        }
    }
}

struct Tx {
    body: TxBody,
    auth: AuthInfo,
    signers: Vec<String>,
}

fn decode(tx: &Value) -> Result<Tx, Box<dyn std::error::Error>> {
    let raw = base64::engine::general_purpose::STANDARD.decode(tx["tx"].as_str().ok_or("tx is text")?)?;
    let raw = TxRaw::decode(raw.as_slice())?;
    let body = TxBody::decode(raw.body_bytes.as_slice())?;
    let auth = AuthInfo::decode(raw.auth_info_bytes.as_slice())?;
    let mut signers: Vec<String> = Vec::new();
    for message in &body.messages {
        for signer in plume_codec::signers(&message.type_url, &message.value)? {
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
    }
    let payer = auth.fee.as_ref().ok_or("fee is stated")?.payer.clone();
    if !payer.is_empty() && !signers.contains(&payer) {
        signers.push(payer);
    }
    Ok(Tx { body, auth, signers })
}

/// What the ante does to the state of these two modules.
fn ante(ctx: &mut Ctx<'_>, auth: &Auth, bank: &Bank, tx: &Tx) -> Result<(), Abort> {
    let address = |ctx: &Ctx<'_>, text: &str| ctx.chain().prefix.parse_account(text).unwrap();
    let fee = tx.auth.fee.clone().unwrap();
    let payer = if fee.payer.is_empty() { &tx.signers[0] } else { &fee.payer };
    let payer = address(ctx, payer);
    if !fee.amount.is_empty() {
        let coins = fee.amount.iter().map(|coin| Coin::from_parts(&coin.denom, &coin.amount).unwrap()).collect();
        let collector = auth.module_account(ctx, FEE_COLLECTOR)?;
        bank.move_coins(ctx, &payer, &collector.address, &Coins::from_sorted(coins).unwrap(), MoveReason::Fee)?;
    }
    let signers: Vec<Address> = tx.signers.iter().map(|signer| address(ctx, signer)).collect();
    for (signer, info) in signers.iter().zip(&tx.auth.signer_infos) {
        if let Some(key) = &info.public_key {
            auth.set_public_key(ctx, signer, &PublicKey::from_any(key).unwrap())?;
        }
    }
    signers.iter().try_for_each(|signer| auth.increment_sequence(ctx, signer))
}

/// Recorded events without `msg_index`, as lines.
fn recorded_events(result: &Value) -> Vec<String> {
    let line = |event: &Value| {
        let attributes: Vec<String> = event["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .filter(|(key, _)| *key != "msg_index")
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        format!("{}{{{}}}", event["type"].as_str().unwrap(), attributes.join(","))
    };
    // Those of the transaction and of the message itself are the chain's to emit.
    let own = |line: &String| !line.starts_with("tx{") && !line.starts_with("message{action=");
    result["events"].as_array().unwrap().iter().map(line).filter(own).collect()
}

/// SDK 0.50.9 leaves the sender out of a multi-send's transfers; 0.50.13 states it, and so do we.
fn as_of_sdk_0_50_9(event: &str, recorded: &str) -> String {
    match event.split_once(",sender=") {
        Some((recipient, rest)) if event.starts_with("transfer{") && !recorded.contains(",sender=") => {
            let amount = rest.split_once(',').expect("the amount follows").1;
            format!("{recipient},{amount}")
        }
        _ => event.to_owned(),
    }
}

/// Takes `theirs` out of `ours`, in whatever order: the debit reads every balance before it writes the first, the SDK
/// alternates. `None` if something is missing.
fn beyond(ours: &[String], theirs: &[String]) -> Option<Vec<String>> {
    let mut rest = ours.to_vec();
    for charge in theirs {
        let at = rest.iter().position(|other| other == charge)?;
        rest.remove(at);
    }
    Some(rest)
}

/// The charges of the messages are the last ones of the transaction. Where the SDK stores nothing, as in its index of
/// owners and for a switch that is off, we store one byte: the only difference there may be.
fn are_the_last_of(ours: &[String], all: &[String]) -> bool {
    let of_one_byte = |charge: &String| ["30 WritePerByte", "3 ReadPerByte"].contains(&charge.as_str());
    (0..=ours.len().min(all.len()))
        .filter_map(|count| beyond(ours, &all[all.len() - count..]))
        .any(|rest| rest.iter().all(of_one_byte))
}

#[test]
fn recorded_transactions_have_the_recorded_changes_events_and_gas() {
    let recording = load("transactions.json");
    let mut state = records(&recording["initial_stores"]);
    let (mut succeeded, mut failed) = (0, 0);
    for recorded in recording["transactions"].as_array().unwrap() {
        let name = recorded["name"].as_str().unwrap();
        apply(&mut state, &recording["sweeps"][name]);
        let result = &recorded["result"];
        let log = result["log"].as_str().unwrap();
        let message_failed = log.strip_prefix("failed to execute message; message index: ");
        let executed = result["code"] == 0 || message_failed.is_some();
        if executed {
            let tx = decode(recorded).expect("what simd executed decodes");
            let (mut world, auth, bank) = world(&state);
            let ante_charges = Charges::default();
            let prepared = world.execute(GasMeter::unlimited(), Some(&ante_charges), |ctx| {
                ante(ctx, &auth, &bank, &tx)?;
                Ok(Response::default())
            });
            prepared.expect_success();
            let charges = Charges::default();
            let outcome = world.execute(GasMeter::unlimited(), Some(&charges), |ctx| {
                for (index, message) in tx.body.messages.iter().enumerate() {
                    ctx.run(&message.type_url, &message.value)
                        .map_err(|e| e.context(format_args!("failed to execute message; message index: {index}")))?;
                }
                Ok(Response::default())
            });

            match &outcome.result {
                Ok(_) => assert_eq!((result["code"].as_u64(), log), (Some(0), ""), "{name}"),
                Err(e) => assert_eq!(
                    (Some(u64::from(e.code)), e.codespace.as_ref(), e.message.as_str()),
                    (result["code"].as_u64(), result["codespace"].as_str().unwrap(), log),
                    "{name}"
                ),
            }
            let mut events = show(&prepared.events);
            events.extend(show(&outcome.events));
            let recorded_events = recorded_events(result);
            assert_eq!(events.len(), recorded_events.len(), "{name}");
            let events: Vec<String> =
                events.iter().zip(&recorded_events).map(|(e, r)| as_of_sdk_0_50_9(e, r)).collect();
            assert_eq!(events, recorded_events, "{name}");

            let charges: Vec<String> =
                charges.0.take().into_iter().filter(|charge| !charge.starts_with("0 ")).collect();
            let all = recorded["sdk_only"]["gas"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned());
            let all: Vec<String> = all.filter(|charge| !charge.starts_with("0 ")).collect();
            assert!(are_the_last_of(&charges, &all), "{name}: {charges:?}\nrecorded {all:?}");
            // The ante charges for more than these two modules; what they charge is among it.
            let own = |charge: &String| !charge.starts_with("0 ") && charge != "30 WritePerByte";
            let ante_charges: Vec<String> = ante_charges.0.take().into_iter().filter(own).collect();
            assert!(beyond(&all, &ante_charges).is_some(), "{name}: {ante_charges:?}\nrecorded {all:?}");

            let mut expected = state.clone();
            apply(&mut expected, &recorded["changes"]);
            assert_eq!(as_recorded(&world), expected, "{name}");
            world.assert_invariants();
            if result["code"] == 0 { succeeded += 1 } else { failed += 1 }
        }
        apply(&mut state, &recorded["changes"]);
    }
    assert!(succeeded >= 30 && failed >= 20, "{succeeded} transactions succeeded, {failed} failed");
}

#[test]
fn recorded_genesis_gives_the_recorded_records() {
    let genesis = load("genesis.json");
    let (empty, _, _) = world(&std::collections::BTreeMap::new());
    let chain = empty.chain().clone();
    let (_, auth, bank) = world(&std::collections::BTreeMap::new());
    let modules = plume_kit::ModulesBuilder::new().with(auth).with(bank).build().unwrap();
    let mut world = plume_testkit::World::empty(modules, chain);
    let app_state = plume_kit::parse_app_state(genesis["exported_app_state"].to_string().as_bytes()).unwrap();
    let app_state = app_state.into_iter().filter(|(name, _)| ["auth", "bank"].contains(&name.as_str())).collect();
    world.hook(|modules, ctx| modules.init_genesis(ctx, app_state)).unwrap();

    let expected = records(&load("queries.json")["stores"]);
    let ours = as_recorded(&world);
    let differing: BTreeSet<_> = expected
        .iter()
        .filter(|(place, value)| ours.get(*place) != Some(*value))
        .map(|(place, _)| place)
        .chain(ours.keys().filter(|place| !expected.contains_key(*place)))
        .collect();
    assert!(differing.is_empty(), "{differing:?}");
    assert!(expected.contains_key(&("acc".to_owned(), [&[1], module_address(FEE_COLLECTOR).as_bytes()].concat())));

    let exported = world.export().unwrap();
    assert_eq!(exported["bank"], genesis["exported_app_state"]["bank"]);
    assert_eq!(exported["auth"], genesis["exported_app_state"]["auth"]);
}
