//! Where Plume differs from the recorded peer on purpose.

/// One accepted difference.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// The transaction's name, or the beginning of the query's.
    pub case: &'static str,
    /// The aspect, or its beginning; empty for all.
    pub aspect: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl Accepted {
    /// Whether the entry speaks of this difference.
    pub fn covers(&self, case: &str, aspect: &str) -> bool {
        case.starts_with(self.case) && aspect.starts_with(self.aspect)
    }
}

/// An entry of the lists below.
const fn of(case: &'static str, aspect: &'static str, reason: &'static str) -> Accepted {
    Accepted { case, aspect, reason }
}

/// Where the gas runs out moves with the tenth by which gas may differ, and with simapp's circuit breaker.
const WHERE_GAS_ENDS: &str = "gas differs by up to a tenth, so a tight limit ends elsewhere";

/// Of transactions.
pub const TRANSACTIONS: &[Accepted] = &[
    of("bank_update_params_signed_by_another", "", "gov is an address here, and has an account on simapp"),
    of("out_of_gas_in_message", "result.log", WHERE_GAS_ENDS),
    of("out_of_gas_in_ante_size", "check_tx.log", WHERE_GAS_ENDS),
    of("out_of_gas_in_ante_fee", "check_tx.log", WHERE_GAS_ENDS),
    of("out_of_gas_in_ante_fee", "result.log", WHERE_GAS_ENDS),
    of("gas_zero", "", "wire-rules §2: sdk/41; the SDK runs out of gas before it looks"),
    of("fee_denom_not_held", "result.gas_used", "every coin of the fee is read before one is refused"),
    of("fee_payer_unknown", "check_tx.log", "the SDK prints the address as raw bytes"),
    of("fee_payer_unknown", "result.log", "the SDK prints the address as raw bytes"),
    of("fee_payer_unknown", "simulate.log", "the SDK prints the address as raw bytes"),
    of(
        "timeout_height_passed",
        "check_tx.log",
        "CheckTx names the block that the transaction could enter, not the last",
    ),
    of("timeout_height_passed", "simulate.log", "as in CheckTx"),
    of("no_messages", "result.gas_used", "the SDK reports a remainder of the block's own gas"),
    of("empty", "result.gas_used", "the SDK reports a remainder of the block's own gas"),
    of("garbage", "check_tx.log", "the words of Go's protobuf decoder"),
    of("garbage", "simulate.log", "the words of Go's protobuf decoder"),
    of("text", "check_tx.log", "the words of Go's protobuf decoder"),
    of("text", "simulate.log", "the words of Go's protobuf decoder"),
];

/// Of queries.
pub const QUERIES: &[Accepted] = &[
    of(
        "/cosmos.bank.v1beta1.Query/DenomsMetadata {\"pagination\":{\"key\":\"ZGVsdGE=\",\"offset\":\"0\",\"limit\":\"2\",\"count_total\":false,\"reverse\":true}}",
        "",
        "the SDK panics on a page that begins below every key",
    ),
    of("/cosmos.auth.v1beta1.Query/ModuleAccounts", "response", "lists this chain's modules"),
    of("/cosmos.auth.v1beta1.Query/ModuleAccountByName {\"name\":\"gov\"}", "", "this chain has no gov module yet"),
];
