//! Random histories against a model that knows nothing but maps of numbers.

use std::collections::BTreeMap;

use plume_interfaces::{Bank as _, MoveReason};
use plume_kit::{Abort, Ctx, GasMeter, Response};
use plume_primitives::{Address, Amount, Coins, module_address};
use plume_testkit::{Outcome, Rng, World};
use proptest::prelude::*;

use crate::world::{address, denom, modules, multi_send, send, world};

const DENOMS: [&str; 3] = ["alpha", "beta", "gamma"];

#[derive(Debug, Clone)]
enum Step {
    Send { from: u8, to: u8, coins: [u64; 3] },
    MultiSend { from: u8, outputs: Vec<(u8, [u64; 3])> },
    Move { from: u8, to: u8, coins: [u64; 3], reason: usize },
    Mint { coins: [u64; 3] },
    Burn { coins: [u64; 3] },
}

fn coins() -> impl Strategy<Value = [u64; 3]> {
    let amount = || prop_oneof![3 => Just(0_u64), 5 => 1..40_u64];
    [amount(), amount(), amount()]
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 1..5_u8;
    prop_oneof![
        4 => (who(), who(), coins()).prop_map(|(from, to, coins)| Step::Send { from, to, coins }),
        2 => (who(), proptest::collection::vec((who(), coins()), 1..4))
            .prop_map(|(from, outputs)| Step::MultiSend { from, outputs }),
        3 => (who(), who(), coins(), 0..MoveReason::ALL.len())
            .prop_map(|(from, to, coins, reason)| Step::Move { from, to, coins, reason }),
        1 => coins().prop_map(|coins| Step::Mint { coins }),
        1 => coins().prop_map(|coins| Step::Burn { coins }),
    ]
}

/// What anybody would write down: who holds how many of each of three things.
#[derive(Debug, Clone, PartialEq, Default)]
struct Model(BTreeMap<Address, [u64; 3]>);

impl Model {
    fn take(&mut self, from: &Address, coins: [u64; 3]) -> bool {
        let held = self.0.entry(from.clone()).or_default();
        if coins.iter().zip(held.iter()).any(|(take, held)| take > held) {
            return false;
        }
        held.iter_mut().zip(coins).for_each(|(held, take)| *held -= take);
        true
    }

    fn give(&mut self, to: &Address, coins: [u64; 3]) {
        let held = self.0.entry(to.clone()).or_default();
        held.iter_mut().zip(coins).for_each(|(held, more)| *held += more);
    }

    /// Whether the step can happen; changes nothing otherwise.
    fn apply(&mut self, step: &Step) -> bool {
        let before = self.clone();
        let transfer = module_address("transfer");
        let positive = |coins: &[u64; 3]| coins.iter().any(|amount| *amount > 0);
        let done = match step {
            Step::Send { from, to, coins } => {
                positive(coins) && self.take(&address(*from), *coins) && {
                    self.give(&address(*to), *coins);
                    true
                }
            }
            Step::MultiSend { from, outputs } => {
                let mut total = [0; 3];
                outputs.iter().for_each(|(_, coins)| total.iter_mut().zip(coins).for_each(|(sum, more)| *sum += more));
                outputs.iter().all(|(_, coins)| positive(coins)) && self.take(&address(*from), total) && {
                    outputs.iter().for_each(|(to, coins)| self.give(&address(*to), *coins));
                    true
                }
            }
            Step::Move { from, to, coins, reason } => {
                let other = [MoveReason::Mint, MoveReason::Burn].contains(&MoveReason::ALL[*reason]);
                !other && self.take(&address(*from), *coins) && {
                    self.give(&address(*to), *coins);
                    true
                }
            }
            Step::Mint { coins } => {
                self.give(&transfer, *coins);
                true
            }
            Step::Burn { coins } => self.take(&transfer, *coins),
        };
        if !done {
            *self = before;
        }
        done
    }
}

fn text(coins: [u64; 3]) -> String {
    let parts = coins.iter().zip(DENOMS).filter(|(amount, _)| **amount > 0);
    parts.map(|(amount, denom)| format!("{amount}{denom}")).collect::<Vec<_>>().join(",")
}

fn checked(coins: [u64; 3]) -> Coins {
    text(coins).parse().unwrap()
}

