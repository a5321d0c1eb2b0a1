//! The chain of a node as a light client sees it.

use std::time::Duration;

use plume_block::raw;
use plume_light_client as light;
use plume_primitives::Height;
use plume_store::BlockStore;

use crate::cluster::CHAIN;

struct Chain<'a>(&'a BlockStore);

impl Chain<'_> {
    fn block(&self, height: u64) -> light::LightBlock {
        let at = Height(height);
        let commit = match self.0.height() == at {
            true => self.0.seen_commit(at),
            false => self.0.commit(at),
        };
        let header = self.0.header(at).expect("a header");
        let signed = raw::SignedHeader { header: Some(header), commit: Some(commit.expect("a commit")) };
        let set = self.0.validators(at).expect("validators").to_raw();
        let members = set.validators.into_iter().map(|member| light::Validator::try_from(member).expect("a validator"));
        let signed = light::SignedHeader::try_from(signed).expect("a signed header");
        light::LightBlock::new(signed, members.collect()).expect("a light block")
    }
}

impl light::Provider for Chain<'_> {
    fn light_block(&self, height: u64) -> Result<light::LightBlock, light::ProviderError> {
        Ok(self.block(height))
    }

    fn latest_height(&self) -> Result<u64, light::ProviderError> {
        Ok(self.0.height().get())
    }

    fn name(&self) -> String {
        "node 0".to_owned()
    }
}

/// Every header of the store follows from the first one, header by header and by skipping.
pub fn verify(store: &BlockStore) {
    let chain = Chain(store);
    let (first, last) = (chain.block(1), store.height().get());
    let now = chain.block(last).time();
    for mode in [light::Mode::Sequential, light::Mode::Skipping] {
        let options = light::TrustOptions::new(1, first.hash(), Duration::from_secs(1_000_000));
        let id = CHAIN.parse().expect("a chain id");
        let mut client = light::Client::new(id, options, first.clone()).expect("a client");
        let sources = light::Sources { primary: &chain, witnesses: &[] };
        let verified = client.verify(sources, last, mode, now).expect("a light client believes the chain");
        assert_eq!(verified.block.height(), last);
    }
}
