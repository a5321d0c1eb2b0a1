//! Blocks and validators of `cosmos.base.tendermint.v1beta1.Service`, and its way to ABCI Query.

use bytes::Bytes;
use plume_engine::{BlockRecord, MAX_PER_PAGE, Reader, ValidatorKey};
use plume_kit::QueryFailure;
use plume_primitives::{Address, Bech32Prefix, Height};
use plume_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use plume_proto::cosmos::base::tendermint::v1beta1::{
    AbciQueryRequest, AbciQueryResponse, Block as SdkBlock, GetBlockByHeightRequest, GetBlockByHeightResponse,
    GetLatestBlockRequest, GetLatestBlockResponse, GetLatestValidatorSetRequest, GetLatestValidatorSetResponse,
    GetValidatorSetByHeightRequest, GetValidatorSetByHeightResponse, Header as SdkHeader, ProofOp, ProofOps, Validator,
};
use plume_proto::cosmos::crypto::{ed25519, secp256k1};
use plume_proto::tendermint::types::{Block, BlockId, Header, PartSetHeader};
use plume_proto::{Any, Message, any};

use super::{Services, engine_failure, internal, numbered_page};

/// The SDK's text, as it stands there.
const ABOVE_THE_CHAIN: &str = "requested block height is bigger then the chain length";

/// The header of a stored block.
pub(super) fn header(record: &BlockRecord) -> Result<Header, QueryFailure> {
    decode(record)?.header.ok_or_else(|| internal(&"a stored block has no header"))
}

fn decode(record: &BlockRecord) -> Result<Block, QueryFailure> {
    Block::decode(record.block.as_ref()).map_err(|e| internal(&format!("a stored block does not decode: {e}")))
}

/// A block with its id.
pub(super) fn parts_of(record: &BlockRecord) -> Result<(BlockId, Block), QueryFailure> {
    let parts = PartSetHeader { total: record.parts_total, hash: record.parts_hash.to_vec() };
    Ok((BlockId { hash: record.hash.to_vec(), part_set_header: Some(parts) }, decode(record)?))
}

impl<R: Reader> Services<R> {
    pub(super) fn latest_block(
        &self,
        _: GetLatestBlockRequest,
        _: Height,
    ) -> Result<GetLatestBlockResponse, QueryFailure> {
        let record = self.engine.block(None).map_err(engine_failure)?;
        let record = record.ok_or_else(|| QueryFailure::plain("there is no block yet"))?;
        let (block_id, block) = parts_of(&record)?;
        let sdk_block = self.sdk_block(&block)?;
        Ok(GetLatestBlockResponse { block_id: Some(block_id), block: Some(block), sdk_block: Some(sdk_block) })
    }

    pub(super) fn block_by_height(
        &self,
        request: GetBlockByHeightRequest,
        _: Height,
    ) -> Result<GetBlockByHeightResponse, QueryFailure> {
        let record = self.stored_block(request.height)?;
        let (block_id, block) = parts_of(&record)?;
        let sdk_block = self.sdk_block(&block)?;
        Ok(GetBlockByHeightResponse { block_id: Some(block_id), block: Some(block), sdk_block: Some(sdk_block) })
    }

    /// The block of a height that a client names.
    pub(super) fn stored_block(&self, height: i64) -> Result<BlockRecord, QueryFailure> {
        let height = self.named_height(height)?;
        let record = self.engine.block(Some(height)).map_err(engine_failure)?;
        record.ok_or_else(|| QueryFailure::plain(format!("height {height} is not available")))
    }

    /// A height that a client names, above 0 and not above the chain.
    fn named_height(&self, height: i64) -> Result<Height, QueryFailure> {
        let last = self.engine.status().map_err(engine_failure)?.height;
        match Height::try_from(height) {
            Ok(named) if named > last => Err(QueryFailure::invalid(ABOVE_THE_CHAIN)),
            Ok(named) if named > Height::ZERO => Ok(named),
            _ => Err(QueryFailure::plain(format!("height must be greater than 0, but got {height}"))),
        }
    }

    fn sdk_block(&self, block: &Block) -> Result<SdkBlock, QueryFailure> {
        let prefix = self.prefix()?;
        let header = block.header.clone().unwrap_or_default();
        let proposer = consensus_address(&prefix, &header.proposer_address)?;
        Ok(SdkBlock {
            header: Some(SdkHeader {
                version: header.version,
                chain_id: header.chain_id,
                height: header.height,
                time: header.time,
                last_block_id: header.last_block_id,
                last_commit_hash: header.last_commit_hash,
                data_hash: header.data_hash,
                validators_hash: header.validators_hash,
                next_validators_hash: header.next_validators_hash,
                consensus_hash: header.consensus_hash,
                app_hash: header.app_hash,
                last_results_hash: header.last_results_hash,
                evidence_hash: header.evidence_hash,
                proposer_address: proposer,
            }),
            data: block.data.clone(),
            evidence: block.evidence.clone(),
            last_commit: block.last_commit.clone(),
        })
    }

