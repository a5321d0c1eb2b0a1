//! Queries of SDK 0.50 (`x/bank/keeper/grpc_query.go`), with its texts.

use std::sync::Arc;

use bytes::Bytes;
use plume_interfaces::Bank as BankApi;
use plume_kit::page::{paginate, paginate_collection};
use plume_kit::{GrpcCode, QueryFailure, QueryRouter, ReadCtx};
use plume_primitives::{Address, Amount, Coin, Denom};
use plume_proto::cosmos::bank::v1beta1 as proto;
use plume_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;

use crate::Bank;
use crate::coins::coin_to_proto;
use crate::state::{self, METADATA, OWNERS_STORE, PARAMS, SEND_ENABLED, STORE, SUPPLY};

type Answer<T> = Result<T, QueryFailure>;

pub(crate) fn register(bank: &Arc<Bank>, router: &mut QueryRouter) {
    let own = Arc::clone(bank);
    router.add("/cosmos.bank.v1beta1.Query/SpendableBalances", move |ctx, request| {
        spendable_balances(&own, ctx, request)
    });
    let own = Arc::clone(bank);
    router.add("/cosmos.bank.v1beta1.Query/SpendableBalanceByDenom", move |ctx, request| {
        spendable_balance_by_denom(&own, ctx, request)
    });
    router.add("/cosmos.bank.v1beta1.Query/Balance", balance);
    router.add("/cosmos.bank.v1beta1.Query/AllBalances", all_balances);
    router.add("/cosmos.bank.v1beta1.Query/TotalSupply", total_supply);
    router.add("/cosmos.bank.v1beta1.Query/SupplyOf", supply_of);
    router.add("/cosmos.bank.v1beta1.Query/Params", params);
    router.add("/cosmos.bank.v1beta1.Query/DenomsMetadata", denoms_metadata);
    router.add("/cosmos.bank.v1beta1.Query/DenomMetadata", denom_metadata);
    router.add("/cosmos.bank.v1beta1.Query/DenomMetadataByQueryString", denom_metadata_by_query_string);
    router.add("/cosmos.bank.v1beta1.Query/DenomOwners", denom_owners);
    router.add("/cosmos.bank.v1beta1.Query/DenomOwnersByQuery", denom_owners_by_query);
    router.add("/cosmos.bank.v1beta1.Query/SendEnabled", send_enabled);
}

fn balance(ctx: &ReadCtx, request: proto::QueryBalanceRequest) -> Answer<proto::QueryBalanceResponse> {
    let denom = require_denom(&request.denom)?;
    let address = require_address(ctx, &request.address)?;
    let balance = Coin::new(denom.clone(), state::balance(ctx, &address, &denom)?);
    Ok(proto::QueryBalanceResponse { balance: Some(coin_to_proto(&balance)) })
}

fn all_balances(ctx: &ReadCtx, request: proto::QueryAllBalancesRequest) -> Answer<proto::QueryAllBalancesResponse> {
    let address = require_address(ctx, &request.address)?;
    let (mut balances, pagination) = balance_page(ctx, &address, request.pagination)?;
    if request.resolve_denom {
        for coin in &mut balances {
            if let Some(metadata) = METADATA.get(ctx, &coin.denom)? {
                coin.denom = require_denom(&metadata.display)?;
            }
        }
    }
    Ok(proto::QueryAllBalancesResponse { balances: wire(&balances), pagination: Some(pagination) })
}

fn spendable_balances(
    bank: &Bank,
    ctx: &ReadCtx,
    request: proto::QuerySpendableBalancesRequest,
) -> Answer<proto::QuerySpendableBalancesResponse> {
    let address = require_address(ctx, &request.address)?;
    let (mut balances, pagination) = balance_page(ctx, &address, request.pagination)?;
    let spendable = bank.spendable(ctx, &address)?;
    for coin in &mut balances {
        coin.amount = spendable.amount_of(coin.denom.as_str());
    }
    Ok(proto::QuerySpendableBalancesResponse { balances: wire(&balances), pagination: Some(pagination) })
}

fn spendable_balance_by_denom(
    bank: &Bank,
    ctx: &ReadCtx,
    request: proto::QuerySpendableBalanceByDenomRequest,
) -> Answer<proto::QuerySpendableBalanceByDenomResponse> {
    let address = require_address(ctx, &request.address)?;
    let denom = require_denom(&request.denom)?;
    let held = state::balance(ctx, &address, &denom)?;
    let locked = bank.locked_of(ctx, &address)?.amount_of(denom.as_str());
    let spendable = Coin::new(denom, held.checked_sub(locked).unwrap_or(Amount::ZERO));
    Ok(proto::QuerySpendableBalanceByDenomResponse { balance: Some(coin_to_proto(&spendable)) })
}

fn total_supply(ctx: &ReadCtx, request: proto::QueryTotalSupplyRequest) -> Answer<proto::QueryTotalSupplyResponse> {
    let (supply, pagination) =
        paginate_collection(ctx, STORE, SUPPLY.prefix(), request.pagination, stored_coin).map_err(internal)?;
    Ok(proto::QueryTotalSupplyResponse { supply: wire(&supply), pagination: Some(pagination) })
}

fn supply_of(ctx: &ReadCtx, request: proto::QuerySupplyOfRequest) -> Answer<proto::QuerySupplyOfResponse> {
    let denom = require_denom(&request.denom)?;
    let amount = SUPPLY.get(ctx, &denom)?.unwrap_or_default();
    Ok(proto::QuerySupplyOfResponse { amount: Some(coin_to_proto(&Coin::new(denom, amount))) })
}

