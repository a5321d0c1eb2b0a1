use plume_crypto::PublicKey;
use plume_kit::{Abort, Ctx};
use plume_primitives::Address;
use plume_state::{KvRead, StateError};

/// The part of an account that signing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Address.
    pub address: Address,
    /// Key, once the account has signed something.
    pub public_key: Option<PublicKey>,
    /// Number, given once at creation.
    pub number: u64,
    /// Sequence that the next signature must carry.
    pub sequence: u64,
    /// Name of the module, for a module account.
    pub module: Option<String>,
}

/// Parameters of transactions (`cosmos.auth.v1beta1.Params`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthParams {
    /// Longest memo, in characters.
    pub max_memo_characters: u64,
    /// Most signatures in a transaction, multisig members counted one by one.
    pub tx_sig_limit: u64,
    /// Gas per byte of a transaction.
    pub tx_size_cost_per_byte: u64,
    /// Gas for an ed25519 signature.
    pub sig_verify_cost_ed25519: u64,
    /// Gas for a secp256k1 signature.
    pub sig_verify_cost_secp256k1: u64,
}

/// What a module may do with coins beyond moving its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Create coins.
    Minter,
    /// Destroy coins that it holds.
    Burner,
    /// Hold what others have bonded.
    Staking,
}

impl Permission {
    /// The name that module accounts store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minter => "minter",
            Self::Burner => "burner",
            Self::Staking => "staking",
        }
    }
}

/// Accounts as other modules and the transaction checks see them; implemented by `auth`.
///
/// Each call is one logical access to the store and charged as such.
pub trait Accounts: Send + Sync + 'static {
    /// Parameters of transactions.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn params(&self, state: &dyn KvRead) -> Result<AuthParams, StateError>;

    /// The account at `address`.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn account(&self, state: &dyn KvRead, address: &Address) -> Result<Option<Account>, StateError>;

    /// Whether there is an account at `address`.
    ///
    /// # Errors
    /// State that cannot be read, gas.
    fn exists(&self, state: &dyn KvRead, address: &Address) -> Result<bool, StateError>;

    /// Creates a base account with the next account number. Ask [`Accounts::exists`] first.
    ///
    /// # Errors
    /// State that cannot be read, gas; `Fatal` when there is an account already.
    fn create(&self, ctx: &mut Ctx<'_>, address: &Address) -> Result<Account, Abort>;

    /// Sets the public key of an account that has none; one that is set stays.
    ///
    /// # Errors
    /// `sdk/9` when there is no such account.
    fn set_public_key(&self, ctx: &mut Ctx<'_>, address: &Address, key: &PublicKey) -> Result<(), Abort>;

    /// Raises the sequence of an account by one.
    ///
    /// # Errors
    /// `sdk/9` when there is no such account.
    fn increment_sequence(&self, ctx: &mut Ctx<'_>, address: &Address) -> Result<(), Abort>;

    /// The account of module `name`, created when it is first asked for.
    ///
    /// # Errors
    /// State that cannot be read, gas; a name that the chain does not list.
    fn module_account(&self, ctx: &mut Ctx<'_>, name: &str) -> Result<Account, Abort>;

    /// Whether the chain lists module `name` with `permission`.
    fn has_permission(&self, name: &str, permission: Permission) -> bool;
}
