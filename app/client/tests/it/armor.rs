use plume_client::{ArmorError, decrypt_private_key, encrypt_private_key};
use plume_crypto::PrivateKey;

/// Keys exported by the SDK 0.50.15, see `tests/data/armor/main.go`.
const EXPORTED: &str = include_str!("../data/armor/exported.txt");

struct Exported<'a> {
    passphrase: &'a str,
    secret: &'a str,
    armored: &'a str,
}

fn exported() -> Vec<Exported<'static>> {
    EXPORTED
        .split("path ")
        .skip(1)
        .map(|part| {
            let field = |name: &str| {
                part.lines().find_map(|line| line.strip_prefix(name)).expect("the generator writes it").trim_start()
            };
            let armored = &part[part.find("-----BEGIN").expect("a block")..];
            Exported { passphrase: field("passphrase "), secret: field("secret "), armored }
        })
        .collect()
}

#[test]
fn keys_exported_by_the_sdk_are_read() {
    let vectors = exported();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let key = decrypt_private_key(vector.armored, vector.passphrase).expect("decrypts");
        assert_eq!(hex::encode(key.secret_bytes()), vector.secret);
        // Windows line ends and surrounding text of a mail do no harm.
        let mailed = format!("Hello,\r\n{}\r\nBye", vector.armored.replace('\n', "\r\n"));
        assert!(decrypt_private_key(&mailed, vector.passphrase).is_ok());
    }
}

#[test]
fn our_own_exports_have_the_sdks_form_and_read_back() {
    let key = PrivateKey::secp256k1(&[7; 32]).expect("in range");
    let text = encrypt_private_key(&key, "correct horse").expect("exports");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "-----BEGIN TENDERMINT PRIVATE KEY-----");
    assert_eq!(lines[1], "kdf: argon2");
    assert!(lines[2].starts_with("salt: ") && lines[2].len() == 6 + 32);
    assert_eq!((lines[3], lines[4]), ("type: secp256k1", ""));
    assert_eq!(lines[5].len(), 64);
    assert!(lines[7].starts_with('=') && lines[7].len() == 5);
    assert_eq!(lines[8], "-----END TENDERMINT PRIVATE KEY-----");
    let back = decrypt_private_key(&text, "correct horse").expect("decrypts");
    assert_eq!(back.secret_bytes(), key.secret_bytes());
    assert_ne!(encrypt_private_key(&key, "correct horse").expect("exports"), text, "a new salt each time");
}

#[test]
fn what_is_wrong_is_said() {
    let vector = &exported()[0];
    let error = |text: &str, passphrase: &str| decrypt_private_key(text, passphrase).expect_err("refused");
    assert_eq!(error(vector.armored, "12345679").to_string(), "invalid account password");
    assert_eq!(error("nothing", ""), ArmorError::NotArmor);
    assert_eq!(
        error(vector.armored.trim_end().trim_end_matches("-----END TENDERMINT PRIVATE KEY-----"), ""),
        ArmorError::NotArmor
    );
    assert_eq!(error(&vector.armored.replace("CT7Y", "CT7Z"), vector.passphrase), ArmorError::Checksum);
    assert_eq!(error(&vector.armored.replace("argon2", "bcrypt"), ""), ArmorError::Kdf("bcrypt".to_owned()));
    assert_eq!(error(&vector.armored.replace("secp256k1", "sr25519"), ""), ArmorError::KeyType("sr25519".to_owned()));
    assert_eq!(error(&vector.armored.replace("salt: A1", "salt: A"), ""), ArmorError::Header("salt"));
    assert_eq!(error(&vector.armored.replace("kdf: argon2\n", ""), ""), ArmorError::Header("kdf"));
    let ed25519 = PrivateKey::ed25519(&[1; 32]).expect("32 bytes");
    assert_eq!(encrypt_private_key(&ed25519, "password"), Err(ArmorError::NotExportable));
}
