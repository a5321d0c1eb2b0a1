//! Every connection between two nodes goes through a proxy of this process, which can slow, hold or cut it, each
//! direction on its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use plume_home::home::Home;

use crate::Network;
use crate::network::edit;

/// How often a proxy looks whether something has changed.
const POLL: Duration = Duration::from_millis(10);

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Pass,
    /// They pass this much later.
    Delay(Duration),
    /// They wait, as in a network that loses every packet: the connections stay open until a side gives up.
    Hold,
    /// Connections end and new ones are refused.
    Cut,
}

const HOLD: u64 = u64::MAX;
const CUT: u64 = u64::MAX - 1;

impl Flow {
    fn encode(self) -> u64 {
        match self {
            Self::Pass => 0,
            Self::Delay(time) => u64::try_from(time.as_micros()).expect("shorter than an age"),
            Self::Hold => HOLD,
            Self::Cut => CUT,
        }
    }
}

/// One direction of one link.
#[derive(Debug, Clone)]
struct Direction(Arc<AtomicU64>);

impl Direction {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The links of a network; ends with its last connection when dropped.
#[derive(Debug)]
pub struct Links {
    nodes: usize,
    directions: Vec<Direction>,
    ended: Arc<AtomicBool>,
}

impl Links {
    /// Puts a proxy on each link of a network that has not started, and writes their addresses into the homes.
    ///
    /// # Panics
    /// When no port is free.
    pub fn between(network: &Network) -> Self {
        let nodes = network.nodes().len();
        let directions = (0..nodes * nodes).map(|_| Direction(Arc::default())).collect();
        let links = Self { nodes, directions, ended: Arc::default() };
        let addresses: Vec<String> = network
            .nodes()
            .iter()
            .map(|node| Home::new(node.home()).settings::<&str>(&[]).expect("written by devnet").0.p2p.laddr)
            .map(|laddr| laddr.trim_start_matches("tcp://").to_owned())
            .collect();
        for (from, node) in network.nodes().iter().enumerate() {
            for (to, peer) in network.nodes().iter().enumerate().filter(|(to, _)| *to != from) {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
                let port = listener.local_addr().expect("bound").port();
                let real = format!("{}@{}", peer.id(), addresses[to]);
                edit(&node.home().join("config/config.toml"), &real, &format!("{}@127.0.0.1:{port}", peer.id()));
                links.serve(listener, addresses[to].clone(), from, to);
            }
        }
        links
    }

    fn direction(&self, from: usize, to: usize) -> &Direction {
        &self.directions[from * self.nodes + to]
    }

    fn serve(&self, listener: TcpListener, target: String, from: usize, to: usize) {
        let (out, back) = (self.direction(from, to).clone(), self.direction(to, from).clone());
        let ended = Arc::clone(&self.ended);
        listener.set_nonblocking(true).expect("a socket");
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) if out.get() != CUT && back.get() != CUT => {
                        let Ok(server) = TcpStream::connect(&target) else { continue };
                        pump(&client, &server, &out, &ended);
                        pump(&server, &client, &back, &ended);
                    }
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(POLL),
                }
            }
        });
    }

    /// What happens to the bytes from one node to another.
    pub fn set(&self, from: usize, to: usize, flow: Flow) {
        self.direction(from, to).0.store(flow.encode(), Ordering::Relaxed);
    }

    /// Both directions of all links between `group` and the rest.
    pub fn around(&self, group: &[usize], flow: Flow) {
        for inside in group {
            for outside in (0..self.nodes).filter(|node| !group.contains(node)) {
                self.set(*inside, outside, flow);
                self.set(outside, *inside, flow);
            }
        }
    }

    /// Lets everything pass.
    pub fn heal(&self) {
        self.directions.iter().for_each(|direction| direction.0.store(0, Ordering::Relaxed));
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Carries one direction of a connection on a thread of its own.
fn pump(from: &TcpStream, to: &TcpStream, direction: &Direction, ended: &Arc<AtomicBool>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let (direction, ended) = (direction.clone(), Arc::clone(ended));
    std::thread::spawn(move || {
        let _ = from.set_nonblocking(false);
        let _ = from.set_read_timeout(Some(POLL));
        let _ = to.set_nodelay(true);
        let mut buffer = vec![0; 64 << 10];
        while !ended.load(Ordering::Relaxed) && direction.get() != CUT {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => break,
            };
            while direction.get() == HOLD && !ended.load(Ordering::Relaxed) {
                std::thread::sleep(POLL);
            }
            match direction.get() {
                CUT | HOLD => break,
                0 => {}
                micros => std::thread::sleep(Duration::from_micros(micros)),
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
