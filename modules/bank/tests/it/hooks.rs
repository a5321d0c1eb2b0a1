use std::sync::Arc;

use plume_bank::{Bank, BankConfig};
use plume_interfaces::{Bank as _, LockedAmounts, MoveReason, Transfer, TransferHook, TransferVerdict};
use plume_kit::{Abort, Ctx, GasMeter, Response, TxError, sdk};
use plume_primitives::{Address, Coins};
use plume_state::{KvRead, StateError};
use plume_testkit::{Outcome, World};

use crate::world::{address, held, multi_send, parse, send, world_with};

/// A hook that a closure is.
struct Hook<F>(F);

impl<F: Fn(&Transfer) -> TransferVerdict + Send + Sync + 'static> TransferHook for Hook<F> {
    fn judge(&self, _: &mut Ctx<'_>, transfer: &Transfer) -> Result<TransferVerdict, Abort> {
        Ok((self.0)(transfer))
    }
}

fn hooked(hooks: Vec<Arc<dyn TransferHook>>, balances: &[(&Address, &str)]) -> (World, Arc<Bank>) {
    world_with(BankConfig { hooks, ..BankConfig::default() }, balances)
}

fn deny() -> TransferVerdict {
    TransferVerdict::Refuse(TxError::wrap(sdk::UNAUTHORIZED, "transfers are frozen"))
}

