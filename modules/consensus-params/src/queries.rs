use plume_kit::{GrpcCode, QueryFailure, QueryRouter, ReadCtx};
use plume_proto::cosmos::consensus::v1::{QueryParamsRequest, QueryParamsResponse};

use crate::{ConsensusParamsError, PARAMS};

pub(crate) fn register(router: &mut QueryRouter) {
    router.add("/cosmos.consensus.v1.Query/Params", params);
}

fn params(ctx: &ReadCtx, _: QueryParamsRequest) -> Result<QueryParamsResponse, QueryFailure> {
    match PARAMS.get(ctx)? {
        Some(params) => Ok(QueryParamsResponse { params: Some(params) }),
        None => Err(QueryFailure::status(GrpcCode::Internal, ConsensusParamsError::NotStored.to_string())),
    }
}
