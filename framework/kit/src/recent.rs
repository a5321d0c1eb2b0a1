use core::cell::RefCell;

use bytes::Bytes;
use plume_state::Store;
use plume_state::collections::KeyBuf;

/// What a context has read lately, so that reading it again is no search through the layers of the state.
///
/// The checks of a transaction read one account five times and the same parameters three times, since each of them pays
/// what its counterpart in the SDK pays. The context alone writes to the layers below it while it exists, and tells here
/// what it writes, so an answer from here is always the answer of the layers.
#[derive(Default)]
pub(crate) struct Recent {
    values: RefCell<Vec<Value>>,
}

struct Value {
    store: Store,
    key: KeyBuf,
    value: Option<Bytes>,
}

impl Recent {
    /// As many as are found faster by going through them than by a search. Once full it stays as it is: what is read
    /// often is read early.
    const ROOM: usize = 8;

    /// The value at `key`: from here, else from `read`.
    pub fn get<E>(
        &self,
        store: Store,
        key: &[u8],
        read: impl FnOnce() -> Result<Option<Bytes>, E>,
    ) -> Result<Option<Bytes>, E> {
        let is_it = |value: &&Value| value.key.as_slice() == key && value.store == store;
        if let Some(known) = self.values.borrow().iter().find(is_it) {
            return Ok(known.value.clone());
        }
        let value = read()?;
        let mut values = self.values.borrow_mut();
        if values.len() < Self::ROOM {
            values.push(Value { store, key: KeyBuf::from_slice(key), value: value.clone() });
        }
        Ok(value)
    }

    /// The value at `key` is about to change.
    pub fn forget(&mut self, store: Store, key: &[u8]) {
        let values = self.values.get_mut();
        if let Some(index) = values.iter().position(|value| value.key.as_slice() == key && value.store == store) {
            values.swap_remove(index);
        }
    }

    /// Writes were dropped.
    pub fn forget_all(&mut self) {
        self.values.get_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    const A: Store = Store::committed("a");
    const B: Store = Store::committed("b");

    /// What `recent` gives for a key, and whether it had to read for it.
    fn get(recent: &Recent, store: Store, key: &[u8], stored: Option<&'static [u8]>) -> (Option<Bytes>, bool) {
        let mut was_read = false;
        let value = recent.get::<Infallible>(store, key, || {
            was_read = true;
            Ok(stored.map(Bytes::from_static))
        });
        (value.unwrap(), was_read)
    }

    #[test]
    fn reads_once_each_key_of_each_store_whether_it_is_there_or_not() {
        let recent = Recent::default();
        for was_read in [true, false, false] {
            assert_eq!(get(&recent, A, b"key", Some(b"1")), (Some(Bytes::from_static(b"1")), was_read));
            assert_eq!(get(&recent, B, b"key", Some(b"2")), (Some(Bytes::from_static(b"2")), was_read));
            assert_eq!(get(&recent, A, b"none", None), (None, was_read));
        }
    }

    #[test]
    fn reads_again_what_was_written_or_reverted() {
        let mut recent = Recent::default();
        get(&recent, A, b"key", Some(b"1"));
        get(&recent, B, b"key", Some(b"2"));
        recent.forget(A, b"key");
        assert_eq!(get(&recent, A, b"key", Some(b"3")), (Some(Bytes::from_static(b"3")), true));
        assert_eq!(get(&recent, B, b"key", None), (Some(Bytes::from_static(b"2")), false));
        recent.forget_all();
        assert_eq!(get(&recent, A, b"key", None), (None, true));
        assert_eq!(get(&recent, B, b"key", None), (None, true));
    }

    #[test]
    fn a_failed_read_is_not_remembered_and_the_room_is_bounded() {
        let recent = Recent::default();
        assert_eq!(recent.get(A, b"key", || Err("broken")), Err("broken"));
        assert_eq!(get(&recent, A, b"key", None), (None, true));
        for key in 0_u8..100 {
            get(&recent, A, &[key], None);
        }
        assert_eq!(recent.values.borrow().len(), Recent::ROOM);
        assert_eq!(get(&recent, A, &[99], Some(b"9")), (Some(Bytes::from_static(b"9")), true));
    }
}
