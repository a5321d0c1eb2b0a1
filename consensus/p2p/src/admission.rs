use crate::PeerId;

/// Which nodes may be connected to.
///
/// Asked after the handshake has proved the key and before any frame is read, in both directions; asked again for
/// every connected peer when the policy is replaced ([`Peers::set_admission`](crate::Peers::set_admission)).
/// Closures `Fn(&PeerId) -> bool` are policies.
pub trait Admission: Send + Sync + 'static {
    /// Whether `id` is let in. Must not block, and must not call [`Peers`](crate::Peers).
    fn admits(&self, id: &PeerId) -> bool;
}

impl<F: Fn(&PeerId) -> bool + Send + Sync + 'static> Admission for F {
    fn admits(&self, id: &PeerId) -> bool {
        self(id)
    }
}
