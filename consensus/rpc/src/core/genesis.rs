//! The genesis document, whole and in chunks (`rpc/core/net.go`, `types/genesis.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_home::genesis::GenesisDoc;
use plume_home::keys::consensus_address;

use crate::json::Json;
use crate::render;

/// Bytes of a chunk before base64 (`genesisChunkSize`).
const CHUNK: usize = 16 * 1024 * 1024;

/// The document as CometBFT writes it, made once.
pub(super) struct GenesisText {
    text: Bytes,
    chunk: usize,
}

impl GenesisText {
    pub(super) fn new(doc: &GenesisDoc) -> Self {
        Self::with_chunk(doc, CHUNK)
    }

    fn with_chunk(doc: &GenesisDoc, chunk: usize) -> Self {
        let mut json = Json::default();
        write(doc, &mut json);
        Self { text: json.into_bytes().into(), chunk }
    }

    fn chunks(&self) -> usize {
        self.text.len().div_ceil(self.chunk)
    }

    /// # Errors
    /// CometBFT's text for a document of more than one chunk.
    pub(super) fn whole(&self, json: &mut Json) -> Result<(), String> {
        if self.chunks() > 1 {
            return Err("genesis response is large, please use the genesis_chunked API instead".to_owned());
        }
        json.object(|object| object.key("genesis").raw(&self.text));
        Ok(())
    }

    /// # Errors
    /// CometBFT's text for a chunk that is not there.
    pub(super) fn chunk(&self, number: u64, json: &mut Json) -> Result<(), String> {
        let total = self.chunks();
        let part = usize::try_from(number).ok().and_then(|number| self.text.chunks(self.chunk).nth(number));
        let part = part.ok_or_else(|| format!("there are {} chunks, {number} is invalid", total.saturating_sub(1)))?;
        json.object(|object| {
            object.quoted("chunk", number);
            object.quoted("total", total);
            object.string("data", &STANDARD.encode(part));
        });
        Ok(())
    }
}

fn write(doc: &GenesisDoc, json: &mut Json) {
    json.object(|object| {
        object.quoted("genesis_time", doc.time);
        object.string("chain_id", &doc.chain_id);
        object.quoted("initial_height", doc.initial_height.get());
        render::params(object.key("consensus_params"), &doc.consensus_params);
        if !doc.validators.is_empty() {
            object.key("validators").list(&doc.validators, |json, validator| {
                json.object(|object| {
                    object.hex("address", &consensus_address(&validator.key));
                    render::public_key(object.key("pub_key"), &validator.key);
                    object.quoted("power", validator.power);
                    object.string("name", &validator.name);
                });
            });
        }
        object.hex("app_hash", &doc.app_hash);
        app_state(&doc.app_state, object.key("app_state"));
    });
}

fn app_state(value: &serde_json::Value, json: &mut Json) {
    use serde_json::Value;
    match value {
        Value::Null => json.null(),
        Value::Bool(value) => json.bool(*value),
        Value::Number(number) => json.raw(number.to_string().as_bytes()),
        Value::String(text) => json.string(text),
        Value::Array(items) => json.list(items, |json, item| app_state(item, json)),
        Value::Object(members) => json.object(|object| {
            for (key, member) in members {
                app_state(member, object.key(key));
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc() -> GenesisDoc {
        let text = br#"{"genesis_time":"2024-01-02T03:04:05.600Z","chain_id":"plume-1","initial_height":"7",
            "app_hash":"","app_state":{"b":"<1>","a":[1,null,true]}}"#;
        GenesisDoc::from_json(text).expect("a genesis document")
    }

    #[test]
    fn the_document_is_completed_and_written_as_go_does() {
        let mut json = Json::default();
        GenesisText::new(&doc()).whole(&mut json).expect("one chunk");
        let text = String::from_utf8(json.into_bytes()).expect("UTF-8");
        assert_eq!(
            text,
            "{\"genesis\":{\"genesis_time\":\"2024-01-02T03:04:05.6Z\",\"chain_id\":\"plume-1\",\"initial_height\":\"7\",\
             \"consensus_params\":{\"block\":{\"max_bytes\":\"22020096\",\"max_gas\":\"-1\"},\
             \"evidence\":{\"max_age_num_blocks\":\"100000\",\"max_age_duration\":\"172800000000000\",\
             \"max_bytes\":\"1048576\"},\"validator\":{\"pub_key_types\":[\"ed25519\"]},\"version\":{\"app\":\"0\"},\
             \"abci\":{\"vote_extensions_enable_height\":\"0\"}},\"app_hash\":\"\",\
             \"app_state\":{\"b\":\"\\u003c1\\u003e\",\"a\":[1,null,true]}}}"
        );
    }

    #[test]
    fn chunks_join_to_the_document() {
        let text = GenesisText::with_chunk(&doc(), 100);
        let error = text.whole(&mut Json::default()).expect_err("several chunks");
        assert_eq!(error, "genesis response is large, please use the genesis_chunked API instead");
        let total = text.text.len().div_ceil(100);
        let mut joined = Vec::new();
        for number in 0..total as u64 {
            let mut json = Json::default();
            text.chunk(number, &mut json).expect("a chunk");
            let answer: serde_json::Value = serde_json::from_slice(&json.into_bytes()).expect("JSON");
            assert_eq!(answer["chunk"], number.to_string());
            assert_eq!(answer["total"], total.to_string());
            joined.extend(STANDARD.decode(answer["data"].as_str().expect("text")).expect("base64"));
        }
        assert_eq!(joined, text.text);
        assert_eq!(
            text.chunk(total as u64, &mut Json::default()).expect_err("one too many"),
            format!("there are {} chunks, {total} is invalid", total - 1)
        );
    }
}
