//! The one way in which balances and supply change.

use plume_interfaces::{MoveReason, Transfer, TransferVerdict};
use plume_kit::{Abort, Ctx};
use plume_primitives::{Address, Amount, Coin, Coins};
use plume_state::{KvRead, StateError};

use crate::state::{self, PARAMS, SEND_ENABLED, SUPPLY};
use crate::{Bank, BankError, events};

/// One debit and the credits that it pays for.
pub(crate) struct Movement {
    /// Who gives; nobody when coins are minted.
    pub(crate) from: Option<Address>,
    /// The sum of the legs.
    pub(crate) total: Coins,
    /// Who gets what, in order.
    pub(crate) legs: Vec<Leg>,
    /// Why.
    pub(crate) reason: MoveReason,
}

/// One credit of a [`Movement`].
pub(crate) struct Leg {
    /// Who gets; nobody when coins are burnt.
    pub(crate) to: Option<Address>,
    /// What.
    pub(crate) coins: Coins,
}

impl Bank {
    /// Carries out a movement: asks the hooks about every leg, takes the total, gives the legs.
    ///
    /// No balance and no supply changes anywhere else, genesis apart.
    ///
    /// # Errors
    /// A hook's refusal, `sdk/5` funds, `sdk/10` more than 2^128 - 1 units in one place. Nothing has changed then: all
    /// that can be refused is refused before the first write.
    pub(crate) fn settle(&self, ctx: &mut Ctx<'_>, movement: Movement) -> Result<(), Abort> {
        let Movement { from, total, legs, reason } = movement;
        let legs = self.judge(ctx, from.as_ref(), legs, reason)?;

        let text = |address: &Address| ctx.chain().prefix.account(address);
        let Some(from) = from else { return self.mint_to(ctx, &legs) };
        let sender = text(&from);
        let total_text = total.to_string();
        debit(ctx, &self.locked_of(ctx, &from)?, &from, &total)?;
        ctx.emit(events::coin_spent(&sender, &total_text));

        // # Consensus
        // The order of events is the SDK's: a multi-send names its sender before the legs, a send after them.
        if reason == MoveReason::MultiSend {
            ctx.emit(events::message(&sender));
        }
        for leg in &legs {
            let Some(to) = &leg.to else {
                burn_supply(ctx, &leg.coins)?;
                ctx.emit(events::burnt(&sender, &leg.coins.to_string()));
                continue;
            };
            let recipient = ctx.chain().prefix.account(to);
            let amount = if leg.coins == total { total_text.clone() } else { leg.coins.to_string() };
            credit(ctx, to, &leg.coins)?;
            ctx.emit(events::coin_received(&recipient, &amount));
            match reason {
                // Bonding is no transfer to the SDK: the coins stay the delegator's.
                MoveReason::Delegate | MoveReason::Undelegate => {}
                MoveReason::MultiSend => {
                    ctx.emit(events::transfer(&recipient, &sender, &amount));
                    self.require_account(ctx, to)?;
                }
                _ => {
                    self.require_account(ctx, to)?;
                    ctx.emit(events::transfer(&recipient, &sender, &amount));
                    ctx.emit(events::message(&sender));
                }
            }
        }
        Ok(())
    }

    /// The legs as the hooks leave them.
    fn judge(
        &self,
        ctx: &mut Ctx<'_>,
        from: Option<&Address>,
        legs: Vec<Leg>,
        reason: MoveReason,
    ) -> Result<Vec<Leg>, Abort> {
        if self.hooks.is_empty() {
            return Ok(legs);
        }
        let mut judged = Vec::with_capacity(legs.len());
        for leg in legs {
            let mut transfer = Transfer { from: from.cloned(), to: leg.to, coins: leg.coins, reason };
            for hook in &self.hooks {
                match hook.judge(ctx, &transfer)? {
                    TransferVerdict::Allow => {}
                    TransferVerdict::Redirect(_) if transfer.to.is_none() => {
                        return Err(BankError::BurnRedirected.into());
                    }
                    TransferVerdict::Redirect(to) => transfer.to = Some(to),
                    TransferVerdict::Refuse(error) => return Err(error.into()),
                }
            }
            judged.push(Leg { to: transfer.to, coins: transfer.coins });
        }
        Ok(judged)
    }

