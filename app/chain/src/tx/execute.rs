use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use plume_engine::{Event, TxResult};
use plume_kit::{Abort, Ctx, Env, Fatal, GasMeter, Response, TxError, sdk};
use plume_primitives::Gas;
use plume_proto::cosmos::base::abci::v1beta1::TxMsgData;
use plume_proto::{Any, Message};
use plume_state::Overlay;

use super::ante::Ante;
use super::decode::DecodedTx;
use super::signatures::Prepared;
use crate::machine::{Machine, Rules};

/// What a transaction is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It has just arrived at the mempool.
    Check,
    /// It was in the mempool when a block was committed.
    Recheck,
    /// Somebody asks what it would do.
    Simulate,
    /// A block with it is being chosen or judged.
    Propose,
    /// A decided block contains it.
    Finalize,
}

/// The transactions of one block or check: everything that [`run_tx`] needs beside transaction and state.
pub(crate) struct Transactions<'a> {
    pub machine: &'a Machine,
    pub rules: &'a Rules,
    pub env: &'a Env<'a>,
    pub mode: Mode,
    /// Gas limit of a block, if there is one.
    pub max_gas: Option<u64>,
}

/// What the checks before the messages came to.
#[derive(Debug)]
pub(crate) struct AnteOutcome {
    pub gas_wanted: Gas,
    pub gas_used: Gas,
    /// Events of the checks, or why the transaction is refused; then nothing has changed.
    pub result: Result<Vec<Event>, TxError>,
}

/// Runs the checks before the messages, on `overlay`. Failure leaves it as it was.
///
/// # Errors
/// Only what the node cannot survive.
pub(crate) fn run_ante(
    run: &Transactions<'_>,
    overlay: &mut Overlay,
    prepared: &Prepared,
) -> Result<AnteOutcome, Fatal> {
    match &*prepared.tx {
        Err(e) => Ok(AnteOutcome { gas_wanted: Gas::ZERO, gas_used: Gas::ZERO, result: Err(e.clone()) }),
        Ok(tx) => {
            let gas = meter(run, tx);
            let result = ante(run, overlay, prepared, tx, &gas)?;
            Ok(AnteOutcome { gas_wanted: limit(run, &gas), gas_used: gas.used(), result })
        }
    }
}

/// Runs a transaction completely, on `overlay`. A failure of its checks changes nothing; a failure of a message keeps
/// what the checks did: the fee is paid and the sequence used.
///
/// `block_gas_left` is the gas that the block may still use; what the transaction used is taken from it.
///
/// # Errors
/// Only what the node cannot survive.
pub(crate) fn run_tx(
    run: &Transactions<'_>,
    overlay: &mut Overlay,
    prepared: &Prepared,
    block_gas_left: &mut Option<u64>,
) -> Result<TxResult, Fatal> {
    if run.mode == Mode::Finalize && *block_gas_left == Some(0) {
        let e = TxError::wrap(sdk::OUT_OF_GAS, "no block gas left to run tx");
        return Ok(failed(e, Gas::ZERO, Gas::ZERO, Vec::new()));
    }
    let tx = match &*prepared.tx {
        Ok(tx) => tx,
        // The SDK answers for a transaction that it cannot decode without running it, with the bare text.
        Err(e) if run.mode == Mode::Finalize && e.is(sdk::TX_DECODE) => {
            return Ok(failed(TxError::plain(sdk::TX_DECODE), Gas::ZERO, Gas::ZERO, Vec::new()));
        }
        Err(e) => return Ok(failed(e.clone(), Gas::ZERO, Gas::ZERO, Vec::new())),
    };
    let gas = meter(run, tx);
    let ante_events = match ante(run, overlay, prepared, tx, &gas)? {
        Ok(events) => events,
        Err(e) => {
            let e = take_block_gas(block_gas_left, &gas).err().unwrap_or(e);
            return Ok(failed(e, limit(run, &gas), gas.used(), Vec::new()));
        }
    };
    overlay.push();
    let (messages, post) = execute(run, overlay, prepared, tx, &gas)?;
    // # Consensus
    // Block gas is taken before anything is kept: a transaction that overruns the block loses its messages' writes.
    match take_block_gas(block_gas_left, &gas).and(post) {
        Ok(post_events) => {
            overlay.commit();
            Ok(match messages {
                Ok(done) => succeeded(run, done, ante_events, post_events, &gas),
                Err(e) => failed(e, limit(run, &gas), gas.used(), [ante_events, post_events].concat()),
            })
        }
        Err(e) => {
            overlay.revert();
            Ok(failed(messages.err().unwrap_or(e), limit(run, &gas), gas.used(), ante_events))
        }
    }
}

