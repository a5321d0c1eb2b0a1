use plume_kit::{Abort, Ctx, TxError};
use plume_primitives::{Address, Amount, Coins, Denom};
use plume_proto::cosmos::bank::v1beta1::Metadata;
use plume_state::{KvRead, StateError};

/// Why coins move. Every way in which a balance can change has its own reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MoveReason {
    /// A user's `MsgSend`.
    Send,
    /// One leg of a user's `MsgMultiSend`.
    MultiSend,
    /// A transaction's fee.
    Fee,
    /// The unused part of a fee.
    FeeRefund,
    /// New coins.
    Mint,
    /// Coins taken out of existence.
    Burn,
    /// Coins bonded to a validator.
    Delegate,
    /// Coins freed from a validator.
    Undelegate,
    /// Coins locked away on another's behalf.
    Escrow,
    /// Escrowed coins given back or on.
    Release,
    /// Coins given back after a failure.
    Refund,
    /// Coins taken as a punishment.
    Slash,
    /// Coins paid out by a module.
    Payout,
    /// Coins moved between module accounts.
    Internal,
}

impl MoveReason {
    /// Every reason, for tests that must cover them all.
    pub const ALL: [Self; 14] = [
        Self::Send,
        Self::MultiSend,
        Self::Fee,
        Self::FeeRefund,
        Self::Mint,
        Self::Burn,
        Self::Delegate,
        Self::Undelegate,
        Self::Escrow,
        Self::Release,
        Self::Refund,
        Self::Slash,
        Self::Payout,
        Self::Internal,
    ];
}

/// A movement that is about to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who gives; `None` when coins are minted.
    pub from: Option<Address>,
    /// Who gets; `None` when coins are burnt.
    pub to: Option<Address>,
    /// What moves; never empty.
    pub coins: Coins,
    /// Why.
    pub reason: MoveReason,
}

/// What a hook makes of a [`Transfer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferVerdict {
    /// It may happen.
    Allow,
    /// It may happen to another recipient.
    Redirect(Address),
    /// It must not happen.
    Refuse(TxError),
}

/// Compliance, freezes and other restrictions: asked before **every** change of a balance, in the
/// order in which the chain lists them, each on what the one before made of the transfer.
pub trait TransferHook: Send + Sync + 'static {
    /// Judges a transfer.
    ///
    /// # Errors
    /// State that cannot be read, gas. A refusal is a verdict, not an error.
    fn judge(&self, ctx: &mut Ctx<'_>, transfer: &Transfer) -> Result<TransferVerdict, Abort>;
}

/// Says how much of a balance cannot be spent now: vesting, freezes.
pub trait LockedAmounts: Send + Sync + 'static {
    /// The locked part of what `address` holds; several providers add up, capped at the balance.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn locked(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError>;
}

/// Money as other modules see it; implemented by `bank`.
pub trait Bank: Send + Sync + 'static {
    /// Balance of one denomination, locked part included.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn balance(&self, state: &dyn KvRead, address: &Address, denom: &Denom) -> Result<Amount, StateError>;

    /// Everything that `address` holds.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn balances(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError>;

    /// Everything that `address` can spend.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn spendable(&self, state: &dyn KvRead, address: &Address) -> Result<Coins, StateError>;

    /// Units of `denom` that exist.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn supply(&self, state: &dyn KvRead, denom: &Denom) -> Result<Amount, StateError>;

    /// How a denomination is written for people, `None` where nothing is recorded. Charges one read.
    ///
    /// # Errors
    /// State that cannot be read.
    fn denom_metadata(&self, state: &dyn KvRead, denom: &Denom) -> Result<Option<Metadata>, StateError>;

    /// Moves coins, after the transfer hooks, and emits `coin_spent`, `coin_received`,
    /// `transfer` and `message` as the SDK does.
    ///
    /// # Errors
    /// `sdk/5` when `from` can spend less, `sdk/10` when `to` would hold more than `u128::MAX`, and a
    /// hook's refusal. Nothing has changed then.
    fn move_coins(
        &self,
        ctx: &mut Ctx<'_>,
        from: &Address,
        to: &Address,
        coins: &Coins,
        reason: MoveReason,
    ) -> Result<(), Abort>;

    /// Makes new coins for the account of a module that may mint.
    ///
    /// # Errors
    /// `sdk/4` when the module may not, `sdk/10` when the supply would pass `u128::MAX`, a hook's refusal.
    fn mint(&self, ctx: &mut Ctx<'_>, module: &str, coins: &Coins) -> Result<(), Abort>;

    /// Destroys coins of the account of a module that may burn.
    ///
    /// # Errors
    /// `sdk/4` when the module may not, `sdk/5` when it holds less, a hook's refusal.
    fn burn(&self, ctx: &mut Ctx<'_>, module: &str, coins: &Coins) -> Result<(), Abort>;
}
