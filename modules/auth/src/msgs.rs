use plume_kit::{Abort, Ctx, Response, msgs};
use plume_proto::cosmos::auth::v1beta1::{MsgUpdateParams, MsgUpdateParamsResponse};

use crate::state::PARAMS;
use crate::{Auth, AuthError, params};

msgs! {
    /// Messages of auth.
    pub enum AuthMsg {
        UpdateParams(MsgUpdateParams) = "/cosmos.auth.v1beta1.MsgUpdateParams",
    }
}

/// Replaces the parameters of transactions.
///
/// Permission: the authority alone.
///
/// # Errors
/// `undefined/1` another signer, a zero in any place.
pub(crate) fn update_params(auth: &Auth, ctx: &mut Ctx<'_>, msg: &MsgUpdateParams) -> Result<Response, Abort> {
    let expected = ctx.chain().prefix.account(&auth.authority);
    if msg.authority != expected {
        return Err(AuthError::InvalidAuthority { expected, got: msg.authority.clone() }.into());
    }
    let new = msg.params.clone().unwrap_or_default();
    params::validate(&new).map_err(AuthError::from)?;
    PARAMS.set(ctx, &new)?;
    Ok(Response::of(&MsgUpdateParamsResponse {}))
}
