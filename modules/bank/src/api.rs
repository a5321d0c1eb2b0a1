//! What other modules may ask of bank.

use plume_interfaces::{Bank as BankApi, MoveReason, Permission};
use plume_kit::{Abort, Ctx};
use plume_primitives::{Address, Amount, Coins, Denom};
use plume_proto::cosmos::bank::v1beta1::Metadata;
use plume_state::{KvRead, StateError};

use crate::movement::{Leg, Movement};
use crate::state::{self, METADATA, SUPPLY};
use crate::{Bank, BankError};

impl BankApi for Bank {
    fn balance(&self, state: &dyn KvRead, address: &Address, denom: &Denom) -> Result<Amount, StateError> {
        state::balance(state, address, denom)
    }

    fn balances(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError> {
        state::balances(state, address)
    }

    fn spendable(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError> {
        let held = state::balances(state, address)?;
        let locked = self.locked_of(state, address)?.min(&held);
        Ok(held.checked_sub(&locked).expect("locked was capped at what is held one line above"))
    }

    fn supply(&self, state: &dyn KvRead, denom: &Denom) -> Result<Amount, StateError> {
        Ok(SUPPLY.get(state, denom)?.unwrap_or_default())
    }

    fn denom_metadata(&self, state: &dyn KvRead, denom: &Denom) -> Result<Option<Metadata>, StateError> {
        METADATA.get(state, denom)
    }

    fn move_coins(
        &self,
        ctx: &mut Ctx<'_>,
        from: &Address,
        to: &Address,
        coins: &Coins,
        reason: MoveReason,
    ) -> Result<(), Abort> {
        match reason {
            MoveReason::Mint => return Err(BankError::ReasonOfOtherFunction("Mint").into()),
            MoveReason::Burn => return Err(BankError::ReasonOfOtherFunction("Burn").into()),
            _ => {}
        }
        if coins.is_empty() {
            return Ok(());
        }
        self.settle(
            ctx,
            Movement {
                from: Some(from.clone()),
                total: coins.clone(),
                legs: vec![Leg { to: Some(to.clone()), coins: coins.clone() }],
                reason,
            },
        )
    }

    fn mint(&self, ctx: &mut Ctx<'_>, module: &str, coins: &Coins) -> Result<(), Abort> {
        let account = self.accounts.module_account(ctx, module)?;
        if !self.accounts.has_permission(module, Permission::Minter) {
            return Err(BankError::MayNotMint(module.to_owned()).into());
        }
        if coins.is_empty() {
            return Ok(());
        }
        self.settle(
            ctx,
            Movement {
                from: None,
                total: coins.clone(),
                legs: vec![Leg { to: Some(account.address), coins: coins.clone() }],
                reason: MoveReason::Mint,
            },
        )
    }

    fn burn(&self, ctx: &mut Ctx<'_>, module: &str, coins: &Coins) -> Result<(), Abort> {
        let account = self.accounts.module_account(ctx, module)?;
        if !self.accounts.has_permission(module, Permission::Burner) {
            return Err(BankError::MayNotBurn(module.to_owned()).into());
        }
        if coins.is_empty() {
            return Ok(());
        }
        self.settle(
            ctx,
            Movement {
                from: Some(account.address),
                total: coins.clone(),
                legs: vec![Leg { to: None, coins: coins.clone() }],
                reason: MoveReason::Burn,
            },
        )
    }
}
