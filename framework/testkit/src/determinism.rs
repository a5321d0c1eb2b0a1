use plume_engine::{Block, BlockOutcome, Executor, Genesis, InitOutcome, Reader};

/// Runs every block on two executors and insists that they agree: one runs through, the other
/// can be stopped and opened again from its disk.
pub struct TwoExecutors<E, F> {
    steady: E,
    restarted: Option<E>,
    open: F,
}

impl<E: Executor, F: FnMut() -> E> TwoExecutors<E, F> {
    /// `steady` and a second executor that `open` opens, each on storage of its own.
    pub fn new(steady: E, mut open: F) -> Self {
        let restarted = Some(open());
        Self { steady, restarted, open }
    }

    /// Initialises both.
    pub fn init_chain(&mut self, genesis: &Genesis) -> InitOutcome {
        let a = self.steady.init_chain(genesis.clone()).expect("genesis is accepted");
        let b = self.second().init_chain(genesis.clone()).expect("genesis is accepted");
        assert_eq!(a, b, "two executors disagree on genesis");
        a
    }

    /// Executes and commits a block on both: app hash, codes, data, gas, events and updates agree.
    pub fn run(&mut self, block: &Block) -> BlockOutcome {
        let a = self.steady.finalize(block).expect("block executes");
        self.steady.commit().expect("block commits");
        let second = self.second();
        let b = second.finalize(block).expect("block executes");
        second.commit().expect("block commits");
        assert_eq!(a, b, "two executors disagree at height {}", block.height.get());
        a
    }

    /// Drains, drops and reopens the second executor; it must stand where it stood.
    pub fn restart(&mut self) {
        let mut old = self.restarted.take().expect("there are always two");
        old.drain().expect("everything becomes durable");
        let before = old.reader().info();
        drop(old);
        let new = (self.open)();
        assert_eq!(new.reader().info(), before, "a restart changed the committed state");
        self.restarted = Some(new);
    }

    /// The executor that never restarts.
    pub fn steady(&mut self) -> &mut E {
        &mut self.steady
    }

    fn second(&mut self) -> &mut E {
        self.restarted.as_mut().expect("there are always two")
    }
}
