//! Named moments of a height, at which tests kill the process or make a disk fail.

use std::sync::Arc;

use plume_primitives::Height;

/// A moment in the life of a height on one node, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The leader has a block and is about to hand it to Raft.
    Propose,
    /// A committed entry arrived, nothing was checked yet.
    Receive,
    /// The block was accepted, nothing is signed yet.
    Sign,
    /// The signature is durable, nobody has it yet.
    Broadcast,
    /// More than two thirds have signed, nothing is executed yet.
    Finalize,
    /// The block is executed, nothing is stored yet.
    Save,
    /// Block, commit and results are stored, the application has not committed yet.
    Commit,
    /// The application has committed, nobody has been told.
    Publish,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 8] = [
        Self::Propose,
        Self::Receive,
        Self::Sign,
        Self::Broadcast,
        Self::Finalize,
        Self::Save,
        Self::Commit,
        Self::Publish,
    ];

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Receive => "receive",
            Self::Sign => "sign",
            Self::Broadcast => "broadcast",
            Self::Finalize => "finalize",
            Self::Save => "save",
            Self::Commit => "commit",
            Self::Publish => "publish",
        }
    }

    /// The step with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// Called at each [`Step`]. Does nothing by default.
#[derive(Clone, Default)]
pub struct Hooks(Option<Arc<dyn Fn(Step, Height) + Send + Sync>>);

impl Hooks {
    /// Calls `hook` at each step. It runs on the thread that does the step and may never return.
    pub fn new(hook: impl Fn(Step, Height) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn at(&self, step: Step, height: Height) {
        if let Some(hook) = &self.0 {
            hook(step, height);
        }
    }
}

impl core::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.0.is_some() { "Hooks(set)" } else { "Hooks(none)" })
    }
}
