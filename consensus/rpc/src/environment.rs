use std::sync::Arc;

use plume_engine::Reader;
use plume_events::EventBus;
use plume_home::genesis::GenesisDoc;
use plume_mempool::Mempool;
use plume_store::BlockStore;

use crate::NodeView;

/// Everything that the methods read: the node's parts, each safe to use from many threads.
#[derive(Clone)]
pub struct Environment<R: Reader> {
    /// The state machine.
    pub reader: R,
    /// Blocks, results and the index.
    pub store: BlockStore,
    /// Transactions that wait.
    pub mempool: Mempool<R>,
    /// What happens.
    pub events: EventBus,
    /// What only the engine knows.
    pub node: Arc<dyn NodeView>,
    /// The genesis document.
    pub genesis: Arc<GenesisDoc>,
}
