//! Queries of SDK 0.50 (`x/auth/keeper/grpc_query.go`), with its texts.

use std::sync::Arc;

use plume_kit::page::paginate_collection;
use plume_kit::{GrpcCode, QueryFailure, QueryRouter, ReadCtx};
use plume_primitives::{Address, AddressError};
use plume_proto::Any;
use plume_proto::cosmos::auth::v1beta1 as proto;

use crate::record::Record;
use crate::state::{self, NEXT_NUMBER, NUMBERS, PARAMS, STORE};
use crate::{Auth, ModuleAccountRule};

type Answer<T> = Result<T, QueryFailure>;

pub(crate) fn register(auth: &Arc<Auth>, router: &mut QueryRouter) {
    let own = Arc::clone(auth);
    router.add("/cosmos.auth.v1beta1.Query/ModuleAccounts", move |ctx, request| module_accounts(&own, ctx, request));
    let own = Arc::clone(auth);
    router.add("/cosmos.auth.v1beta1.Query/ModuleAccountByName", move |ctx, request| {
        module_account_by_name(&own, ctx, request)
    });
    router.add("/cosmos.auth.v1beta1.Query/Accounts", accounts);
    router.add("/cosmos.auth.v1beta1.Query/Account", account);
    router.add("/cosmos.auth.v1beta1.Query/AccountAddressByID", account_address_by_id);
    router.add("/cosmos.auth.v1beta1.Query/AccountInfo", account_info);
    router.add("/cosmos.auth.v1beta1.Query/Params", params);
    router.add("/cosmos.auth.v1beta1.Query/Bech32Prefix", bech32_prefix);
    router.add("/cosmos.auth.v1beta1.Query/AddressBytesToString", address_bytes_to_string);
    router.add("/cosmos.auth.v1beta1.Query/AddressStringToBytes", address_string_to_bytes);
}

fn accounts(ctx: &ReadCtx, request: proto::QueryAccountsRequest) -> Answer<proto::QueryAccountsResponse> {
    let (accounts, pagination) =
        paginate_collection(ctx, STORE, state::accounts_prefix(), request.pagination, |key, value| {
            Ok(Some(state::decode_any(key, value)?))
        })?;
    Ok(proto::QueryAccountsResponse { accounts, pagination: Some(pagination) })
}

fn account(ctx: &ReadCtx, request: proto::QueryAccountRequest) -> Answer<proto::QueryAccountResponse> {
    if request.address.is_empty() {
        return Err(QueryFailure::invalid("Address cannot be empty"));
    }
    let address = require_address(ctx, &request.address)?;
    let account = state::get_any(ctx, &address)?.ok_or_else(|| no_account(&request.address))?;
    Ok(proto::QueryAccountResponse { account: Some(account) })
}

fn account_info(ctx: &ReadCtx, request: proto::QueryAccountInfoRequest) -> Answer<proto::QueryAccountInfoResponse> {
    if request.address.is_empty() {
        return Err(QueryFailure::invalid("address cannot be empty"));
    }
    let address = require_address(ctx, &request.address)?;
    let record = state::get(ctx, &address)?.ok_or_else(|| no_account(&request.address))?;
    let info = proto::BaseAccount { address: request.address, ..record.as_base().clone() };
    Ok(proto::QueryAccountInfoResponse { info: Some(info) })
}

#[expect(deprecated, reason = "the field is read in order to refuse it")]
fn account_address_by_id(
    ctx: &ReadCtx,
    request: proto::QueryAccountAddressByIdRequest,
) -> Answer<proto::QueryAccountAddressByIdResponse> {
    if request.id != 0 {
        return Err(QueryFailure::invalid("requesting with id isn't supported, try to request using account-id"));
    }
    let number = request.account_id;
    let address = NUMBERS
        .get(ctx, &number)?
        .ok_or_else(|| QueryFailure::not_found(format!("account address not found with account number {number}")))?;
    Ok(proto::QueryAccountAddressByIdResponse { account_address: ctx.chain().prefix.account(&address) })
}

