//! What other modules and the transaction checks may ask of auth.

use plume_crypto::PublicKey;
use plume_interfaces::{Account, Accounts, AuthParams, LockedAmounts, Permission};
use plume_kit::{Abort, Ctx};
use plume_primitives::{Address, Coins};
use plume_state::{KvRead, StateError};

use crate::record::Record;
use crate::state::{self, NEXT_NUMBER, PARAMS};
use crate::{Auth, AuthError, params};

impl Accounts for Auth {
    fn params(&self, state: &dyn KvRead) -> Result<AuthParams, StateError> {
        Ok(params::checked(&PARAMS.get(state)?.unwrap_or_default()))
    }

    fn account(&self, state: &dyn KvRead, address: &Address) -> Result<Option<Account>, StateError> {
        state::get_bytes(state, address)?.map(|bytes| state::view(&bytes, address)).transpose()
    }

    fn exists(&self, state: &dyn KvRead, address: &Address) -> Result<bool, StateError> {
        state::exists(state, address)
    }

    fn create(&self, ctx: &mut Ctx<'_>, address: &Address) -> Result<Account, Abort> {
        let number = NEXT_NUMBER.next(ctx)?;
        let record = Record::base(&ctx.chain().prefix, address, number);
        state::create(ctx, address, &record)?;
        Ok(state::view_of(&record, address)?)
    }

    fn set_public_key(&self, ctx: &mut Ctx<'_>, address: &Address, key: &PublicKey) -> Result<(), Abort> {
        let bytes = state::get_bytes(ctx, address)?.ok_or_else(|| unknown(ctx, address))?;
        if state::view(&bytes, address)?.public_key.is_some() {
            return Ok(());
        }
        let mut record = state::record(&bytes, address)?;
        record.as_base_mut().pub_key = Some(key.to_any());
        state::update(ctx, address, &record)
    }

    fn increment_sequence(&self, ctx: &mut Ctx<'_>, address: &Address) -> Result<(), Abort> {
        let mut record = state::get(ctx, address)?.ok_or_else(|| unknown(ctx, address))?;
        let base = record.as_base_mut();
        base.sequence = base.sequence.checked_add(1).ok_or_else(|| AuthError::SequenceUsedUp(base.address.clone()))?;
        state::update(ctx, address, &record)
    }

    fn module_account(&self, ctx: &mut Ctx<'_>, name: &str) -> Result<Account, Abort> {
        let rule = self.module_accounts.get(name).ok_or_else(|| AuthError::UnknownModule(name.to_owned()))?;
        let record = match state::get(ctx, &rule.address)? {
            Some(record @ Record::Module(_)) => record,
            Some(Record::Base(_)) => return Err(AuthError::NotModuleAccount(name.to_owned()).into()),
            None => {
                let number = NEXT_NUMBER.next(ctx)?;
                let prefix = &ctx.chain().prefix;
                let record = Record::module(prefix, name, &rule.address, &rule.permissions, number);
                state::create(ctx, &rule.address, &record)?;
                record
            }
        };
        Ok(state::view_of(&record, &rule.address)?)
    }

    fn has_permission(&self, name: &str, permission: Permission) -> bool {
        self.module_accounts.get(name).is_some_and(|rule| rule.permissions.contains(&permission))
    }
}

/// The accounts that this version knows lock nothing.
///
/// # Consensus
/// A bank of the SDK reads the account of everyone who spends, to see whether it is a vesting account. A chain that lists
/// auth among its providers pays that read as the SDK does.
impl LockedAmounts for Auth {
    fn locked(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError> {
        state::get_bytes(state, address)?;
        Ok(Coins::new())
    }
}

fn unknown(ctx: &Ctx<'_>, address: &Address) -> AuthError {
    AuthError::UnknownAccount(ctx.chain().prefix.account(address))
}
