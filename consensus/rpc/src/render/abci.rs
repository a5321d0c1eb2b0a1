//! ABCI results.
//!
//! CometBFT writes some of them with gogoproto's `jsonpb` (every field, empty bytes as `null`) and some with its own
//! encoder (empty fields left out). Which one applies depends on whether Go can take a value's address, not on the type
//! alone; each function here says where it belongs.

use plume_engine::{BlockOutcome, CheckOutcome, Event, Info, QueryAnswer, QueryError, TxResult, ValidatorUpdate};
use plume_primitives::Height;

use super::evidence::typed;
use super::params;
use crate::json::{Json, Object};

/// `ResponseInfo`, empty fields left out.
pub(crate) fn abci_info(json: &mut Json, info: &Info) {
    json.object(|object| {
        if !info.data.is_empty() {
            object.string("data", &info.data);
        }
        if !info.version.is_empty() {
            object.string("version", &info.version);
        }
        if info.app_version != 0 {
            object.quoted("app_version", info.app_version);
        }
        if info.height.get() != 0 {
            object.quoted("last_block_height", info.height.get());
        }
        if !info.app_hash.is_empty() {
            object.base64("last_block_app_hash", &info.app_hash);
        }
    });
}

/// `ResponseQuery`, every field.
pub(crate) fn query(json: &mut Json, answer: &QueryAnswer) {
    json.object(|object| {
        object.number("code", 0);
        object.string("log", "");
        object.string("info", "");
        object.quoted("index", 0);
        object.base64("key", &answer.key);
        object.base64("value", &answer.value);
        if answer.proof.is_empty() {
            object.null("proofOps");
        } else {
            object.object("proofOps", |object| {
                object.key("ops").list(&answer.proof, |json, op| {
                    json.object(|object| {
                        object.string("type", &op.kind);
                        object.base64("key", &op.key);
                        object.base64("data", &op.data);
                    });
                });
            });
        }
        object.quoted("height", answer.height.get());
        object.string("codespace", "");
    });
}

/// `ResponseQuery` of a refusal; `height` is the latest one, since clients want it non-zero.
pub(crate) fn query_refused(json: &mut Json, error: &QueryError, height: Height) {
    json.object(|object| {
        object.number("code", error.code);
        object.string("log", &error.log);
        object.string("info", "");
        object.quoted("index", 0);
        object.null("key");
        object.null("value");
        object.null("proofOps");
        object.quoted("height", height.get());
        object.string("codespace", &error.codespace);
    });
}

/// `ResponseCheckTx`, every field.
pub(crate) fn check_tx(json: &mut Json, outcome: &CheckOutcome) {
    json.object(|object| {
        object.number("code", outcome.code);
        object.null("data");
        object.string("log", &outcome.log);
        object.string("info", "");
        object.quoted("gas_wanted", outcome.gas_wanted.get());
        object.quoted("gas_used", outcome.gas_used.get());
        object.key("events").list::<()>([], |_, ()| ());
        object.string("codespace", &outcome.codespace);
    });
}

/// `ExecTxResult`, every field: in answers and inside block results.
pub(crate) fn exec_tx_result(json: &mut Json, result: &TxResult) {
    json.object(|object| {
        object.number("code", result.code);
        object.base64("data", &result.data);
        object.string("log", &result.log);
        object.string("info", "");
        object.quoted("gas_wanted", result.gas_wanted.get());
        object.quoted("gas_used", result.gas_used.get());
        object.key("events").list(&result.events, |json, event| {
            json.object(|object| {
                object.string("type", &event.kind);
                attributes(object, event);
            });
        });
        object.string("codespace", &result.codespace);
    });
}

/// `ExecTxResult`, empty fields left out: in `Tx` events.
pub(crate) fn exec_tx_result_sparse(json: &mut Json, result: &TxResult) {
    json.object(|object| {
        if result.code != 0 {
            object.number("code", result.code);
        }
        if !result.data.is_empty() {
            object.base64("data", &result.data);
        }
        if !result.log.is_empty() {
            object.string("log", &result.log);
        }
        if result.gas_wanted.get() != 0 {
            object.quoted("gas_wanted", result.gas_wanted.get());
        }
        if result.gas_used.get() != 0 {
            object.quoted("gas_used", result.gas_used.get());
        }
        if !result.events.is_empty() {
            object.key("events").list(&result.events, sparse_event);
        }
        if !result.codespace.is_empty() {
            object.string("codespace", &result.codespace);
        }
    });
}

/// The events of a block; `null` if there are none.
pub(crate) fn block_events(json: &mut Json, events: &[Event]) {
    json.list_or_null(events.iter(), sparse_event);
}

fn sparse_event(json: &mut Json, event: &Event) {
    json.object(|object| {
        if !event.kind.is_empty() {
            object.string("type", &event.kind);
        }
        if !event.attributes.is_empty() {
            attributes(object, event);
        }
    });
}

fn attributes(object: &mut Object<'_>, event: &Event) {
    object.key("attributes").list(&event.attributes, |json, attribute| {
        json.object(|object| {
            object.string("key", &attribute.key);
            object.string("value", &attribute.value);
            object.bool("index", attribute.index);
        });
    });
}

fn validator_update(json: &mut Json, update: &ValidatorUpdate) {
    use plume_engine::ValidatorKey::{Ed25519, Secp256k1};
    let (name, field, bytes): (_, _, &[u8]) = match &update.key {
        Ed25519(bytes) => ("tendermint.crypto.PublicKey_Ed25519", "ed25519", bytes),
        Secp256k1(bytes) => ("tendermint.crypto.PublicKey_Secp256K1", "secp256k1", bytes),
    };
    json.object(|object| {
        object.object("pub_key", |object| {
            typed(object.key("Sum"), name, |json| json.object(|object| object.base64(field, bytes)));
        });
        if update.power != 0 {
            object.quoted("power", update.power);
        }
    });
}

/// `ResultBlockResults`.
pub(crate) fn block_results(json: &mut Json, height: i64, outcome: &BlockOutcome) {
    json.object(|object| {
        object.quoted("height", height);
        object.key("txs_results").list_or_null(outcome.tx_results.iter(), exec_tx_result);
        block_events(object.key("finalize_block_events"), &outcome.events);
        object.key("validator_updates").list_or_null(outcome.validator_updates.iter(), validator_update);
        match &outcome.consensus_params {
            Some(update) => params::params_update(object.key("consensus_param_updates"), update),
            None => object.null("consensus_param_updates"),
        }
        object.base64("app_hash", &outcome.app_hash);
    });
}

/// `ResponseFinalizeBlock` in `NewBlock` events, empty fields left out.
pub(crate) fn finalize_block(json: &mut Json, outcome: &BlockOutcome) {
    json.object(|object| {
        if !outcome.events.is_empty() {
            block_events(object.key("events"), &outcome.events);
        }
        if !outcome.tx_results.is_empty() {
            object.key("tx_results").list(&outcome.tx_results, exec_tx_result);
        }
        object.key("validator_updates").list_or_null(outcome.validator_updates.iter(), validator_update);
        if let Some(update) = &outcome.consensus_params {
            params::params_update(object.key("consensus_param_updates"), update);
        }
        if !outcome.app_hash.is_empty() {
            object.base64("app_hash", &outcome.app_hash);
        }
    });
}
