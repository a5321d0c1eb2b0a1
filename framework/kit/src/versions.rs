use bytes::Bytes;
use plume_state::{KvRead, KvWrite, StateError, Store};

/// The store of the SDK's upgrade module; it exists from genesis.
pub const UPGRADE_STORE: Store = Store::committed("upgrade");

/// First byte of a version's key (`x/upgrade/types/keys.go`, `VersionMapByte`).
const VERSION_MAP: u8 = 0x02;

/// Which version each module's state has: `0x02 | name -> version`, 8 bytes big endian.
pub struct ModuleVersions;

impl ModuleVersions {
    /// Version of `module`, if it has state.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn get(state: &impl KvRead, module: &str) -> Result<Option<u64>, StateError> {
        let key = version_key(module);
        let Some(value) = state.get(UPGRADE_STORE, &key)? else { return Ok(None) };
        let bytes = <[u8; 8]>::try_from(value.as_ref()).map_err(|_| {
            StateError::corrupt(UPGRADE_STORE, &key, format!("a version has 8 bytes, not {}", value.len()))
        })?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    /// Records the version of `module`.
    ///
    /// # Errors
    /// State that cannot be written.
    pub fn set(state: &mut impl KvWrite, module: &str, version: u64) -> Result<(), StateError> {
        state.set(UPGRADE_STORE, &version_key(module), Bytes::copy_from_slice(&version.to_be_bytes()))
    }
}

fn version_key(module: &str) -> Vec<u8> {
    [&[VERSION_MAP], module.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_sdks() {
        assert_eq!(version_key("bank"), b"\x02bank");
    }
}