    pub(super) fn latest_validators(
        &self,
        request: GetLatestValidatorSetRequest,
        _: Height,
    ) -> Result<GetLatestValidatorSetResponse, QueryFailure> {
        let (block_height, validators, pagination) = self.validators(None, request.pagination.as_ref())?;
        Ok(GetLatestValidatorSetResponse { block_height, validators, pagination: Some(pagination) })
    }

    pub(super) fn validators_by_height(
        &self,
        request: GetValidatorSetByHeightRequest,
        _: Height,
    ) -> Result<GetValidatorSetByHeightResponse, QueryFailure> {
        let height = self.named_height(request.height)?;
        let (block_height, validators, pagination) = self.validators(Some(height), request.pagination.as_ref())?;
        Ok(GetValidatorSetByHeightResponse { block_height, validators, pagination: Some(pagination) })
    }

    fn validators(
        &self,
        height: Option<Height>,
        page: Option<&PageRequest>,
    ) -> Result<(i64, Vec<Validator>, PageResponse), QueryFailure> {
        let (page, limit) = numbered_page(page)?;
        let limit = limit.min(u64::from(MAX_PER_PAGE));
        let prefix = self.prefix()?;
        let known = self.engine.validators(height).map_err(engine_failure)?;
        let known = known.ok_or_else(|| {
            let height = height.unwrap_or_default();
            QueryFailure::plain(format!("could not find validator set for height #{height}"))
        })?;
        let total = u64::try_from(known.validators.len()).unwrap_or(u64::MAX);
        let pages = total.div_ceil(limit).max(1);
        if page > pages {
            return Err(QueryFailure::plain(format!("page should be within [1, {pages}] range, given {page}")));
        }
        // At most a hundred, and a place in a list that is in memory.
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let shown = known.validators.iter().skip(size((page - 1) * limit)).take(size(limit));
        let validators = shown
            .map(|validator| {
                Ok(Validator {
                    address: consensus_address(&prefix, &validator.address)?,
                    pub_key: Some(public_key(&validator.key)),
                    voting_power: validator.power,
                    proposer_priority: validator.priority,
                })
            })
            .collect::<Result<_, QueryFailure>>()?;
        Ok((known.height.to_i64(), validators, PageResponse { next_key: Vec::new(), total }))
    }

    /// What ABCI Query answers under `/app`, `/store` and `/p2p`, with its code: a refusal is an answer.
    pub(super) fn abci_query(&self, request: AbciQueryRequest, _: Height) -> Result<AbciQueryResponse, QueryFailure> {
        if request.path.is_empty() {
            return Err(QueryFailure::invalid("empty query path"));
        }
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        if !matches!(path.split('/').next(), Some("app" | "store" | "p2p" | "custom")) {
            return Err(QueryFailure::invalid(format!("unsupported ABCI query path: {}", request.path)));
        }
        let answer = match Height::try_from(request.height) {
            Ok(height) => {
                let height = Some(height).filter(|height| *height != Height::ZERO);
                self.reader.query(&request.path, &request.data, height, request.prove)
            }
            Err(_) => {
                let text = "cannot query with height < 0; please provide a valid height";
                Err(QueryFailure::plain(text).into_error())
            }
        };
        Ok(match answer {
            Ok(answer) => AbciQueryResponse {
                key: answer.key.to_vec(),
                value: answer.value.to_vec(),
                proof_ops: (!answer.proof.is_empty()).then(|| ProofOps {
                    ops: answer
                        .proof
                        .into_iter()
                        .map(|op| ProofOp { r#type: op.kind, key: op.key.to_vec(), data: op.data.to_vec() })
                        .collect(),
                }),
                height: answer.height.to_i64(),
                ..AbciQueryResponse::default()
            },
            Err(e) => AbciQueryResponse {
                code: e.code,
                log: e.log,
                codespace: e.codespace,
                height: self.reader.info().height.to_i64(),
                ..AbciQueryResponse::default()
            },
        })
    }
}

fn consensus_address(prefix: &Bech32Prefix, address: &[u8]) -> Result<String, QueryFailure> {
    Ok(prefix.consensus(&Address::new(address).map_err(|e| internal(&e))?))
}

/// A consensus key as accounts' keys travel.
fn public_key(key: &ValidatorKey) -> Any {
    match key {
        ValidatorKey::Ed25519(key) => any(&ed25519::PubKey { key: key.to_vec() }),
        ValidatorKey::Secp256k1(key) => any(&secp256k1::PubKey { key: key.to_vec() }),
    }
}

/// The transactions of a block.
pub(super) fn txs_of(block: &Block) -> impl Iterator<Item = Bytes> + '_ {
    block.data.iter().flat_map(|data| &data.txs).map(|tx| Bytes::copy_from_slice(tx))
}
