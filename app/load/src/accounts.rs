use std::collections::{BTreeSet, HashMap};

use plume_crypto::PrivateKey;
use plume_primitives::{Address, Bech32Prefix};
use rayon::prelude::*;

use crate::{Keys, Transfer, Workload};

/// An account that signs.
#[derive(Clone)]
pub struct Account {
    /// Its key.
    pub key: PrivateKey,
    /// Address as text.
    pub address: String,
    /// Number on the chain.
    pub number: u64,
    /// Sequence of its next transaction.
    pub sequence: u64,
}

/// The accounts of a load. Only those that sign have keys: of ten million a run touches a part.
pub struct Accounts {
    keys: Keys,
    prefix: Bech32Prefix,
    signers: HashMap<u64, Account>,
}

impl Accounts {
    /// Those that `transfers` need, with the numbers of a genesis document that lists them in order and with sequence 0.
    pub fn of(workload: &Workload, transfers: &[Transfer], prefix: &Bech32Prefix) -> Self {
        let mut accounts = Self { keys: workload.keys(), prefix: prefix.clone(), signers: HashMap::new() };
        accounts.include(transfers.iter().flat_map(|transfer| workload.signers(transfer)));
        accounts
    }

    /// Lets more accounts sign, numbered and with sequence 0 as above. An account's address depends on whether it signs, so
    /// this comes before addresses are used.
    pub fn include(&mut self, signers: impl Iterator<Item = u64>) {
        let new: BTreeSet<u64> = signers.filter(|index| !self.signers.contains_key(index)).collect();
        let account = |index: u64| {
            let key = self.keys.key(index);
            let address = self.prefix.account(&key.public_key().address());
            (index, Account { key, address, number: index, sequence: 0 })
        };
        let new: Vec<_> = new.into_par_iter().map(account).collect();
        self.signers.extend(new);
    }

    /// Those that sign, in order.
    pub fn signers(&self) -> Vec<u64> {
        let mut signers: Vec<u64> = self.signers.keys().copied().collect();
        signers.sort_unstable();
        signers
    }

    /// An account that signs.
    pub fn signer(&self, index: u64) -> Option<&Account> {
        self.signers.get(&index)
    }

    /// Tells where an account that signs stands on a running chain.
    pub fn place(&mut self, index: u64, number: u64, sequence: u64) {
        if let Some(account) = self.signers.get_mut(&index) {
            (account.number, account.sequence) = (number, sequence);
        }
    }

    /// Notes that an account has signed another transaction; the sequence of that one.
    pub(crate) fn next_sequence(&mut self, index: u64) -> Option<u64> {
        let account = self.signers.get_mut(&index)?;
        account.sequence += 1;
        Some(account.sequence - 1)
    }

    /// Address of any account, with or without a key.
    pub fn address(&self, index: u64) -> Address {
        match self.signers.get(&index) {
            Some(account) => account.key.public_key().address(),
            None => self.keys.silent_address(index),
        }
    }

    /// The address as text.
    pub fn bech32(&self, index: u64) -> String {
        match self.signers.get(&index) {
            Some(account) => account.address.clone(),
            None => self.prefix.account(&self.keys.silent_address(index)),
        }
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("signers", &self.signers.len()).finish_non_exhaustive()
    }
}