fn params(ctx: &ReadCtx, _: proto::QueryParamsRequest) -> Answer<proto::QueryParamsResponse> {
    Ok(proto::QueryParamsResponse { params: Some(PARAMS.get(ctx)?.unwrap_or_default()) })
}

fn module_accounts(
    auth: &Auth,
    ctx: &ReadCtx,
    _: proto::QueryModuleAccountsRequest,
) -> Answer<proto::QueryModuleAccountsResponse> {
    let mut next = NEXT_NUMBER.peek(ctx)?;
    let mut accounts = Vec::with_capacity(auth.module_accounts.len());
    for (name, rule) in &auth.module_accounts {
        let (account, is_new) = stored_or_future(ctx, name, rule, next)?;
        next = next.saturating_add(u64::from(is_new));
        accounts.push(account);
    }
    Ok(proto::QueryModuleAccountsResponse { accounts })
}

fn module_account_by_name(
    auth: &Auth,
    ctx: &ReadCtx,
    request: proto::QueryModuleAccountByNameRequest,
) -> Answer<proto::QueryModuleAccountByNameResponse> {
    if request.name.is_empty() {
        return Err(QueryFailure::invalid("module name is empty"));
    }
    let rule = auth.module_accounts.get(&request.name).ok_or_else(|| no_account(&request.name))?;
    let (account, _) = stored_or_future(ctx, &request.name, rule, NEXT_NUMBER.peek(ctx)?)?;
    Ok(proto::QueryModuleAccountByNameResponse { account: Some(account) })
}

/// The account of a module; if it has none yet, the one that it would get now, and true. (The SDK creates it while it
/// answers and forgets it afterwards.)
fn stored_or_future(ctx: &ReadCtx, name: &str, rule: &ModuleAccountRule, next: u64) -> Answer<(Any, bool)> {
    match state::get(ctx, &rule.address)? {
        Some(record @ Record::Module(_)) => Ok((record.to_any(), false)),
        Some(Record::Base(_)) => Err(QueryFailure::status(GrpcCode::Internal, "account is not a module account")),
        None => {
            let record = Record::module(&ctx.chain().prefix, name, &rule.address, &rule.permissions, next);
            Ok((record.to_any(), true))
        }
    }
}

fn bech32_prefix(ctx: &ReadCtx, _: proto::Bech32PrefixRequest) -> Answer<proto::Bech32PrefixResponse> {
    Ok(proto::Bech32PrefixResponse { bech32_prefix: ctx.chain().prefix.as_str().to_owned() })
}

fn address_bytes_to_string(
    ctx: &ReadCtx,
    request: proto::AddressBytesToStringRequest,
) -> Answer<proto::AddressBytesToStringResponse> {
    if request.address_bytes.is_empty() {
        return Err(QueryFailure::plain("empty address bytes is not allowed"));
    }
    let address = Address::new(&request.address_bytes).map_err(|e| QueryFailure::registered(e.to_string()))?;
    Ok(proto::AddressBytesToStringResponse { address_string: ctx.chain().prefix.account(&address) })
}

fn address_string_to_bytes(
    ctx: &ReadCtx,
    request: proto::AddressStringToBytesRequest,
) -> Answer<proto::AddressStringToBytesResponse> {
    let address = require_address(ctx, &request.address_string)?;
    Ok(proto::AddressStringToBytesResponse { address_bytes: address.as_bytes().to_vec() })
}

/// Errors of the address codec reach clients bare; some of them the SDK has registered.
fn require_address(ctx: &ReadCtx, text: &str) -> Answer<Address> {
    ctx.chain().prefix.parse_account(text).map_err(|e| match e {
        AddressError::Prefix { .. } | AddressError::Empty | AddressError::TooLong(_) => {
            QueryFailure::registered(e.to_string())
        }
        _ => QueryFailure::plain(e.to_string()),
    })
}

fn no_account(what: &str) -> QueryFailure {
    QueryFailure::not_found(format!("account {what} not found"))
}
