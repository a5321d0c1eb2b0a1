use std::hash::{BuildHasher, RandomState};

/// Whose sequences a transaction uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signers<'a> {
    /// Something that is the same in all transactions of a signer: here its public key.
    Known(Vec<&'a [u8]>),
    /// There are signers, but the transaction does not name them all: it is ordered with every other.
    Unknown,
    /// Not a transaction; the application refuses it, so its order does not matter.
    None,
}

/// Signers of a `cosmos.tx.v1beta1.TxRaw`: the `public_key` of each of `auth_info.signer_infos`.
///
/// A public key may be left out when the chain knows it already; such a transaction is [`Signers::Unknown`].
///
/// # Security
/// Nothing is verified here, and the answer decides about order only: somebody who writes a transaction that this
/// function and the application read differently puts the order of its own transactions at risk.
pub fn cosmos_signers(tx: &[u8]) -> Signers<'_> {
    const AUTH_INFO_BYTES: u64 = 2;
    const SIGNER_INFOS: u64 = 1;
    const PUBLIC_KEY: u64 = 1;
    let signers = || -> Option<Vec<Option<&[u8]>>> {
        let auth_info = submessages(tx, AUTH_INFO_BYTES)?.pop()?;
        submessages(auth_info, SIGNER_INFOS)?
            .into_iter()
            .map(|signer| submessages(signer, PUBLIC_KEY).map(|mut keys| keys.pop()))
            .collect()
    };
    match signers() {
        Some(signers) if !signers.is_empty() => {
            signers.into_iter().collect::<Option<_>>().map_or(Signers::Unknown, Signers::Known)
        }
        Some(_) | None => Signers::None,
    }
}

/// The length-delimited fields numbered `wanted` of a protobuf message; `None` if it is not one.
fn submessages(mut message: &[u8], wanted: u64) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => drop(varint(&mut message)?),
            1 => drop(take(&mut message, 8)?),
            2 => {
                let len = usize::try_from(varint(&mut message)?).ok()?;
                let value = take(&mut message, len)?;
                if tag >> 3 == wanted {
                    found.push(value);
                }
            }
            5 => drop(take(&mut message, 4)?),
            _ => return None,
        }
    }
    Some(found)
}

fn take<'a>(from: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(taken)
}

fn varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(from, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A set of lanes. Transactions in a common lane are checked one after another, in the order of their arrival; all
/// transactions of a signer are in the signer's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lanes(u128);

/// Enough that few signers share a lane by chance among the checks that run at one moment.
pub(crate) const LANES: usize = 128;

impl Lanes {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u128::MAX);

    /// The lanes of a transaction. `seed` keeps others from choosing signers that share a lane.
    pub fn of(signers: &Signers<'_>, tx: &[u8], seed: &RandomState) -> Self {
        let lane = |bytes: &[u8]| Self(1 << (seed.hash_one(bytes) % LANES as u64));
        match signers {
            Signers::Known(signers) if !signers.is_empty() => {
                signers.iter().fold(Self::NONE, |lanes, signer| lanes.with(lane(signer)))
            }
            Signers::Unknown => Self::ALL,
            Signers::Known(_) | Signers::None => lane(tx),
        }
    }

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The numbers of the lanes, below [`LANES`].
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let lane = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (lane < LANES).then_some(lane)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of wire type 2.
    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(value.len()).expect("short")];
        out.extend_from_slice(value);
        out
    }

    fn tx(signers: &[Option<&[u8]>]) -> Vec<u8> {
        let infos = signers.iter().map(|key| {
            let sequence = [0x18, 0x96, 0x01]; // sequence: 150
            field(1, &[key.map(|key| field(1, key)).unwrap_or_default(), sequence.to_vec()].concat())
        });
        let auth_info = [infos.collect::<Vec<_>>().concat(), field(2, b"fee")].concat();
        [field(1, b"body"), field(2, &auth_info), field(3, b"signature")].concat()
    }

    #[test]
    fn public_keys_name_the_signers() {
        assert_eq!(cosmos_signers(&tx(&[Some(b"a"), Some(b"bb")])), Signers::Known(vec![b"a", b"bb"]));
        assert_eq!(cosmos_signers(&tx(&[Some(b"a"), None])), Signers::Unknown);
        assert_eq!(cosmos_signers(&tx(&[])), Signers::None);
        assert_eq!(cosmos_signers(b"\xff\xff"), Signers::None);
        assert_eq!(cosmos_signers(b""), Signers::None);
        let whole = tx(&[Some(b"a")]);
        assert!((0..whole.len()).all(|cut| cosmos_signers(&whole[..cut]) != Signers::Unknown), "cut off anywhere");
    }

    #[test]
    fn lanes_are_sets() {
        let seed = RandomState::new();
        let of = |signers: &[&'static [u8]]| Lanes::of(&Signers::Known(signers.to_vec()), b"tx", &seed);
        let (a, both) = (of(&[b"a"]), of(&[b"a", b"b"]));
        assert_eq!(a, of(&[b"a"]));
        assert!(both.meets(a) && a.meets(Lanes::ALL) && !a.meets(Lanes::NONE));
        assert_eq!(both.iter().count(), if of(&[b"b"]) == a { 1 } else { 2 });
        assert_eq!(both.with(a), both);
        assert!(!both.without(a).meets(a));
        assert_eq!(Lanes::ALL.iter().collect::<Vec<_>>(), (0..LANES).collect::<Vec<_>>());
        assert_eq!(Lanes::NONE.iter().count(), 0);
    }
}
