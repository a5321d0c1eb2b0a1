use plume_interfaces::{Bank as _, MoveReason};
use plume_kit::{Abort, Ctx, GasMeter, Response};
use plume_primitives::{Amount, Coins, module_address};
use plume_testkit::{Outcome, World};

use crate::world::{address, held, parse, show, supply, text, world};

fn call(world: &mut World, work: impl FnOnce(&mut Ctx<'_>) -> Result<(), Abort>) -> Outcome {
    world.execute(GasMeter::unlimited(), None, |ctx| work(ctx).map(|()| Response::default()))
}

#[test]
fn mint_and_burn_change_the_supply() {
    let transfer = module_address("transfer");
    let (mut world, bank) = world(&[(&address(1), "5alpha")]);

    let outcome = call(&mut world, |ctx| bank.mint(ctx, "transfer", &parse("7alpha,2beta")));
    outcome.expect_success();
    let who = text(&transfer);
    assert_eq!(
        show(&outcome.events),
        [
            format!("coin_received{{receiver={who},amount=7alpha,2beta}}"),
            format!("coinbase{{minter={who},amount=7alpha,2beta}}"),
        ]
    );
    assert_eq!(held(&world, &bank, &transfer), "7alpha,2beta");
    assert_eq!((supply(&world, &bank, "alpha"), supply(&world, &bank, "beta")), (12_u64.into(), 2_u64.into()));
    world.assert_invariants();

    let outcome = call(&mut world, |ctx| bank.burn(ctx, "transfer", &parse("1alpha,2beta")));
    outcome.expect_success();
    assert_eq!(
        show(&outcome.events),
        [
            format!("coin_spent{{spender={who},amount=1alpha,2beta}}"),
            format!("burn{{burner={who},amount=1alpha,2beta}}"),
        ]
    );
    assert_eq!(held(&world, &bank, &transfer), "6alpha");
    assert_eq!((supply(&world, &bank, "alpha"), supply(&world, &bank, "beta")), (11_u64.into(), Amount::ZERO));
    // A supply of zero is no record.
    assert!(!world.records().contains_key(&("bank".to_owned(), b"\x00beta".to_vec())));
    world.assert_invariants();
}

#[test]
fn mint_and_burn_need_permission_and_room() {
    let (mut world, bank) = world(&[(&module_address("gov"), "5alpha")]);
    let one = parse("1alpha");
    let mut failure = |work: &dyn Fn(&mut Ctx<'_>) -> Result<(), Abort>| {
        let outcome = call(&mut world, work);
        let (codespace, code, text) = outcome.expect_failure();
        (codespace.to_owned(), code, text.to_owned())
    };
    let expected = |code, text: &str| ("sdk".to_owned(), code, text.to_owned());

    assert_eq!(
        failure(&|ctx| bank.mint(ctx, "gov", &one)),
        expected(4, "module account gov does not have permissions to mint tokens: unauthorized")
    );
    assert_eq!(
        failure(&|ctx| bank.burn(ctx, "mint", &one)),
        expected(4, "module account mint does not have permissions to burn tokens: unauthorized")
    );
    assert_eq!(
        failure(&|ctx| bank.mint(ctx, "nobody", &one)),
        expected(9, "module account nobody does not exist: unknown address")
    );
    assert_eq!(
        failure(&|ctx| bank.burn(ctx, "gov", &parse("6alpha"))),
        expected(5, "spendable balance 5alpha is smaller than 6alpha: insufficient funds")
    );
    let too_much = "340282366920938463463374607431768211451alpha";
    assert_eq!(
        failure(&|ctx| bank.mint(ctx, "mint", &parse(too_much))),
        expected(
            10,
            &format!(
                "supply would exceed 340282366920938463463374607431768211455alpha: minting {too_much}: invalid coins"
            )
        )
    );
    for (reason, name) in [(MoveReason::Mint, "Mint"), (MoveReason::Burn, "Burn")] {
        assert_eq!(
            failure(&|ctx| bank.move_coins(ctx, &address(1), &address(2), &one, reason)),
            expected(
                35,
                &format!("coins move by mint and burn for the reason {name}, not by move_coins: internal logic error")
            )
        );
    }
    world.assert_invariants();
}

#[test]
fn each_reason_emits_the_sdks_events() {
    let (alice, bob) = (address(1), address(2));
    for reason in MoveReason::ALL {
        let (mut world, bank) = world(&[(&alice, "5alpha")]);
        if matches!(reason, MoveReason::Mint | MoveReason::Burn | MoveReason::MultiSend) {
            continue;
        }
        let outcome = call(&mut world, |ctx| bank.move_coins(ctx, &alice, &bob, &parse("2alpha"), reason));
        outcome.expect_success();
        let kinds: Vec<&str> = outcome.events.iter().map(|event| event.kind.as_ref()).collect();
        match reason {
            MoveReason::Delegate | MoveReason::Undelegate => assert_eq!(kinds, ["coin_spent", "coin_received"]),
            _ => assert_eq!(kinds, ["coin_spent", "coin_received", "transfer", "message"], "{reason:?}"),
        }
        assert_eq!([&alice, &bob].map(|who| held(&world, &bank, who)), ["3alpha", "2alpha"]);
        world.assert_invariants();
    }
}

#[test]
fn moving_nothing_does_nothing() {
    let (mut world, bank) = world(&[(&address(1), "5alpha")]);
    let before = world.records();
    let none = Coins::new();
    let outcome = call(&mut world, |ctx| bank.move_coins(ctx, &address(1), &address(2), &none, MoveReason::Fee));
    outcome.expect_success();
    assert_eq!((outcome.events.as_slice(), world.records()), (&[][..], before));
}
