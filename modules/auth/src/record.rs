//! An account as it is stored: an `Any` of one of the SDK's account types.

use plume_crypto::{PublicKey, PublicKeyError};
use plume_interfaces::{Account, Permission};
use plume_primitives::{Address, AddressError, Bech32Prefix};
use plume_proto::cosmos::auth::v1beta1::{BaseAccount, ModuleAccount};
use plume_proto::prost::DecodeError;
use plume_proto::{Any, Message, any};

pub(crate) const BASE_ACCOUNT: &str = "/cosmos.auth.v1beta1.BaseAccount";
const MODULE_ACCOUNT: &str = "/cosmos.auth.v1beta1.ModuleAccount";

/// An account of a type that this chain knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// Someone with a key.
    Base(BaseAccount),
    /// A module.
    Module(ModuleAccount),
}

/// Why an `Any` is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("account type {0} is not supported: use {BASE_ACCOUNT} or {MODULE_ACCOUNT}")]
    UnknownType(String),
    #[error("account does not decode: {0}")]
    Malformed(#[from] DecodeError),
    #[error("module account without base_account")]
    NoBase,
    #[error("address: {0}")]
    Address(#[from] AddressError),
    #[error("public key: {0}")]
    PublicKey(#[from] PublicKeyError),
    #[error("account address and pubkey address do not match")]
    ForeignPublicKey,
    #[error("module account {0:?} has another address than its name gives")]
    ForeignName(String),
}

impl Record {
    /// A new account without a key.
    pub(crate) fn base(prefix: &Bech32Prefix, address: &Address, number: u64) -> Self {
        Self::Base(BaseAccount { address: prefix.account(address), pub_key: None, account_number: number, sequence: 0 })
    }

    /// A new account of the module `name`.
    pub(crate) fn module(
        prefix: &Bech32Prefix,
        name: &str,
        address: &Address,
        permissions: &[Permission],
        number: u64,
    ) -> Self {
        Self::Module(ModuleAccount {
            base_account: Some(new_base(prefix, address, number)),
            name: name.to_owned(),
            permissions: permissions.iter().map(|permission| permission.as_str().to_owned()).collect(),
        })
    }

    pub(crate) fn from_any(stored: &Any) -> Result<Self, RecordError> {
        match stored.type_url.as_str() {
            BASE_ACCOUNT => Ok(Self::Base(BaseAccount::decode(stored.value.as_slice())?)),
            MODULE_ACCOUNT => {
                let account = ModuleAccount::decode(stored.value.as_slice())?;
                if account.base_account.is_some() { Ok(Self::Module(account)) } else { Err(RecordError::NoBase) }
            }
            other => Err(RecordError::UnknownType(other.to_owned())),
        }
    }

    pub(crate) fn to_any(&self) -> Any {
        match self {
            Self::Base(account) => any(account),
            Self::Module(account) => any(account),
        }
    }

    /// The part that all types share.
    pub(crate) fn as_base(&self) -> &BaseAccount {
        match self {
            Self::Base(account) => account,
            Self::Module(account) => account.base_account.as_ref().expect(HAS_BASE),
        }
    }

    pub(crate) fn as_base_mut(&mut self) -> &mut BaseAccount {
        match self {
            Self::Base(account) => account,
            Self::Module(account) => account.base_account.as_mut().expect(HAS_BASE),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.as_base().account_number
    }

    /// What the rest of the chain sees of it.
    pub(crate) fn view(&self, address: &Address) -> Result<Account, RecordError> {
        let base = self.as_base();
        Ok(Account {
            address: address.clone(),
            public_key: base.pub_key.as_ref().map(PublicKey::from_any).transpose()?,
            number: base.account_number,
            sequence: base.sequence,
            module: match self {
                Self::Base(_) => None,
                Self::Module(account) => Some(account.name.clone()),
            },
        })
    }

    /// Checks that address, key and name belong together, and returns the address.
    pub(crate) fn validate(&self, prefix: &Bech32Prefix) -> Result<Address, RecordError> {
        let address = prefix.parse_account(&self.as_base().address)?;
        if let Some(key) = self.view(&address)?.public_key
            && key.address() != address
        {
            return Err(RecordError::ForeignPublicKey);
        }
        match self {
            Self::Module(account) if plume_primitives::module_address(&account.name) != address => {
                Err(RecordError::ForeignName(account.name.clone()))
            }
            _ => Ok(address),
        }
    }
}

fn new_base(prefix: &Bech32Prefix, address: &Address, number: u64) -> BaseAccount {
    BaseAccount { address: prefix.account(address), pub_key: None, account_number: number, sequence: 0 }
}

const HAS_BASE: &str = "a module account without one is neither read nor made";

#[cfg(test)]
mod tests {
    use plume_primitives::module_address;

    use super::*;

    fn prefix() -> Bech32Prefix {
        Bech32Prefix::new("cosmos").unwrap()
    }

    #[test]
    fn module_account_is_stored_as_the_sdk_stores_it() {
        // Value of the fee collector in a store of simd v8.8.0 (account number 14).
        let address = module_address("fee_collector");
        let record = Record::module(&prefix(), "fee_collector", &address, &[], 14);
        let stored = record.to_any();
        assert_eq!(stored.type_url, MODULE_ACCOUNT);
        let text = b"cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta";
        let expected = [&[0x0a, 0x31, 0x0a, 0x2d][..], text, &[0x18, 14, 0x12, 13], b"fee_collector"].concat();
        assert_eq!(stored.value, expected);
        assert_eq!(Record::from_any(&stored).unwrap(), record);
    }

    #[test]
    fn what_is_no_account_is_refused() {
        let refused = |type_url: &str, value: &[u8]| {
            let any = Any { type_url: type_url.to_owned(), value: value.to_vec() };
            Record::from_any(&any).unwrap_err()
        };
        assert_eq!(
            refused("/cosmos.vesting.v1beta1.ContinuousVestingAccount", b"").to_string(),
            "account type /cosmos.vesting.v1beta1.ContinuousVestingAccount is not supported: use \
             /cosmos.auth.v1beta1.BaseAccount or /cosmos.auth.v1beta1.ModuleAccount"
        );
        assert_eq!(refused(MODULE_ACCOUNT, b""), RecordError::NoBase);
        assert!(matches!(refused(BASE_ACCOUNT, b"\x0a\xff"), RecordError::Malformed(_)));
    }

    #[test]
    fn key_and_name_must_belong_to_the_address() {
        let address = Address::from([7; 20]);
        let mut record = Record::base(&prefix(), &address, 1);
        assert_eq!(record.validate(&prefix()), Ok(address.clone()));
        record.as_base_mut().pub_key = Some(PublicKey::Ed25519([9; 32]).to_any());
        assert_eq!(record.validate(&prefix()), Err(RecordError::ForeignPublicKey));
        let record = Record::module(&prefix(), "mint", &address, &[Permission::Minter], 1);
        assert_eq!(record.validate(&prefix()), Err(RecordError::ForeignName("mint".to_owned())));
    }
}
