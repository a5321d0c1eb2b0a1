/// A map in which single entries are looked up, and which is never gone through: its order is random.
///
/// For what this node remembers of transactions, several times for each of them. Among ten thousand entries a search in a
/// tree takes a fourth of a microsecond, most of it waiting for memory.
///
/// # Security
/// The hash is keyed with random bytes, so nobody can choose keys that collide.
#[expect(clippy::disallowed_types, reason = "never gone through, and nothing that nodes must agree on depends on it")]
pub(crate) type Lookup<K, V> = std::collections::HashMap<K, V>;