/// What the messages of a transaction gave.
struct Executed {
    responses: Vec<Any>,
    events: Vec<Event>,
}

/// Outcome of the messages, and the events of the stage after them.
type ExecutedAndSettled = (Result<Executed, TxError>, Result<Vec<Event>, TxError>);

/// Runs the messages, then every module's stage after execution. The messages' writes are dropped when one fails;
/// those of the stage after stay unless it fails itself.
fn execute(
    run: &Transactions<'_>,
    overlay: &mut Overlay,
    prepared: &Prepared,
    tx: &DecodedTx,
    gas: &GasMeter,
) -> Result<ExecutedAndSettled, Fatal> {
    let messages = in_layer(overlay, |overlay| run_messages(run, overlay, prepared, tx, gas))?;
    let succeeded = messages.is_ok();
    let post = in_layer(overlay, |overlay| {
        let mut ctx = Ctx::new(overlay, run.env, gas);
        run.machine.modules.post_execution(&mut ctx, succeeded)?;
        Ok(ctx.take_events())
    })?;
    Ok((messages, post))
}

fn run_messages(
    run: &Transactions<'_>,
    overlay: &mut Overlay,
    prepared: &Prepared,
    tx: &DecodedTx,
    gas: &GasMeter,
) -> Result<Executed, Abort> {
    let signers = tx.signers.as_ref().map_err(Clone::clone)?;
    let mut done = Executed { responses: Vec::with_capacity(tx.body.messages.len()), events: Vec::new() };
    for (index, message) in tx.body.messages.iter().enumerate() {
        let mut ctx = Ctx::new(&mut *overlay, run.env, gas);
        let response = match prepared.failed_proof(index) {
            Some(e) => Err(e.clone().into()),
            None => ctx.run(&message.type_url, &message.value),
        };
        let Response { type_url, value } = response.map_err(|abort| match abort {
            // Running out of gas is a panic in the SDK, which gets no context.
            Abort::Tx(e) if e.is(sdk::OUT_OF_GAS) => e.into(),
            other => other.context(format_args!("failed to execute message; message index: {index}")),
        })?;
        let events = ctx.take_events();
        let sender = signers.first_of_message.get(index).and_then(Option::as_ref);
        let first = message_event(&message.type_url, sender.map(|sender| signers.text(sender)), &events);
        let index = index.to_string();
        let with_index = |mut event: Event| {
            event.push("msg_index", index.as_str());
            event
        };
        done.events.extend(std::iter::once(first).chain(events).map(with_index));
        done.responses.push(Any { type_url, value: value.to_vec() });
    }
    Ok(done)
}

/// The event that announces a message: its type, its first signer, and its module unless the message's own events
/// say that.
fn message_event(type_url: &str, sender: Option<&str>, events: &[Event]) -> Event {
    let mut event = Event::new("message").with("action", type_url);
    if let Some(sender) = sender {
        event.push("sender", sender);
    }
    let says_module = events.iter().any(|event| event.value("module").is_some());
    // `/cosmos.bank.v1beta1.MsgSend`: the second part of the name.
    if let (false, Some(module)) = (says_module, type_url.split('.').nth(1)) {
        event.push("module", module);
    }
    event
}

