use prost::Message;

use crate::canonical::fill_evidence;
use crate::{Hash, merkle, raw};

/// Hash of a block's evidence: the Merkle root over each piece's bytes (`EvidenceList.Hash`).
pub fn evidence_hash(list: &raw::EvidenceList) -> Hash {
    if list.evidence.is_empty() {
        return merkle::EMPTY;
    }
    let mut list = list.clone();
    fill_evidence(&mut list);
    let leaves: Vec<_> = list
        .evidence
        .iter()
        .map(|evidence| match &evidence.sum {
            Some(raw::evidence::Sum::DuplicateVoteEvidence(evidence)) => evidence.encode_to_vec(),
            Some(raw::evidence::Sum::LightClientAttackEvidence(evidence)) => evidence.encode_to_vec(),
            None => Vec::new(),
        })
        .collect();
    merkle::root(&leaves)
}

/// The list's protobuf as Go writes it.
pub(crate) fn encode_evidence(list: &raw::EvidenceList) -> Vec<u8> {
    let mut list = list.clone();
    fill_evidence(&mut list);
    list.encode_to_vec()
}
