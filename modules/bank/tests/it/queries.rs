//! Queries beyond the recording: what is locked, and pages of many entries.

use std::sync::Arc;

use plume_bank::BankConfig;
use plume_interfaces::LockedAmounts;
use plume_primitives::{Address, Coins};
use plume_proto::cosmos::bank::v1beta1::{
    QueryAllBalancesRequest, QueryAllBalancesResponse, QueryDenomOwnersRequest, QueryDenomOwnersResponse,
    QuerySpendableBalanceByDenomRequest, QuerySpendableBalanceByDenomResponse, QuerySpendableBalancesRequest,
    QuerySpendableBalancesResponse,
};
use plume_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use plume_state::{KvRead, StateError};
use plume_testkit::World;

use crate::world::{address, parse, text, wire, world, world_with};

struct Lock;

impl LockedAmounts for Lock {
    fn locked(&self, _: &dyn KvRead, _: &Address) -> Result<Coins, StateError> {
        Ok(parse("4alpha,9beta"))
    }
}

#[test]
fn spendable_leaves_out_what_is_locked() {
    let config = BankConfig { locked: vec![Arc::new(Lock)], ..BankConfig::default() };
    let (world, _) = world_with(config, &[(&address(1), "10alpha,5beta,6gamma")]);

    let all: QuerySpendableBalancesResponse = world
        .query(
            "/cosmos.bank.v1beta1.Query/SpendableBalances",
            &QuerySpendableBalancesRequest { address: text(&address(1)), pagination: None },
        )
        .unwrap();
    assert_eq!(all.balances, wire("6alpha,0beta,6gamma"));
    assert_eq!(all.pagination, Some(PageResponse { next_key: vec![], total: 3 }));

    let one = |denom: &str| {
        let request = QuerySpendableBalanceByDenomRequest { address: text(&address(1)), denom: denom.into() };
        let answer: QuerySpendableBalanceByDenomResponse =
            world.query("/cosmos.bank.v1beta1.Query/SpendableBalanceByDenom", &request).unwrap();
        answer.balance.unwrap()
    };
    let coin = |amount: &str, denom: &str| ProtoCoin { denom: denom.into(), amount: amount.into() };
    assert_eq!([one("alpha"), one("beta"), one("delta")], [coin("6", "alpha"), coin("0", "beta"), coin("0", "delta")]);
}

fn balances(world: &World, page: PageRequest) -> (Vec<String>, PageResponse) {
    let request = QueryAllBalancesRequest { address: text(&address(1)), pagination: Some(page), resolve_denom: false };
    let answer: QueryAllBalancesResponse = world.query("/cosmos.bank.v1beta1.Query/AllBalances", &request).unwrap();
    (answer.balances.into_iter().map(|coin| coin.denom).collect(), answer.pagination.unwrap())
}

#[test]
fn pages_by_key_and_by_offset_cover_everything_once_in_both_directions() {
    let coins: Vec<String> = (0..25).map(|n| format!("1coin{n:02}")).collect();
    let (world, _) = world(&[(&address(1), &coins.join(",")), (&address(2), "1coin99")]);
    let names: Vec<String> = coins.iter().map(|coin| coin[1..].to_owned()).collect();

    for reverse in [false, true] {
        let mut expected = names.clone();
        if reverse {
            expected.reverse();
        }
        for limit in [1, 7, 25, 30] {
            let mut by_key = Vec::new();
            let mut page = PageRequest { limit, reverse, ..PageRequest::default() };
            loop {
                let (found, next) = balances(&world, page.clone());
                by_key.extend(found);
                assert_eq!(next.total, 0);
                if next.next_key.is_empty() {
                    break;
                }
                page.key = next.next_key;
            }
            assert_eq!(by_key, expected, "limit {limit}, reverse {reverse}");

            let by_offset: Vec<String> = (0..=25_u64)
                .step_by(usize::try_from(limit).unwrap())
                .flat_map(|offset| {
                    let page = PageRequest { limit, offset, reverse, count_total: true, ..PageRequest::default() };
                    let (found, next) = balances(&world, page);
                    assert_eq!(next.total, 25);
                    found
                })
                .collect();
            assert_eq!(by_offset, expected, "limit {limit}, reverse {reverse}");
        }
    }
}

#[test]
fn owners_follow_every_balance() {
    let (mut world, _) = world(&[(&address(1), "10alpha"), (&address(2), "1beta")]);
    let owners = |world: &World| {
        let request = QueryDenomOwnersRequest { denom: "alpha".into(), pagination: None };
        let answer: QueryDenomOwnersResponse = world.query("/cosmos.bank.v1beta1.Query/DenomOwners", &request).unwrap();
        answer.denom_owners.into_iter().map(|owner| (owner.address, owner.balance.unwrap().amount)).collect::<Vec<_>>()
    };
    assert_eq!(owners(&world), [(text(&address(1)), "10".to_owned())]);
    world.run(&crate::world::send(&address(1), &address(3), "4alpha")).expect_success();
    assert_eq!(owners(&world), [(text(&address(1)), "6".to_owned()), (text(&address(3)), "4".to_owned())]);
    world.run(&crate::world::send(&address(1), &address(3), "6alpha")).expect_success();
    assert_eq!(owners(&world), [(text(&address(3)), "10".to_owned())]);
}
