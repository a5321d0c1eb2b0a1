//! Queries beyond those that simd recorded (bank's tests replay them for both modules).

use plume_interfaces::Accounts;
use plume_kit::{GrpcCode, QueryFailure};
use plume_primitives::module_address;
use plume_proto::cosmos::auth::v1beta1::{
    AddressBytesToStringRequest, AddressBytesToStringResponse, AddressStringToBytesRequest,
    AddressStringToBytesResponse, Bech32PrefixRequest, Bech32PrefixResponse, ModuleAccount,
    QueryAccountAddressByIdRequest, QueryAccountAddressByIdResponse, QueryAccountInfoRequest, QueryAccountInfoResponse,
    QueryAccountRequest, QueryAccountResponse, QueryAccountsRequest, QueryAccountsResponse,
    QueryModuleAccountByNameRequest, QueryModuleAccountByNameResponse, QueryModuleAccountsRequest,
    QueryModuleAccountsResponse,
};
use plume_proto::{Any, Message};
use plume_testkit::World;
use serde_json::Value;

use crate::world::{address, call, text, world};

fn module(account: &Any) -> (String, u64) {
    assert_eq!(account.type_url, "/cosmos.auth.v1beta1.ModuleAccount");
    let account = ModuleAccount::decode(account.value.as_slice()).unwrap();
    (account.name, account.base_account.unwrap().account_number)
}

#[test]
fn module_accounts_that_do_not_exist_yet_have_the_numbers_that_they_would_get() {
    let (mut world, auth) = world(Value::Null);
    call(&mut world, |ctx| auth.create(ctx, &address(1))).0.expect_success();
    let before = world.records();

    let all: QueryModuleAccountsResponse =
        world.query("/cosmos.auth.v1beta1.Query/ModuleAccounts", &QueryModuleAccountsRequest {}).unwrap();
    let all: Vec<(String, u64)> = all.accounts.iter().map(module).collect();
    assert_eq!(all, [("fee_collector".to_owned(), 0), ("gov".to_owned(), 2), ("mint".to_owned(), 3)]);
    let request = QueryModuleAccountByNameRequest { name: "mint".to_owned() };
    let mint: QueryModuleAccountByNameResponse =
        world.query("/cosmos.auth.v1beta1.Query/ModuleAccountByName", &request).unwrap();
    assert_eq!(module(&mint.account.unwrap()), ("mint".to_owned(), 2));
    assert_eq!(world.records(), before);
}

#[test]
fn account_is_found_by_address_number_and_page() {
    let (mut world, auth) = world(Value::Null);
    for id in 1..=5 {
        call(&mut world, |ctx| auth.create(ctx, &address(id))).0.expect_success();
    }
    let three = text(&address(3));

    let info: QueryAccountInfoResponse = world
        .query("/cosmos.auth.v1beta1.Query/AccountInfo", &QueryAccountInfoRequest { address: three.clone() })
        .unwrap();
    let info = info.info.unwrap();
    assert_eq!((info.address.as_str(), info.account_number, info.sequence), (three.as_str(), 3, 0));
    let account: QueryAccountResponse =
        world.query("/cosmos.auth.v1beta1.Query/Account", &QueryAccountRequest { address: three.clone() }).unwrap();
    assert_eq!(account.account.unwrap().value, info.encode_to_vec());

    let request = QueryAccountAddressByIdRequest { account_id: 3, ..QueryAccountAddressByIdRequest::default() };
    let found: QueryAccountAddressByIdResponse =
        world.query("/cosmos.auth.v1beta1.Query/AccountAddressByID", &request).unwrap();
    assert_eq!(found.account_address, three);

    let all: QueryAccountsResponse =
        world.query("/cosmos.auth.v1beta1.Query/Accounts", &QueryAccountsRequest { pagination: None }).unwrap();
    assert_eq!((all.accounts.len(), all.pagination.unwrap().total), (6, 6));
}

fn failure<Req: Message, Resp: Message + Default + core::fmt::Debug>(
    world: &World,
    name: &str,
    request: &Req,
) -> QueryFailure {
    let answer: Result<Resp, QueryFailure> = world.query(&format!("/cosmos.auth.v1beta1.Query/{name}"), request);
    answer.expect_err("the query fails")
}

#[test]
fn queries_fail_with_the_sdks_texts() {
    let (world, _) = world(Value::Null);
    let nobody = text(&address(9));
    let asked = QueryAccountRequest { address: nobody.clone() };
    assert_eq!(
        failure::<_, QueryAccountResponse>(&world, "Account", &asked),
        QueryFailure::not_found(format!("account {nobody} not found"))
    );
    assert_eq!(
        failure::<_, QueryAccountResponse>(&world, "Account", &QueryAccountRequest::default()),
        QueryFailure::invalid("Address cannot be empty")
    );
    let by_number = QueryAccountAddressByIdRequest { account_id: 9, ..QueryAccountAddressByIdRequest::default() };
    assert_eq!(
        failure::<_, QueryAccountAddressByIdResponse>(&world, "AccountAddressByID", &by_number),
        QueryFailure::not_found("account address not found with account number 9")
    );
    let long = AddressBytesToStringRequest { address_bytes: vec![1; 256] };
    assert_eq!(
        failure::<_, AddressBytesToStringResponse>(&world, "AddressBytesToString", &long).code,
        Some(GrpcCode::Unknown)
    );
}

#[test]
fn addresses_are_converted_with_the_chains_prefix() {
    let (world, _) = world(Value::Null);
    let gov = module_address("gov");
    let bytes = AddressBytesToStringRequest { address_bytes: gov.as_bytes().to_vec() };
    let text: AddressBytesToStringResponse =
        world.query("/cosmos.auth.v1beta1.Query/AddressBytesToString", &bytes).unwrap();
    assert_eq!(text.address_string, crate::world::text(&gov));
    let request = AddressStringToBytesRequest { address_string: text.address_string };
    let back: AddressStringToBytesResponse =
        world.query("/cosmos.auth.v1beta1.Query/AddressStringToBytes", &request).unwrap();
    assert_eq!(back.address_bytes, gov.as_bytes());
    let prefix: Bech32PrefixResponse =
        world.query("/cosmos.auth.v1beta1.Query/Bech32Prefix", &Bech32PrefixRequest {}).unwrap();
    assert_eq!(prefix.bech32_prefix, "plume");
}