fn call(world: &mut World, work: impl FnOnce(&mut Ctx<'_>) -> Result<(), Abort>) -> Outcome {
    world.execute(GasMeter::unlimited(), None, |ctx| work(ctx).map(|()| Response::default()))
}

/// Something that changes a balance.
type Way = Box<dyn Fn(&mut World) -> Outcome>;

/// Every way in which a balance could change.
fn every_way(bank: &Arc<Bank>, alice: &Address, bob: &Address) -> Vec<(String, Way)> {
    let mut ways: Vec<(String, Way)> = Vec::new();
    for reason in MoveReason::ALL {
        let (bank, alice, bob) = (bank.clone(), alice.clone(), bob.clone());
        let way = move |world: &mut World| {
            let one = parse("1alpha");
            call(world, |ctx| match reason {
                MoveReason::Mint => bank.mint(ctx, "mint", &one),
                MoveReason::Burn => bank.burn(ctx, "gov", &one),
                reason => bank.move_coins(ctx, &alice, &bob, &one, reason),
            })
        };
        ways.push((format!("{reason:?}"), Box::new(way)));
    }
    let msg = send(alice, bob, "1alpha");
    ways.push(("MsgSend".to_owned(), Box::new(move |world| world.run(&msg))));
    let msg = multi_send(alice, "2alpha", &[(bob, "1alpha"), (alice, "1alpha")]);
    ways.push(("MsgMultiSend".to_owned(), Box::new(move |world| world.run(&msg))));
    ways
}

#[test]
fn deny_all_hook_lets_no_balance_change_in_any_way() {
    let (alice, bob, gov) = (address(1), address(2), plume_primitives::module_address("gov"));
    let balances = [(&alice, "10alpha"), (&gov, "10alpha")];

    // Without the hook each of them works: a way that failed for another reason would prove nothing.
    let (_, bank) = hooked(vec![], &balances);
    for (name, way) in every_way(&bank, &alice, &bob) {
        let (mut world, _) = hooked(vec![], &balances);
        let before = world.records();
        way(&mut world).expect_success();
        assert_ne!(world.records(), before, "{name}");
    }

    let deny_all: Arc<dyn TransferHook> = Arc::new(Hook(|_: &Transfer| deny()));
    let (mut world, bank) = hooked(vec![deny_all], &balances);
    let before = world.records();
    for (name, way) in every_way(&bank, &alice, &bob) {
        let outcome = way(&mut world);
        assert_eq!(outcome.expect_failure(), ("sdk", 4, "transfers are frozen: unauthorized"), "{name}");
        assert_eq!(outcome.events, [], "{name}");
        assert_eq!(world.records(), before, "{name}");
    }
}

/// A module that catches a refusal in a block hook must find everything as it was, without a branch of its own.
#[test]
fn refusal_has_changed_nothing_when_it_returns() {
    let (alice, bob) = (address(1), address(2));
    let deny_bob: Arc<dyn TransferHook> =
        Arc::new(Hook(
            |transfer: &Transfer| {
                if transfer.to == Some(address(2)) { deny() } else { TransferVerdict::Allow }
            },
        ));
    let (mut world, bank) = hooked(vec![deny_bob], &[(&alice, "10alpha,1beta")]);
    let before = world.records();
    call(&mut world, |ctx| {
        bank.move_coins(ctx, &alice, &bob, &parse("1alpha"), MoveReason::Escrow).expect_err("refused");
        bank.move_coins(ctx, &alice, &address(3), &parse("1alpha,2beta"), MoveReason::Escrow).expect_err("no funds");
        bank.mint(ctx, "gov", &parse("1alpha")).expect_err("no permission");
        assert_eq!(ctx.events(), []);
        Ok(())
    })
    .expect_success();
    // Asking for a module's account creates it; nothing else is new.
    let after = world.records();
    assert!(before.iter().all(|(key, value)| key.0 == "acc" || after.get(key) == Some(value)));
    assert!(after.keys().all(|key| key.0.starts_with("acc") || before.contains_key(key)));
}

#[test]
fn hooks_judge_in_order_on_what_the_one_before_made_of_it() {
    let (alice, bob, carol) = (address(1), address(2), address(3));
    let redirect: Arc<dyn TransferHook> = Arc::new(Hook(|transfer: &Transfer| {
        if transfer.to == Some(address(2)) { TransferVerdict::Redirect(address(3)) } else { TransferVerdict::Allow }
    }));
    let deny_bob: Arc<dyn TransferHook> =
        Arc::new(Hook(
            |transfer: &Transfer| {
                if transfer.to == Some(address(2)) { deny() } else { TransferVerdict::Allow }
            },
        ));

    let (mut world, bank) = hooked(vec![redirect.clone(), deny_bob.clone()], &[(&alice, "10alpha")]);
    let outcome = world.run(&send(&alice, &bob, "4alpha"));
    outcome.expect_success();
    assert_eq!([&bob, &carol].map(|who| held(&world, &bank, who)), ["", "4alpha"]);
    assert_eq!(outcome.events[2].value("recipient"), Some(crate::world::text(&carol).as_str()));
    world.run(&multi_send(&alice, "3alpha", &[(&bob, "1alpha"), (&carol, "2alpha")])).expect_success();
    assert_eq!([&bob, &carol].map(|who| held(&world, &bank, who)), ["", "7alpha"]);
    world.assert_invariants();

    let (mut world, bank) = hooked(vec![deny_bob, redirect], &[(&alice, "10alpha")]);
    assert_eq!(world.run(&send(&alice, &bob, "4alpha")).expect_failure().1, 4);
    assert_eq!(held(&world, &bank, &alice), "10alpha");
}

#[test]
fn hook_sees_every_leg_with_its_reason() {
    use std::sync::Mutex;
    let (alice, bob, carol) = (address(1), address(2), address(3));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let hook: Arc<dyn TransferHook> = Arc::new(Hook(move |transfer: &Transfer| {
        log.lock().unwrap().push(transfer.clone());
        TransferVerdict::Allow
    }));
    let (mut world, bank) = hooked(vec![hook], &[(&alice, "10alpha")]);

    world.run(&multi_send(&alice, "3alpha", &[(&bob, "1alpha"), (&carol, "2alpha")])).expect_success();
    call(&mut world, |ctx| bank.mint(ctx, "transfer", &parse("7beta"))).expect_success();
    call(&mut world, |ctx| bank.burn(ctx, "transfer", &parse("7beta"))).expect_success();

    let transfer = Some(plume_primitives::module_address("transfer"));
    let of = |from: &Option<Address>, to: &Option<Address>, coins: &str, reason| Transfer {
        from: from.clone(),
        to: to.clone(),
        coins: parse(coins),
        reason,
    };
    assert_eq!(
        *seen.lock().unwrap(),
        [
            of(&Some(alice.clone()), &Some(bob), "1alpha", MoveReason::MultiSend),
            of(&Some(alice), &Some(carol), "2alpha", MoveReason::MultiSend),
            of(&None, &transfer, "7beta", MoveReason::Mint),
            of(&transfer, &None, "7beta", MoveReason::Burn),
        ]
    );
}

#[test]
fn burn_cannot_be_redirected() {
    let gov = plume_primitives::module_address("gov");
    let redirect: Arc<dyn TransferHook> = Arc::new(Hook(|_: &Transfer| TransferVerdict::Redirect(address(3))));
    let (mut world, bank) = hooked(vec![redirect], &[(&gov, "10alpha")]);
    let outcome = call(&mut world, |ctx| bank.burn(ctx, "gov", &parse("1alpha")));
    assert_eq!(outcome.expect_failure(), ("sdk", 35, "a burn cannot be redirected: internal logic error"));
    assert_eq!(held(&world, &bank, &gov), "10alpha");
}

/// Locks the same coins for everyone.
struct Lock(&'static str);

impl LockedAmounts for Lock {
    fn locked(&self, _: &dyn KvRead, _: &Address) -> Result<Coins, StateError> {
        Ok(parse(self.0))
    }
}

#[test]
fn locked_amounts_add_up_and_cannot_be_spent() {
    let (alice, bob) = (address(1), address(2));
    let locked: Vec<Arc<dyn LockedAmounts>> = vec![Arc::new(Lock("3alpha")), Arc::new(Lock("4alpha,100beta"))];
    let config = BankConfig { locked, ..BankConfig::default() };
    let (mut world, bank) = world_with(config, &[(&alice, "10alpha,5beta,6gamma")]);

    assert_eq!(bank.spendable(&world.read(), &alice).unwrap(), parse("3alpha,6gamma"));
    let outcome = world.run(&send(&alice, &bob, "4alpha"));
    assert_eq!(
        outcome.expect_failure(),
        ("sdk", 5, "spendable balance 3alpha is smaller than 4alpha: insufficient funds")
    );
    let outcome = world.run(&multi_send(&alice, "1beta", &[(&bob, "1beta")]));
    assert_eq!(
        outcome.expect_failure(),
        ("sdk", 5, "spendable balance 0beta is smaller than 1beta: insufficient funds")
    );
    world.run(&send(&alice, &bob, "3alpha,6gamma")).expect_success();
    assert_eq!(held(&world, &bank, &alice), "7alpha,5beta");
}
