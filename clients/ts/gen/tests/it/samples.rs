//! Messages with something in every field, and with something in some.

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// The empty message, one with every field, and many with some; always the same.
pub fn all(pool: &DescriptorPool) -> Vec<Value> {
    let play = pool.get_message_by_name("plume.toy.v1.MsgPlay").expect("the toy");
    // Unset it would have no amino JSON.
    let price = json!({"denom": "uplume", "amount": "1"});
    let mut samples = vec![json!({"price": price})];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for every in [1, 2, 4] {
        for _ in 0..8 {
            let mut sample = message(&mut random, &play, every, 0);
            sample.entry("price").or_insert_with(|| price.clone());
            samples.push(Value::Object(sample));
        }
    }
    samples
}

/// Xorshift: tests need no better one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }
}

/// A message with each field set one time in `every`.
fn message(random: &mut Random, descriptor: &MessageDescriptor, every: u64, depth: u32) -> Map<String, Value> {
    let mut out = Map::new();
    let mut oneof_is_set = false;
    for field in descriptor.fields() {
        let in_oneof = field.containing_oneof().is_some() && !field.field_descriptor_proto().proto3_optional();
        let too_deep = depth > 2 && matches!(field.kind(), Kind::Message(_));
        if random.below(every) > 0 || too_deep || (in_oneof && (oneof_is_set || random.below(2) == 0)) {
            continue;
        }
        oneof_is_set |= in_oneof;
        let value = if field.is_list() {
            (0..random.below(4)).map(|_| value(random, &field, depth)).collect()
        } else {
            value(random, &field, depth)
        };
        out.insert(field.name().to_owned(), value);
    }
    out
}

fn value(random: &mut Random, field: &FieldDescriptor, depth: u32) -> Value {
    let bits = random.next() >> random.below(64);
    match (field.name(), field.kind()) {
        ("rate" | "always_rate", _) => {
            let sign = random.pick(&["", "-"]);
            json!(format!("{sign}{}.{:018}", bits >> 20, random.below(1_000_000_000_000_000_000)))
        }
        ("share", _) => json!("0.334000000000000000"),
        ("amount", Kind::String) => json!(format!("{}{bits}", random.pick(&["", "-", "340282366920938463463"]))),
        ("document", _) => json!(base64(random.pick(&[
            r#"{"b":1,"a":[null,true,{"y":"<&>","x":-9007199254740992}]}"#,
            "[]",
            "\"text\"",
            "12",
        ]))),
        (_, Kind::String) => json!(random.pick(&["x", "a<b>&c \"q\" \\ \n\t\u{1}", "Grüße 你好 🪶", "1"])),
        (_, Kind::Bytes) => json!(base64(random.pick(&["\0", "bytes", "a longer row of bytes, to be sure \u{7f}"]))),
        (_, Kind::Bool) => json!(random.below(3) > 0),
        (_, Kind::Enum(values)) => {
            let numbers: Vec<_> = values.values().map(|value| value.number()).collect();
            json!(random.pick(&numbers))
        }
        (_, Kind::Int32 | Kind::Sint32 | Kind::Sfixed32) => json!((bits >> 32) as u32 as i32),
        (_, Kind::Uint32 | Kind::Fixed32) => json!((bits >> 32) as u32),
        (_, Kind::Int64 | Kind::Sint64 | Kind::Sfixed64) => json!((bits as i64).to_string()),
        (_, Kind::Uint64 | Kind::Fixed64) => json!(bits.to_string()),
        (_, Kind::Message(inner)) => match inner.full_name() {
            "google.protobuf.Timestamp" => {
                let fraction = random.pick(&["", ".5", ".000000001", ".120"]);
                json!(format!(
                    "{}-0{}-1{}T23:59:58{fraction}Z",
                    1960 + random.below(80),
                    1 + random.below(9),
                    random.below(10)
                ))
            }
            "google.protobuf.Duration" => {
                json!(format!("{}{}.{:09}s", random.pick(&["", "-"]), bits >> 34, random.below(1_000_000_000)))
            }
            "google.protobuf.Any" => packed(random, field, depth),
            _ => Value::Object(message(random, &inner, 2, depth + 1)),
        },
        (name, kind) => panic!("{name}: no sample of {kind:?}"),
    }
}

fn packed(random: &mut Random, field: &FieldDescriptor, depth: u32) -> Value {
    let pool = field.parent_pool();
    if random.below(4) == 0 {
        return json!({"@type": "/cosmos.crypto.secp256k1.PubKey", "key": base64("a key of thirty-three bytes, yes!")});
    }
    let name = random.pick(&["plume.toy.v1.Toy", "plume.toy.v1.MsgRest"]);
    let inner = pool.get_message_by_name(name).expect("the toy");
    let mut content = message(random, &inner, 2, depth + 1);
    content.insert("@type".to_owned(), json!(format!("/{name}")));
    Value::Object(content)
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().chain([0, 0].iter()).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
            out.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    out
}