fn run(world: &mut World, bank: &plume_bank::Bank, step: &Step) -> Outcome {
    let mut call = |work: &dyn Fn(&mut Ctx<'_>) -> Result<(), Abort>| {
        world.execute(GasMeter::unlimited(), None, |ctx| work(ctx).map(|()| Response::default()))
    };
    match step {
        Step::Move { from, to, coins, reason } => {
            let (from, to, coins, reason) = (address(*from), address(*to), checked(*coins), MoveReason::ALL[*reason]);
            call(&|ctx| bank.move_coins(ctx, &from, &to, &coins, reason))
        }
        Step::Mint { coins } => call(&|ctx| bank.mint(ctx, "transfer", &checked(*coins))),
        Step::Burn { coins } => call(&|ctx| bank.burn(ctx, "transfer", &checked(*coins))),
        Step::Send { from, to, coins } => world.run(&send(&address(*from), &address(*to), &text(*coins))),
        Step::MultiSend { from, outputs } => {
            let mut total = [0; 3];
            outputs.iter().for_each(|(_, coins)| total.iter_mut().zip(coins).for_each(|(sum, more)| *sum += more));
            let outputs: Vec<_> = outputs.iter().map(|(to, coins)| (address(*to), text(*coins))).collect();
            let outputs: Vec<_> = outputs.iter().map(|(to, coins)| (to, coins.as_str())).collect();
            world.run(&multi_send(&address(*from), &text(total), &outputs))
        }
    }
}

/// Every balance and the supply of the world, as the model has them.
fn model_of(world: &World, bank: &plume_bank::Bank, whom: &[Address]) -> (Model, [u64; 3]) {
    let small = |amount: Amount| u64::try_from(amount.units()).unwrap();
    let held = |who: &Address| DENOMS.map(|name| small(bank.balance(&world.read(), who, &denom(name)).unwrap()));
    let model = Model(whom.iter().map(|who| (who.clone(), held(who))).collect());
    (model, DENOMS.map(|name| small(bank.supply(&world.read(), &denom(name)).unwrap())))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn bank_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..30)) {
        let (mut world, bank) = world(&[(&address(1), "50alpha,50beta"), (&address(2), "20alpha,9gamma")]);
        let everyone = [address(1), address(2), address(3), address(4), module_address("transfer")];
        let (mut model, _) = model_of(&world, &bank, &everyone);
        for step in &steps {
            let before = world.records();
            let expected = model.apply(step);
            everyone.iter().for_each(|who| { model.0.entry(who.clone()).or_default(); });
            let outcome = run(&mut world, &bank, step);
            prop_assert_eq!(outcome.result.is_ok(), expected, "{:?}: {:?}", step, outcome.result);
            if !expected {
                prop_assert_eq!(&world.records(), &before);
            }
            let (found, supply) = model_of(&world, &bank, &everyone);
            let sums = model.0.values().fold([0; 3], |sum: [u64; 3], held| [sum[0] + held[0], sum[1] + held[1], sum[2] + held[2]]);
            prop_assert_eq!((&found, supply), (&model, sums));
            world.assert_invariants();
        }
        prop_assert_eq!(rebuilt_owners(&world), stored_owners(&world));
    }
}

/// The index as a restarted node rebuilds it.
fn rebuilt_owners(world: &World) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut owners = BTreeMap::new();
    for derivation in world.modules().derivations().iter().filter(|d| d.target == plume_bank::OWNERS_STORE) {
        for ((store, key), value) in world.records() {
            if store == derivation.source.name() {
                (derivation.derive)(&key, &value, &mut |key, value| {
                    owners.insert(key.to_vec(), value.to_vec());
                    Ok(())
                })
                .unwrap();
            }
        }
    }
    owners
}

fn stored_owners(world: &World) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let own = |((store, key), value): ((String, Vec<u8>), Vec<u8>)| (store == "bank.owners").then_some((key, value));
    world.records().into_iter().filter_map(own).collect()
}

#[test]
fn random_operations_succeed_and_keep_the_invariants() {
    let accounts: Vec<Address> = (1..6).map(address).collect();
    let balances: Vec<(&Address, &str)> = accounts.iter().map(|who| (who, "1000alpha,777beta")).collect();
    let (mut world, bank) = world(&balances);
    let mut rng = Rng::new(7);
    let mut next = || rng.next_u64();
    let chain = world.chain().clone();
    let mut executed = 0;
    for round in 0..200 {
        let state = world.read();
        let outcome = if round % 4 == 0 {
            plume_bank::operations::random_multi_send(&mut next, &chain, &state, &accounts)
                .unwrap()
                .map(|(_, msg)| world.run(&msg))
        } else {
            plume_bank::operations::random_send(&mut next, &chain, &state, &accounts)
                .unwrap()
                .map(|(_, msg)| world.run(&msg))
        };
        if let Some(outcome) = outcome {
            outcome.expect_success();
            executed += 1;
        }
        world.assert_invariants();
    }
    assert!(executed > 100, "{executed} operations were possible");
    assert_eq!(bank.supply(&world.read(), &denom("alpha")).unwrap(), Amount::from(5000_u64));
    let exported = world.export().unwrap();
    let (modules, _) = modules(plume_bank::BankConfig::default());
    assert_eq!(World::new(modules, &exported).records(), world.records());
}