fn params(ctx: &ReadCtx, _: proto::QueryParamsRequest) -> Answer<proto::QueryParamsResponse> {
    Ok(proto::QueryParamsResponse { params: Some(PARAMS.get(ctx)?.unwrap_or_default()) })
}

fn denoms_metadata(
    ctx: &ReadCtx,
    request: proto::QueryDenomsMetadataRequest,
) -> Answer<proto::QueryDenomsMetadataResponse> {
    let (metadatas, pagination) = paginate(ctx, STORE, METADATA.prefix(), request.pagination, |key, value| {
        Ok(Some(METADATA.decode_value(key, value)?))
    })
    .map_err(internal)?;
    Ok(proto::QueryDenomsMetadataResponse { metadatas, pagination: Some(pagination) })
}

fn denom_metadata(
    ctx: &ReadCtx,
    request: proto::QueryDenomMetadataRequest,
) -> Answer<proto::QueryDenomMetadataResponse> {
    Ok(proto::QueryDenomMetadataResponse { metadata: Some(require_metadata(ctx, &request.denom)?) })
}

fn denom_metadata_by_query_string(
    ctx: &ReadCtx,
    request: proto::QueryDenomMetadataByQueryStringRequest,
) -> Answer<proto::QueryDenomMetadataByQueryStringResponse> {
    let metadata = Some(require_metadata(ctx, &request.denom)?);
    Ok(proto::QueryDenomMetadataByQueryStringResponse { metadata })
}

fn denom_owners(ctx: &ReadCtx, request: proto::QueryDenomOwnersRequest) -> Answer<proto::QueryDenomOwnersResponse> {
    let (denom_owners, pagination) = owner_page(ctx, &request.denom, request.pagination)?;
    Ok(proto::QueryDenomOwnersResponse { denom_owners, pagination: Some(pagination) })
}

fn denom_owners_by_query(
    ctx: &ReadCtx,
    request: proto::QueryDenomOwnersByQueryRequest,
) -> Answer<proto::QueryDenomOwnersByQueryResponse> {
    let (denom_owners, pagination) = owner_page(ctx, &request.denom, request.pagination)?;
    Ok(proto::QueryDenomOwnersByQueryResponse { denom_owners, pagination: Some(pagination) })
}

fn send_enabled(ctx: &ReadCtx, request: proto::QuerySendEnabledRequest) -> Answer<proto::QuerySendEnabledResponse> {
    if request.denoms.is_empty() {
        let (send_enabled, pagination) =
            paginate_collection(ctx, STORE, SEND_ENABLED.prefix(), request.pagination, |key, value| {
                let denom = state::denom_of(key)?.as_str().to_owned();
                let enabled: bool = SEND_ENABLED.decode_value(key, value)?;
                Ok(Some(proto::SendEnabled { denom, enabled }))
            })
            .map_err(internal)?;
        return Ok(proto::QuerySendEnabledResponse { send_enabled, pagination: Some(pagination) });
    }
    let mut send_enabled = Vec::new();
    for text in request.denoms {
        // What is no denomination has no switch.
        let Ok(denom) = Denom::new(&text) else { continue };
        if let Some(enabled) = SEND_ENABLED.get(ctx, &denom)? {
            send_enabled.push(proto::SendEnabled { denom: text, enabled });
        }
    }
    Ok(proto::QuerySendEnabledResponse { send_enabled, pagination: None })
}

fn balance_page(
    ctx: &ReadCtx,
    address: &Address,
    page: Option<PageRequest>,
) -> Result<(Vec<Coin>, PageResponse), QueryFailure> {
    let prefix = state::balances_prefix(address)?;
    paginate_collection(ctx, STORE, &prefix, page, stored_coin)
        .map_err(|e| QueryFailure::invalid(format!("paginate: {}", e.message)))
}

fn owner_page(
    ctx: &ReadCtx,
    denom: &str,
    page: Option<PageRequest>,
) -> Result<(Vec<proto::DenomOwner>, PageResponse), QueryFailure> {
    let denom = require_denom(denom)?;
    let prefix = state::owners_prefix(&denom)?;
    paginate_collection(ctx, OWNERS_STORE, &prefix, page, |key, _| {
        let owner = state::owner_of(key)?;
        let balance = Coin::new(denom.clone(), state::balance(ctx, &owner, &denom)?);
        let address = ctx.chain().prefix.account(&owner);
        Ok(Some(proto::DenomOwner { address, balance: Some(coin_to_proto(&balance)) }))
    })
}

/// A denomination as key and its amount as value.
fn stored_coin(key: &[u8], value: &Bytes) -> Answer<Option<Coin>> {
    Ok(Some(Coin::new(state::denom_of(key)?, state::amount_of(key, value)?)))
}

fn require_metadata(ctx: &ReadCtx, denom: &str) -> Answer<proto::Metadata> {
    let denom = require_denom(denom)?;
    METADATA.get(ctx, &denom)?.ok_or_else(|| QueryFailure::not_found(format!("client metadata for denom {denom}")))
}

fn require_denom(text: &str) -> Answer<Denom> {
    Denom::new(text).map_err(|e| QueryFailure::invalid(e.to_string()))
}

fn require_address(ctx: &ReadCtx, text: &str) -> Answer<Address> {
    ctx.chain().prefix.parse_account(text).map_err(|e| QueryFailure::invalid(format!("invalid address: {e}")))
}

fn internal(e: QueryFailure) -> QueryFailure {
    QueryFailure::status(GrpcCode::Internal, e.message)
}

fn wire(coins: &[Coin]) -> Vec<ProtoCoin> {
    coins.iter().map(coin_to_proto).collect()
}
