//! From a stream to an accepted connection.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::timeout;

use crate::frame::{self, Frame};
use crate::hello::WireHello;
use crate::link::Link;
use crate::node::Node;
use crate::tls::SecureStream;
use crate::wire::{Early, Wire};
use crate::{BoxStream, CloseCode, PeerAddress, PeerDownReason, PeerId, Violation, connection};

fn late() -> PeerDownReason {
    PeerDownReason::Lost("handshake took too long".to_owned())
}

/// Connects to `address`, which must hold the key of its id.
pub(crate) async fn dial(node: &Arc<Node>, address: &PeerAddress) -> Result<Arc<Link>, PeerDownReason> {
    let target = address.dial_string();
    let dialled = timeout(node.config.dial_timeout, node.network.dial(&target)).await;
    let stream = dialled.map_err(|_| PeerDownReason::Lost("dialling took too long".to_owned()))??;
    let shake = async {
        let stream = node.tls.dial(stream, address.id).await?;
        establish(node, stream, address.id, target, true).await
    };
    timeout(node.config.handshake_timeout, shake).await.unwrap_or_else(|_| Err(late()))
}

/// Turns an accepted stream into a connection, if its other side is let in.
pub(crate) async fn accept(node: &Arc<Node>, stream: BoxStream, addr: String) -> Result<Arc<Link>, PeerDownReason> {
    let shake = async {
        let (stream, id) = node.tls.accept(stream).await?;
        establish(node, stream, id, addr, false).await
    };
    timeout(node.config.handshake_timeout, shake).await.unwrap_or_else(|_| Err(late()))
}

async fn establish(
    node: &Arc<Node>,
    stream: SecureStream,
    id: PeerId,
    addr: String,
    outbound: bool,
) -> Result<Arc<Link>, PeerDownReason> {
    let mut wire = Wire::new(stream);
    let outcome = negotiate(node, &mut wire, id, addr, outbound).await;
    match outcome {
        Ok((link, announced)) => {
            node.spawn(connection::run(node.clone(), link.clone(), wire, announced));
            Ok(link)
        }
        Err(reason) => {
            if let PeerDownReason::Local { code, text } = &reason {
                if *code == CloseCode::Violation {
                    node.ban(id, text);
                }
                wire.refuse(*code, text).await;
            }
            Err(reason)
        }
    }
}

type Announced = tokio::sync::oneshot::Receiver<()>;

async fn negotiate(
    node: &Arc<Node>,
    wire: &mut Wire,
    id: PeerId,
    addr: String,
    outbound: bool,
) -> Result<(Arc<Link>, Announced), PeerDownReason> {
    // # Security
    // Before anything the peer sent is looked at.
    node.require_welcome(&id, outbound)?;
    wire.send(&Frame::Hello(&node.wire_hello)).await?;
    let peer = match wire.receive().await? {
        Early::Hello(peer) => *peer,
        Early::Ready => return Err(Violation::Unexpected("ready").into()),
    };
    require_same_chain(node, &peer)?;
    let link = Arc::new(Link::new(id, peer, addr, outbound, &node.config.channels));

    // Of two connections that the nodes opened to each other at once both ends must keep the same one, so one end
    // decides: the one with the lower id says ready last, and only when the connection is to stay.
    let decides = node.id < id;
    if !decides {
        wire.send(&Frame::Ready).await?;
    }
    match wire.receive().await? {
        Early::Ready => {}
        Early::Hello(_) => return Err(Violation::Unexpected("second hello").into()),
    }
    let announced = node.up(&link, decides)?;
    if decides {
        // Written by the connection's task before its first message.
        let mut ready = BytesMut::new();
        frame::encode(&Frame::Ready, &mut ready);
        wire.output = ready;
    }
    Ok((link, announced))
}

fn require_same_chain(node: &Node, peer: &WireHello) -> Result<(), PeerDownReason> {
    let (theirs, ours) = (&peer.hello.chain_id, &node.config.chain_id);
    if theirs == ours {
        return Ok(());
    }
    Err(PeerDownReason::local(CloseCode::WrongChain, format!("chain id is {theirs}, ours is {ours}")))
}
