//! Blocking work (the state machine, signing, disks) beside asynchronous code, strictly in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use parking_lot::Mutex;
use plume_engine::Fatal;
use tokio::sync::oneshot;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Runs closures on one owned value, one after another, in the order in which they were handed over.
///
/// A node gives it a thread of its own. A simulation runs the closures in place, so that simulated time cannot pass
/// while they run.
pub struct Exec<T> {
    kind: Kind<T>,
}

enum Kind<T> {
    Thread(mpsc::Sender<Job<T>>),
    Inline(Arc<Mutex<Option<T>>>),
}

impl<T> Clone for Exec<T> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            Kind::Thread(jobs) => Kind::Thread(jobs.clone()),
            Kind::Inline(value) => Kind::Inline(value.clone()),
        };
        Self { kind }
    }
}

impl<T: Send + 'static> Exec<T> {
    /// Moves `value` to a thread named `name`, which ends when the last clone is dropped.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn thread(name: &str, mut value: T) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel::<Job<T>>();
        let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(job) = queue.recv() {
                job(&mut value);
            }
        })?;
        Ok((Self { kind: Kind::Thread(jobs) }, handle))
    }

    /// Runs every closure on the caller's thread.
    pub fn inline(value: T) -> Self {
        Self { kind: Kind::Inline(Arc::new(Mutex::new(Some(value)))) }
    }

    /// Runs `work` after everything handed over before, and waits for its result.
    ///
    /// # Errors
    /// Whatever `work` reports; a [`Fatal`] when it panics or the thread is gone.
    pub async fn call<R, F>(&self, what: &'static str, work: F) -> Result<R, Fatal>
    where
        R: Send + 'static,
        F: FnOnce(&mut T) -> Result<R, Fatal> + Send + 'static,
    {
        match &self.kind {
            Kind::Inline(value) => match value.lock().as_mut() {
                Some(value) => guarded(what, || work(value)),
                None => Err(Fatal::new(format!("{what} after the end"))),
            },
            Kind::Thread(jobs) => {
                let (reply, answer) = oneshot::channel();
                let job: Job<T> = Box::new(move |value| drop(reply.send(guarded(what, || work(value)))));
                jobs.send(job).map_err(|_| Fatal::new(format!("{what}: the state machine's thread has ended")))?;
                answer.await.map_err(|_| Fatal::new(format!("{what}: the state machine's thread has ended")))?
            }
        }
    }

    /// Hands `work` over without waiting; whatever fails will fail again where it matters.
    pub fn spawn<F: FnOnce(&mut T) + Send + 'static>(&self, work: F) {
        let guarded = move |value: &mut T| {
            if catch_unwind(AssertUnwindSafe(|| work(value))).is_err() {
                tracing::error!("a background task of the state machine panicked");
            }
        };
        match &self.kind {
            Kind::Inline(value) => {
                if let Some(value) = value.lock().as_mut() {
                    guarded(value);
                }
            }
            Kind::Thread(jobs) => drop(jobs.send(Box::new(guarded))),
        }
    }
}

fn guarded<R>(what: &'static str, work: impl FnOnce() -> Result<R, Fatal>) -> Result<R, Fatal> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|fatal| fatal.while_doing(what)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Err(Fatal::new(format!("{what} panicked: {text}")))
        }
    }
}

/// Runs blocking work of the caller's task, letting other tasks of a runtime with several threads go on meanwhile.
pub fn blocking<R>(work: impl FnOnce() -> R) -> R {
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn behaves(exec: Exec<Vec<u32>>) {
        exec.spawn(|list| list.push(1));
        exec.spawn(|_| panic!("ignored"));
        let seen = exec.call("adding", |list| {
            list.push(2);
            Ok(list.clone())
        });
        assert_eq!(seen.await, Ok(vec![1, 2]), "in order, panics of background work aside");
        let failed = exec.call("failing", |_| Err::<(), _>(Fatal::new("no"))).await;
        assert_eq!(failed.map_err(|fatal| fatal.to_string()), Err("failing: no".to_owned()));
        let panicked = exec.call("breaking", |list: &mut Vec<u32>| -> Result<u32, Fatal> { Ok(list[9]) }).await;
        assert!(panicked.is_err_and(|fatal| fatal.to_string().starts_with("breaking panicked: index out of bounds")));
        assert_eq!(exec.call("counting", |list| Ok(list.len())).await, Ok(2), "it goes on");
    }

    #[tokio::test]
    async fn closures_run_in_order_on_a_thread_and_in_place() {
        let (exec, thread) = Exec::thread("test", Vec::new()).expect("a thread");
        behaves(exec).await;
        thread.join().expect("ends when nobody can send work any more");
        behaves(Exec::inline(Vec::new())).await;
    }
}
