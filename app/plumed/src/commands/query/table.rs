//! Names and positional arguments of the modules' queries, as the SDK's autocli has them.

/// One query on the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Command below `query`: `auth`, `bank`, `consensus`.
    pub module: &'static str,
    /// Name of the query.
    pub name: &'static str,
    /// Full gRPC method.
    pub method: &'static str,
    /// Fields of the request that the arguments fill, in order; a repeated last field takes all that are left.
    pub arguments: &'static [&'static str],
    /// What it answers.
    pub about: &'static str,
}

const fn entry(
    module: &'static str,
    name: &'static str,
    method: &'static str,
    arguments: &'static [&'static str],
    about: &'static str,
) -> Entry {
    Entry { module, name, method, arguments, about }
}

/// Every query.
pub const QUERIES: &[Entry] = &[
    entry("auth", "account", "cosmos.auth.v1beta1.Query/Account", &["address"], "an account"),
    entry("auth", "accounts", "cosmos.auth.v1beta1.Query/Accounts", &[], "all accounts"),
    entry(
        "auth",
        "account-info",
        "cosmos.auth.v1beta1.Query/AccountInfo",
        &["address"],
        "what all accounts have in common",
    ),
    entry(
        "auth",
        "address-by-acc-num",
        "cosmos.auth.v1beta1.Query/AccountAddressByID",
        &["account_id"],
        "the address of an account number",
    ),
    entry(
        "auth",
        "address-bytes-to-string",
        "cosmos.auth.v1beta1.Query/AddressBytesToString",
        &["address_bytes"],
        "an address (base64) as text",
    ),
    entry(
        "auth",
        "address-string-to-bytes",
        "cosmos.auth.v1beta1.Query/AddressStringToBytes",
        &["address_string"],
        "the bytes of an address",
    ),
    entry("auth", "bech32-prefix", "cosmos.auth.v1beta1.Query/Bech32Prefix", &[], "the prefix of account addresses"),
    entry(
        "auth",
        "module-account",
        "cosmos.auth.v1beta1.Query/ModuleAccountByName",
        &["name"],
        "the account of a module",
    ),
    entry("auth", "module-accounts", "cosmos.auth.v1beta1.Query/ModuleAccounts", &[], "the accounts of all modules"),
    entry("auth", "params", "cosmos.auth.v1beta1.Query/Params", &[], "parameters of transactions"),
    entry(
        "bank",
        "balance",
        "cosmos.bank.v1beta1.Query/Balance",
        &["address", "denom"],
        "a balance of one denomination",
    ),
    entry("bank", "balances", "cosmos.bank.v1beta1.Query/AllBalances", &["address"], "all balances of an account"),
    entry(
        "bank",
        "denom-metadata",
        "cosmos.bank.v1beta1.Query/DenomMetadata",
        &["denom"],
        "the metadata of a denomination",
    ),
    entry(
        "bank",
        "denom-metadata-by-query-string",
        "cosmos.bank.v1beta1.Query/DenomMetadataByQueryString",
        &["denom"],
        "the metadata of a denomination",
    ),
    entry("bank", "denom-owners", "cosmos.bank.v1beta1.Query/DenomOwners", &["denom"], "the holders of a denomination"),
    entry(
        "bank",
        "denom-owners-by-query",
        "cosmos.bank.v1beta1.Query/DenomOwnersByQuery",
        &["denom"],
        "the holders of a denomination",
    ),
    entry(
        "bank",
        "denoms-metadata",
        "cosmos.bank.v1beta1.Query/DenomsMetadata",
        &[],
        "the metadata of all denominations",
    ),
    entry("bank", "params", "cosmos.bank.v1beta1.Query/Params", &[], "parameters of bank"),
    entry(
        "bank",
        "send-enabled",
        "cosmos.bank.v1beta1.Query/SendEnabled",
        &["denoms"],
        "which denominations may be sent",
    ),
    entry(
        "bank",
        "spendable-balance",
        "cosmos.bank.v1beta1.Query/SpendableBalanceByDenom",
        &["address", "denom"],
        "what can be spent of one denomination",
    ),
    entry(
        "bank",
        "spendable-balances",
        "cosmos.bank.v1beta1.Query/SpendableBalances",
        &["address"],
        "what can be spent",
    ),
    entry("bank", "total-supply", "cosmos.bank.v1beta1.Query/TotalSupply", &[], "the supply of all denominations"),
    entry(
        "bank",
        "total-supply-of",
        "cosmos.bank.v1beta1.Query/SupplyOf",
        &["denom"],
        "the supply of one denomination",
    ),
    entry("consensus", "params", "cosmos.consensus.v1.Query/Params", &[], "consensus parameters"),
];

/// The query called `name` below `module`.
pub fn find(module: &str, name: &str) -> Option<&'static Entry> {
    QUERIES.iter().find(|entry| entry.module == module && entry.name == name)
}

/// One line for each query below `module`.
pub fn usage(module: &str) -> String {
    QUERIES.iter().filter(|entry| entry.module == module).fold(String::new(), |mut text, entry| {
        let arguments: String = entry.arguments.iter().map(|a| format!(" {}", a.to_uppercase())).collect();
        let left = format!("{}{arguments}", entry.name);
        text.push_str(&format!("  {left:<44} {}\n", entry.about));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plume_codec::pool;

    #[test]
    fn every_entry_names_a_method_and_fields_that_exist() {
        for entry in QUERIES {
            let (service, method) = entry.method.split_once('/').unwrap();
            let service = pool().get_service_by_name(service).unwrap_or_else(|| panic!("{service}"));
            let method = service.methods().find(|m| m.name() == method).unwrap_or_else(|| panic!("{}", entry.method));
            for argument in entry.arguments {
                assert!(method.input().get_field_by_name(argument).is_some(), "{} {argument}", entry.method);
            }
        }
    }

    #[test]
    fn every_query_of_the_modules_has_an_entry() {
        for service in ["cosmos.auth.v1beta1.Query", "cosmos.bank.v1beta1.Query", "cosmos.consensus.v1.Query"] {
            for method in pool().get_service_by_name(service).unwrap().methods() {
                let path = format!("{service}/{}", method.name());
                assert!(QUERIES.iter().any(|entry| entry.method == path), "{path} has no command");
            }
        }
    }
}
