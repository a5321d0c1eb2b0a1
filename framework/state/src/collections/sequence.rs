use super::item::Item;
use super::schema::CollectionSchema;
use super::value::U64Be;
use crate::{KvRead, KvWrite, StateError, Store};

/// A counter that hands out 0, 1, 2 ... Stored as 8 bytes big endian once used, as the SDK does.
#[derive(Clone, Copy)]
pub struct Sequence(Item<u64, U64Be>);

impl Sequence {
    /// The counter stored at exactly `key`.
    #[must_use]
    pub const fn new(store: Store, key: &'static [u8]) -> Self {
        Self(Item::new(store, key))
    }

    /// The number that [`next`](Self::next) will hand out.
    ///
    /// # Errors
    /// As [`Item::get`].
    pub fn peek(&self, ctx: &(impl KvRead + ?Sized)) -> Result<u64, StateError> {
        Ok(self.0.get(ctx)?.unwrap_or(0))
    }

    /// Hands out a number and advances.
    ///
    /// # Errors
    /// As [`Item::get`] and [`Item::set`]; [`StateError::Fatal`] when 2^64 numbers are used up.
    pub fn next(&self, ctx: &mut (impl KvWrite + ?Sized)) -> Result<u64, StateError> {
        let number = self.peek(ctx)?;
        let following = number
            .checked_add(1)
            .ok_or_else(|| StateError::corrupt(self.0.store(), self.0.key(), "sequence used up"))?;
        self.0.set(ctx, &following)?;
        Ok(number)
    }

    /// Sets the number that will be handed out next (genesis, migrations).
    ///
    /// # Errors
    /// As [`Item::set`].
    pub fn set(&self, ctx: &mut (impl KvWrite + ?Sized), next: u64) -> Result<(), StateError> {
        self.0.set(ctx, &next)
    }

    /// Its line in the module's schema.
    #[must_use]
    pub fn schema(&self, name: &'static str) -> CollectionSchema {
        self.0.schema(name)
    }
}
