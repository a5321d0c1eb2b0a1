//! `cosmos.base.node.v1beta1.Service`, and who the node is (`cosmos.base.tendermint.v1beta1.Service`).

use plume_engine::Reader;
use plume_kit::QueryFailure;
use plume_primitives::Height;
use plume_proto::cosmos::base::node::v1beta1::{ConfigRequest, ConfigResponse, StatusRequest, StatusResponse};
use plume_proto::cosmos::base::tendermint::v1beta1::{
    GetNodeInfoRequest, GetNodeInfoResponse, GetSyncingRequest, GetSyncingResponse, Module, VersionInfo,
};
use plume_proto::tendermint::p2p::{DefaultNodeInfo, DefaultNodeInfoOther, ProtocolVersion};

use super::{Services, engine_failure};

/// Version of the Cosmos SDK whose interfaces the chain has. Relayers parse it and refuse what they do not know (Hermes
/// 1.13: 0.46 up to 0.53).
pub const COSMOS_SDK_VERSION: &str = "v0.50.15";

/// Version of ibc-go whose interfaces the chain has, for relayers (Hermes 1.13: 6.3.1 up to 10).
pub const IBC_GO_VERSION: &str = "v8.8.0";

/// Version of CometBFT whose interfaces the chain has, for relayers: they choose their encodings by it.
pub const COMETBFT_VERSION: &str = "v0.38.25";

impl<R: Reader> Services<R> {
    /// What the operator has decided.
    pub(super) fn config(&self, _: ConfigRequest, _: Height) -> Result<ConfigResponse, QueryFailure> {
        let settings = &self.settings;
        Ok(ConfigResponse {
            minimum_gas_price: settings.minimum_gas_prices.clone(),
            pruning_keep_recent: settings.pruning_keep_recent.clone(),
            pruning_interval: settings.pruning_interval.clone(),
            halt_height: settings.halt_height,
        })
    }

    /// Where the node stands, by the header of `height`. As in the SDK the earliest height stays 0.
    pub(super) fn node_status(&self, _: StatusRequest, height: Height) -> Result<StatusResponse, QueryFailure> {
        let block = self.engine.block(Some(height)).map_err(engine_failure)?;
        let header = block.map(|record| super::blocks::header(&record)).transpose()?;
        let mut status = StatusResponse { height: height.get(), ..StatusResponse::default() };
        if let Some(header) = header {
            status.timestamp = header.time;
            status.app_hash = header.app_hash;
            status.validator_hash = header.next_validators_hash;
        }
        Ok(status)
    }

    pub(super) fn syncing(&self, _: GetSyncingRequest, _: Height) -> Result<GetSyncingResponse, QueryFailure> {
        Ok(GetSyncingResponse { syncing: self.engine.status().map_err(engine_failure)?.catching_up })
    }

    /// What the node tells its peers, and what relayers look for.
    pub(super) fn node_info(&self, _: GetNodeInfoRequest, _: Height) -> Result<GetNodeInfoResponse, QueryFailure> {
        let info = self.engine.node_info().map_err(engine_failure)?;
        let dependency = |path: &str, version: &str| Module {
            path: path.to_owned(),
            version: version.to_owned(),
            sum: String::new(),
        };
        let settings = &self.settings;
        Ok(GetNodeInfoResponse {
            default_node_info: Some(DefaultNodeInfo {
                protocol_version: Some(ProtocolVersion {
                    p2p: info.p2p_version,
                    block: info.block_version,
                    app: info.app_version,
                }),
                default_node_id: info.id,
                listen_addr: info.listen_addr,
                network: info.network,
                version: info.version,
                channels: info.channels.to_vec(),
                moniker: info.moniker,
                other: Some(DefaultNodeInfoOther {
                    tx_index: if info.tx_index { "on" } else { "off" }.to_owned(),
                    rpc_address: info.rpc_address,
                }),
            }),
            application_version: Some(VersionInfo {
                name: settings.name.clone(),
                app_name: settings.app_name.clone(),
                version: settings.version.clone(),
                git_commit: settings.git_commit.clone(),
                // No Go here: what relayers need to know is declared below.
                build_deps: vec![
                    dependency("github.com/cometbft/cometbft", COMETBFT_VERSION),
                    dependency("github.com/cosmos/cosmos-sdk", COSMOS_SDK_VERSION),
                    dependency("github.com/cosmos/ibc-go/v8", IBC_GO_VERSION),
                ],
                cosmos_sdk_version: COSMOS_SDK_VERSION.to_owned(),
                ..VersionInfo::default()
            }),
        })
    }
}
