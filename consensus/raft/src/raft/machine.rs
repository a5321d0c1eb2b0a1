//! openraft's state machine: it hands committed entries to the driver, and remembers how far the driver came.
//!
//! The state itself (blocks, commits, the application) is the driver's; what Raft calls a snapshot is only the height
//! and log position that the driver has reached, because blocks are fetched from peers and verified by their commits.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError, StorageIOError};
use parking_lot::Mutex;
use plume_primitives::Height;
use plume_wal::{Disk, atomic_write};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{LogId, NodeId, NodeInfo, Proposed, RaftEntry, StoredMembership, TypeConfig};
use crate::exec::blocking;

/// How far a node's decided blocks reach into the Raft log. Stored with each block, in one write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCursor {
    /// Height of the last decided block; 0 for none.
    pub height: u64,
    /// The entry that carried it.
    pub log_id: Option<LogId>,
    /// Members as of that entry.
    pub membership: StoredMembership,
}

impl LogCursor {
    /// After the block at `height`, without a position in the log: the whole log is read again, and what is decided
    /// passed over.
    pub fn at(height: Height) -> Self {
        Self { height: height.get(), ..Self::default() }
    }

    /// Bytes for the block store.
    pub fn encode(&self) -> Vec<u8> {
        // A plain structure of integers and byte strings cannot fail to encode.
        postcard::to_stdvec(self).expect("encodes")
    }

    /// Reads what [`LogCursor::encode`] wrote.
    ///
    /// # Errors
    /// Other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

/// What openraft hands to the driver, in log order.
#[derive(Debug, Clone)]
pub enum Applied {
    /// A committed entry; `proposed` is `None` for one without a block.
    Entry {
        /// Its place.
        log_id: LogId,
        /// The block in it.
        proposed: Option<Proposed>,
        /// Members from this entry on, when it changes them.
        membership: Option<StoredMembership>,
    },
    /// The leader's log starts behind this position: blocks up to its height come from peers.
    Jump(LogCursor),
}

/// What the driver and openraft's tasks share.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<LogCursor>>);

impl Shared {
    /// Begins at `cursor`.
    pub fn new(cursor: LogCursor) -> Self {
        Self(Arc::new(Mutex::new(cursor)))
    }

    /// The driver has decided and stored a block.
    pub fn advance(&self, cursor: LogCursor) {
        *self.0.lock() = cursor;
    }

    /// How far the driver is.
    pub fn cursor(&self) -> LogCursor {
        self.0.lock().clone()
    }
}

/// The snapshot on disk: the newest that was made or received.
///
/// openraft makes one while it installs another, and orders the log below a received one to be purged before that one is
/// on disk. So an older one never replaces a newer one, and whoever purges waits for [`SnapshotFile::position`].
pub struct SnapshotFile {
    disk: Arc<dyn Disk>,
    file: PathBuf,
    writing: Mutex<()>,
    position: watch::Sender<Option<LogId>>,
}

impl SnapshotFile {
    /// The snapshot in `file`, if there is one.
    ///
    /// # Errors
    /// A disk that fails, or a file that is not one.
    pub fn open(disk: Arc<dyn Disk>, file: PathBuf) -> std::io::Result<Self> {
        let snapshot = Self { disk, file, writing: Mutex::new(()), position: watch::Sender::new(None) };
        snapshot.position.send_replace(snapshot.read()?.and_then(|cursor| cursor.log_id));
        Ok(snapshot)
    }

    /// What is stored.
    ///
    /// # Errors
    /// A disk that fails, or a file that is not one.
    pub fn read(&self) -> std::io::Result<Option<LogCursor>> {
        match self.disk.read(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => LogCursor::decode(&bytes)
                .map(Some)
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error)),
        }
    }

    /// The position of what is stored, now and from now on. Ends with the state machine.
    pub fn position(&self) -> watch::Receiver<Option<LogId>> {
        self.position.subscribe()
    }

    fn store(&self, cursor: &LogCursor) -> Result<(), StorageError<NodeId>> {
        let _alone = self.writing.lock();
        if *self.position.borrow() > cursor.log_id {
            return Ok(());
        }
        blocking(|| atomic_write(self.disk.as_ref(), &self.file, &cursor.encode()))
            .map_err(|error| StorageIOError::write_snapshot(None, &error))?;
        self.position.send_replace(cursor.log_id);
        Ok(())
    }

    fn load(&self) -> Result<Option<LogCursor>, StorageError<NodeId>> {
        blocking(|| self.read()).map_err(|error| StorageIOError::read_snapshot(None, &error).into())
    }
}

/// See the module's text.
pub struct Machine {
    snapshot: Arc<SnapshotFile>,
    shared: Shared,
    to_driver: mpsc::Sender<Applied>,
}

impl Machine {
    /// A machine over what the driver has stored.
    pub fn new(snapshot: SnapshotFile, shared: Shared, to_driver: mpsc::Sender<Applied>) -> Self {
        Self { snapshot: Arc::new(snapshot), shared, to_driver }
    }
}

fn snapshot(cursor: &LogCursor) -> Snapshot<TypeConfig> {
    let meta = SnapshotMeta {
        last_log_id: cursor.log_id,
        last_membership: cursor.membership.clone(),
        snapshot_id: format!("{}-{}", cursor.height, cursor.log_id.map_or(0, |id| id.index)),
    };
    Snapshot { meta, snapshot: Box::new(Cursor::new(cursor.encode())) }
}

fn gone() -> StorageError<NodeId> {
    StorageIOError::write_state_machine(&std::io::Error::other("the consensus driver has stopped")).into()
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError<NodeId>> {
        let mut cursor = self.shared.cursor();
        // A snapshot that was installed before its blocks arrived counts: the log below it is gone.
        if let Some(stored) = self.snapshot.load()?.filter(|stored| stored.log_id > cursor.log_id) {
            cursor = stored;
        }
        Ok((cursor.log_id, cursor.membership))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<()>, StorageError<NodeId>>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            let log_id = entry.log_id;
            let (proposed, membership) = match entry.payload {
                EntryPayload::Blank => (None, None),
                EntryPayload::Normal(proposed) => (Some(proposed), None),
                EntryPayload::Membership(members) => (None, Some(StoredMembership::new(Some(log_id), members))),
            };
            let applied = Applied::Entry { log_id, proposed, membership };
            self.to_driver.send(applied).await.map_err(|_| gone())?;
            answers.push(());
        }
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { snapshot: self.snapshot.clone(), shared: self.shared.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError<NodeId>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, NodeInfo>,
        data: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError<NodeId>> {
        let received = LogCursor::decode(data.get_ref())
            .map_err(|error| StorageIOError::read_snapshot(Some(meta.signature()), &error))?;
        let cursor =
            LogCursor { height: received.height, log_id: meta.last_log_id, membership: meta.last_membership.clone() };
        self.snapshot.store(&cursor)?;
        self.to_driver.send(Applied::Jump(cursor)).await.map_err(|_| gone())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError<NodeId>> {
        Ok(self.snapshot.load()?.as_ref().map(snapshot))
    }
}

/// Makes a snapshot of where the driver stands.
pub struct Builder {
    snapshot: Arc<SnapshotFile>,
    shared: Shared,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError<NodeId>> {
        let cursor = self.shared.cursor();
        self.snapshot.store(&cursor)?;
        Ok(snapshot(&cursor))
    }
}