fn succeeded(
    run: &Transactions<'_>,
    done: Executed,
    ante_events: Vec<Event>,
    post_events: Vec<Event>,
    gas: &GasMeter,
) -> TxResult {
    let data = TxMsgData { msg_responses: done.responses, ..TxMsgData::default() };
    let mut events = ante_events;
    events.extend(done.events);
    events.extend(post_events);
    TxResult {
        data: Bytes::from(data.encode_to_vec()),
        gas_wanted: limit(run, gas),
        gas_used: gas.used(),
        events,
        ..TxResult::default()
    }
}

fn failed(e: TxError, gas_wanted: Gas, gas_used: Gas, events: Vec<Event>) -> TxResult {
    TxResult {
        code: e.code,
        codespace: e.codespace.into_owned(),
        log: e.message,
        gas_wanted,
        gas_used,
        events,
        ..TxResult::default()
    }
}

fn ante(
    run: &Transactions<'_>,
    overlay: &mut Overlay,
    prepared: &Prepared,
    tx: &DecodedTx,
    gas: &GasMeter,
) -> Result<Result<Vec<Event>, TxError>, Fatal> {
    in_layer(overlay, |overlay| {
        let mut ctx = Ctx::new(overlay, run.env, gas);
        let (machine, rules, mode, max_gas) = (run.machine, run.rules, run.mode, run.max_gas);
        Ante { machine, rules, prepared, tx, mode, max_gas }.run(&mut ctx)?;
        Ok(ctx.take_events())
    })
}

/// Runs `work` in a layer of its own, kept when it succeeds and dropped when it fails or panics.
fn in_layer<T>(
    overlay: &mut Overlay,
    work: impl FnOnce(&mut Overlay) -> Result<T, Abort>,
) -> Result<Result<T, TxError>, Fatal> {
    let depth = overlay.depth();
    overlay.push();
    let result = contain(|| work(&mut *overlay));
    match result {
        Ok(Ok(value)) => {
            overlay.commit();
            Ok(Ok(value))
        }
        Ok(Err(Abort::Fatal(fatal))) => Err(fatal),
        Ok(Err(Abort::Tx(e))) | Err(e) => {
            // A panic may have left layers of nested branches above.
            while overlay.depth() > depth {
                overlay.revert();
            }
            Ok(Err(e))
        }
    }
}

/// Turns a panic into the failure `undefined/111222`.
///
/// # Errors
/// That failure.
///
/// # Security
/// What `work` touched may be half changed afterwards; callers drop it.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, TxError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panic".to_owned());
        TxError::wrap(sdk::PANIC, format_args!("recovered: {text}"))
    })
}

fn meter(run: &Transactions<'_>, tx: &DecodedTx) -> GasMeter {
    match (run.mode, run.machine.config.query_gas_limit) {
        (Mode::Simulate, 0) => GasMeter::unlimited(),
        // # Security
        // Whoever asks pays nothing: without a limit one call could keep a processor busy for as long as it likes.
        (Mode::Simulate, limit) => GasMeter::limited(Gas(limit)),
        _ => GasMeter::limited(Gas(tx.fee.gas_limit)),
    }
}

/// What the result states as gas wanted: 2^64-1 for a simulation, as the SDK has it, which knows no limit there.
fn limit(run: &Transactions<'_>, gas: &GasMeter) -> Gas {
    if run.mode == Mode::Simulate { Gas::MAX } else { bound(gas) }
}

/// What a meter lets use at most.
fn bound(gas: &GasMeter) -> Gas {
    gas.limit().unwrap_or(Gas::MAX)
}

/// Takes a transaction's gas from the block's, at most its limit.
///
/// # Errors
/// `sdk/11` when the block has less left.
fn take_block_gas(left: &mut Option<u64>, gas: &GasMeter) -> Result<(), TxError> {
    let Some(left) = left else { return Ok(()) };
    let used = gas.used().min(bound(gas));
    match left.checked_sub(used.get()) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => {
            *left = 0;
            let (wanted, used) = (bound(gas), gas.used());
            let text = format!("out of gas in location: block gas meter; gasWanted: {wanted}, gasUsed: {used}");
            Err(TxError::wrap(sdk::OUT_OF_GAS, text))
        }
    }
}