    /// Creates the coins of the legs.
    fn mint_to(&self, ctx: &mut Ctx<'_>, legs: &[Leg]) -> Result<(), Abort> {
        for Leg { to, coins } in legs {
            let Some(to) = to else { continue };
            let supply = coins
                .iter()
                .map(|coin| {
                    let supply = SUPPLY.get(ctx, &coin.denom)?.unwrap_or_default();
                    supply.checked_add(coin.amount).ok_or_else(|| {
                        let error = BankError::SupplyTooLarge { denom: coin.denom.clone(), minted: coins.clone() };
                        Abort::from(error)
                    })
                })
                .collect::<Result<Vec<Amount>, Abort>>()?;

            let minter = ctx.chain().prefix.account(to);
            let amount = coins.to_string();
            credit(ctx, to, coins)?;
            ctx.emit(events::coin_received(&minter, &amount));
            for (coin, supply) in coins.iter().zip(&supply) {
                SUPPLY.set(ctx, &coin.denom, supply)?;
            }
            ctx.emit(events::minted(&minter, &amount));
        }
        Ok(())
    }

    /// What `address` holds and cannot spend.
    pub(crate) fn locked_of(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError> {
        let mut locked = Coins::new();
        for provider in &self.locked {
            let more = provider.locked(state, address)?;
            // Beyond 2^128 - 1 nothing more can be locked: no balance is larger.
            locked = locked.checked_add(&more).unwrap_or_else(|| locked.max(&more));
        }
        Ok(locked)
    }

    /// Gives `address` an account if it has none.
    fn require_account(&self, ctx: &mut Ctx<'_>, address: &Address) -> Result<(), Abort> {
        if !self.accounts.exists(ctx, address)? {
            self.accounts.create(ctx, address)?;
        }
        Ok(())
    }

    /// `bank/5` unless every denomination may be sent by users.
    pub(crate) fn require_send_enabled(&self, ctx: &Ctx<'_>, coins: &Coins) -> Result<(), Abort> {
        let default = PARAMS.get(ctx)?.unwrap_or_default().default_send_enabled;
        for coin in coins {
            // # Consensus
            // Asking first and reading then is what the SDK pays gas for.
            let enabled = if SEND_ENABLED.has(ctx, &coin.denom)? {
                SEND_ENABLED.get(ctx, &coin.denom)?.unwrap_or(default)
            } else {
                default
            };
            if !enabled {
                return Err(BankError::SendDisabled(coin.denom.clone()).into());
            }
        }
        Ok(())
    }

    /// `sdk/4` if users cannot send to `address`, which the message writes as `text`.
    pub(crate) fn require_not_blocked(&self, address: &Address, text: &str) -> Result<(), BankError> {
        if self.is_blocked(address) { Err(BankError::Blocked(text.to_owned())) } else { Ok(()) }
    }
}

/// Takes coins from an account. Checks all of them before it writes any.
fn debit(ctx: &mut Ctx<'_>, locked: &Coins, from: &Address, coins: &Coins) -> Result<(), Abort> {
    let held = coins.iter().map(|coin| state::balance(ctx, from, &coin.denom)).collect::<Result<Vec<Amount>, _>>()?;
    for (coin, held) in coins.iter().zip(&held) {
        let locked = locked.amount_of(coin.denom.as_str());
        let spendable = held.checked_sub(locked).unwrap_or(Amount::ZERO);
        if spendable < coin.amount {
            let spendable = Coin::new(coin.denom.clone(), spendable);
            return Err(BankError::InsufficientFunds { spendable, wanted: coin.clone() }.into());
        }
    }
    for (coin, held) in coins.iter().zip(held) {
        let left = held.checked_sub(coin.amount).expect("spendable is at most held and at least this");
        state::set_balance(ctx, from, &coin.denom, held, left)?;
    }
    Ok(())
}

/// Gives coins to an account.
fn credit(ctx: &mut Ctx<'_>, to: &Address, coins: &Coins) -> Result<(), Abort> {
    for Coin { denom, amount } in coins {
        let held = state::balance(ctx, to, denom)?;
        // Cannot happen while the supply is bounded, since no balance exceeds it; a mint checks the supply before.
        let more = held
            .checked_add(*amount)
            .ok_or_else(|| BankError::BalanceTooLarge { address: to.clone(), denom: denom.clone() })?;
        state::set_balance(ctx, to, denom, held, more)?;
    }
    Ok(())
}

fn burn_supply(ctx: &mut Ctx<'_>, coins: &Coins) -> Result<(), Abort> {
    for Coin { denom, amount } in coins {
        let supply = SUPPLY.get(ctx, denom)?.unwrap_or_default();
        let left = supply.checked_sub(*amount).ok_or_else(|| {
            plume_kit::Fatal::new(format!("supply {supply}{denom} is smaller than the {amount} that an account held"))
        })?;
        if left.is_zero() {
            SUPPLY.remove(ctx, denom)?;
        } else {
            SUPPLY.set(ctx, denom, &left)?;
        }
    }
    Ok(())
}
