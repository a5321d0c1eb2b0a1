//! Seeing commits: the headers that the node announces over its WebSocket, and afterwards the blocks.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tungstenite::{Message, WebSocket};

use crate::send::Progress;
use crate::{Connection, LoadError};

/// Longest wait between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(50);

/// A committed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSeen {
    /// Its height.
    pub height: u64,
    /// When the node announced it, from the start of the run.
    pub at: Duration,
    /// Transactions in it.
    pub txs: u64,
    /// Its size.
    pub bytes: u64,
}

/// A subscription to new headers.
pub(crate) struct Watcher {
    socket: WebSocket<TcpStream>,
    connection: Connection,
}

impl Watcher {
    /// Subscribes; blocks after this are seen.
    pub(crate) fn open(url: &str) -> Result<Self, LoadError> {
        let connection = Connection::open(url)?;
        let host = connection.host().to_owned();
        let io = |error: std::io::Error| LoadError::Io { url: host.clone(), error };
        let wrong = |reason: String| LoadError::Answer { url: host.clone(), method: "subscribe".to_owned(), reason };
        let stream = TcpStream::connect(&host).map_err(io)?;
        stream.set_nodelay(true).map_err(io)?;
        let (mut socket, _) =
            tungstenite::client(format!("ws://{host}/websocket"), stream).map_err(|error| wrong(error.to_string()))?;
        let query = json!({ "query": "tm.event='NewBlockHeader'" });
        let subscribe = json!({ "jsonrpc": "2.0", "id": 0, "method": "subscribe", "params": query }).to_string();
        socket.send(Message::text(subscribe)).map_err(|error| wrong(error.to_string()))?;
        let answer = socket.read().map_err(|error| wrong(error.to_string()))?.into_data();
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| wrong(error.to_string()))?;
        if !answer["result"].is_object() {
            return Err(wrong(answer.to_string()));
        }
        socket.get_mut().set_read_timeout(Some(LOOK)).map_err(io)?;
        Ok(Self { socket, connection })
    }

    /// Notes blocks until all `txs` are committed or the run is stopped. A run in which nothing is committed for
    /// `patience` fails.
    pub(crate) fn run(self, txs: u64, progress: &Progress, patience: Duration) -> Result<Vec<BlockSeen>, LoadError> {
        let Self { mut socket, mut connection } = self;
        let host = connection.host().to_owned();
        let done = AtomicBool::new(false);
        let (announce, announced) = mpsc::channel();
        std::thread::scope(|scope| {
            // A thread of its own, so that no announcement waits for an answer about the block before it.
            let listening = scope.spawn(|| -> Result<(), LoadError> {
                while !done.load(Ordering::Relaxed) {
                    if let Some(height) = header(&mut socket, &host)? {
                        let at = progress.start.elapsed();
                        // Nobody listens any more: the run has ended.
                        let _ = announce.send((height, at));
                    }
                }
                Ok(())
            });
            let seen = count(&announced, &mut connection, txs, progress, patience, || listening.is_finished());
            done.store(true, Ordering::Relaxed);
            // Why there are no more announcements says more than that there are none.
            listening.join().expect("listening does not panic").and(seen)
        })
    }
}

/// Asks how many transactions each announced block has.
fn count(
    announced: &mpsc::Receiver<(u64, Duration)>,
    connection: &mut Connection,
    txs: u64,
    progress: &Progress,
    patience: Duration,
    ended: impl Fn() -> bool,
) -> Result<Vec<BlockSeen>, LoadError> {
    let (mut seen, mut next, mut last) = (Vec::new(), None, Instant::now());
    while progress.committed() < txs && !progress.stop.load(Ordering::Relaxed) && !ended() {
        if let Ok((height, at)) = announced.recv_timeout(LOOK) {
            let from = next.unwrap_or(height);
            for height in from..=height {
                let block = block(connection, height, at)?;
                if block.txs > 0 {
                    last = Instant::now();
                    progress.commit(block.txs);
                }
                seen.push(block);
            }
            next = Some(height.max(from) + 1);
        }
        if last.elapsed() > patience {
            let committed = progress.committed();
            return Err(LoadError::Stalled { committed, txs, seconds: patience.as_secs() });
        }
    }
    Ok(seen)
}

/// Height of the next announced header, if one comes soon.
fn header(socket: &mut WebSocket<TcpStream>, host: &str) -> Result<Option<u64>, LoadError> {
    let wrong = |reason: String| LoadError::Answer { url: host.to_owned(), method: "websocket".to_owned(), reason };
    let message = match socket.read() {
        Ok(message) => message,
        Err(tungstenite::Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            return Ok(None);
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    if !message.is_text() {
        return Ok(None);
    }
    let event: Value = serde_json::from_slice(&message.into_data()).map_err(|error| wrong(error.to_string()))?;
    let height = event["result"]["data"]["value"]["header"]["height"].as_str().and_then(|text| text.parse().ok());
    height.map(Some).ok_or_else(|| wrong(event.to_string()))
}

fn block(connection: &mut Connection, height: u64, at: Duration) -> Result<BlockSeen, LoadError> {
    #[derive(Deserialize)]
    struct Page {
        block_metas: Vec<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        block_size: String,
        num_txs: String,
    }
    let params = json!({ "minHeight": height.to_string(), "maxHeight": height.to_string() });
    let page: Page = connection.call("blockchain", &params)?;
    let meta = page.block_metas.first();
    let number = |text: fn(&Meta) -> &String| meta.and_then(|meta| text(meta).parse().ok());
    match (number(|meta| &meta.num_txs), number(|meta| &meta.block_size)) {
        (Some(txs), Some(bytes)) => Ok(BlockSeen { height, at, txs, bytes }),
        _ => Err(connection.unexpected("blockchain", &format!("no block {height}"))),
    }
}

/// Where a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Its block.
    pub(crate) height: u64,
    /// Its result; 0 is success.
    pub(crate) code: u32,
}

/// Reads which transactions the block has, by hash, and their results.
pub(crate) fn read_block(
    connection: &mut Connection,
    height: u64,
    into: &mut HashMap<[u8; 32], Placed>,
) -> Result<(), LoadError> {
    #[derive(Deserialize)]
    struct Answer {
        block: Block,
    }
    #[derive(Deserialize)]
    struct Block {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        txs: Option<Vec<String>>,
    }
    #[derive(Deserialize)]
    struct Results {
        txs_results: Option<Vec<Executed>>,
    }
    #[derive(Deserialize)]
    struct Executed {
        #[serde(default)]
        code: u32,
    }
    let params = json!({ "height": height.to_string() });
    let answer: Answer = connection.call("block", &params)?;
    let results: Results = connection.call("block_results", &params)?;
    let (txs, results) = (answer.block.data.txs.unwrap_or_default(), results.txs_results.unwrap_or_default());
    if txs.len() != results.len() {
        let reason = format!("{} results for {} transactions of block {height}", results.len(), txs.len());
        return Err(connection.unexpected("block_results", &reason));
    }
    for (text, Executed { code }) in txs.iter().zip(results) {
        let bytes = STANDARD.decode(text).map_err(|error| connection.unexpected("block", &error.to_string()))?;
        into.insert(Sha256::digest(&bytes).into(), Placed { height, code });
    }
    Ok(())
}
