//! Key pairs; only the public half is kept.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State, tags},
    describe::{Kind, PAGED, one},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rand_chacha::ChaCha12Rng;
use rsa::{pkcs1::EncodeRsaPrivateKey, pkcs8::EncodePrivateKey};
use sha2::{Digest, Sha256};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, public::RsaPublicKey};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateKeyPair",
        "KeyName KeyType KeyFormat TagSpecification",
        create_key_pair,
    ),
    Action::new(
        Service::Ec2,
        "ImportKeyPair",
        "KeyName PublicKeyMaterial TagSpecification",
        import_key_pair,
    ),
    Action::new(
        Service::Ec2,
        "DescribeKeyPairs",
        "KeyName KeyPairId IncludePublicKey Filter",
        describe_key_pairs,
    ),
    Action::new(
        Service::Ec2,
        "DeleteKeyPair",
        "KeyName KeyPairId",
        delete_key_pair,
    ),
];

#[derive(Clone, Debug)]
pub(in crate::model) struct KeyPair {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    /// `rsa` or `ed25519`.
    pub(in crate::model) kind: &'static str,
    pub(in crate::model) fingerprint: String,
    /// One line of an `authorized_keys` file.
    pub(in crate::model) public: String,
    pub(in crate::model) created: Timestamp,
}

/// A key pair before it has a name.
struct Fresh {
    kind: &'static str,
    fingerprint: String,
    public: String,
    private: String,
}

fn new_name(state: &State, args: &Args<'_>) -> Result<String, Fault> {
    let name = args.text("KeyName")?;
    // KeyName: at most 255 ASCII characters.
    if name.len() > 255 || !name.is_ascii() {
        return Err(args.invalid(
            "KeyName",
            name,
            "Key pair names have at most 255 ASCII characters.",
        ));
    }
    if state.ec2.keys.contains_key(name) {
        return Err(Fault::new(
            "InvalidKeyPair.Duplicate",
            format!("The keypair already exists: {name}"),
        ));
    }
    Ok(name.into())
}

fn create_key_pair(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = new_name(state, args)?;
    let tags = tags::read_for(args, "key-pair")?;
    if args.word("KeyFormat", "pem ppk")? == Some("ppk") {
        return Err(args.invalid("KeyFormat", "ppk", "Keys are given as PEM here."));
    }
    let made = match args.word("KeyType", "rsa ed25519")? {
        Some("ed25519") => ed25519(state.ids.rng()),
        _ => rsa(state.ids.rng()),
    };
    let fresh = made.map_err(|why| Fault::new("InternalError", why).with_status(500))?;
    let private = fresh.private.clone();
    let tree = keep(state, name, fresh, &tags);
    Ok(tree.put("keyMaterial", private))
}

fn ed25519(rng: &mut ChaCha12Rng) -> Result<Fresh, String> {
    let mut key = PrivateKey::random(rng, Algorithm::Ed25519).map_err(|error| error.to_string())?;
    key.set_comment("");
    let private = key
        .to_openssh(LineEnding::LF)
        .map_err(|error| error.to_string())?
        .to_string();
    Ok(Fresh {
        kind: "ed25519",
        fingerprint: openssh_fingerprint(key.public_key()),
        public: line(key.public_key())?,
        private,
    })
}

/// As EC2 gives it: 2048 bits, PKCS#1, fingerprinted over the private half.
fn rsa(rng: &mut ChaCha12Rng) -> Result<Fresh, String> {
    let key = rsa::RsaPrivateKey::new(rng, 2048).map_err(|error| error.to_string())?;
    let private = key
        .to_pkcs1_pem(rsa::pkcs1::LineEnding::LF)
        .map_err(|error| error.to_string())?
        .to_string();
    let der = key.to_pkcs8_der().map_err(|error| error.to_string())?;
    let public = RsaPublicKey::try_from(&key.to_public_key()).map_err(|error| error.to_string())?;
    Ok(Fresh {
        kind: "rsa",
        fingerprint: of_made(der.as_bytes()),
        public: line(&PublicKey::from(public))?,
        private,
    })
}

fn line(key: &PublicKey) -> Result<String, String> {
    key.to_openssh().map_err(|error| error.to_string())
}

/// RSA keys that EC2 made: SHA-1 over the private half in PKCS#8 (EC2 user guide, "Verify the fingerprint").
fn of_made(pkcs8: &[u8]) -> String {
    colons(&<sha1::Sha1 as sha1::Digest>::digest(pkcs8))
}

/// RSA keys that were imported: as long as EC2's MD5, but the first octets of a SHA-256, for want of an MD5 here.
fn of_imported(public: &[u8]) -> String {
    colons(&Sha256::digest(public)[..16])
}

fn colons(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

fn openssh_fingerprint(key: &PublicKey) -> String {
    let text = key.fingerprint(HashAlg::Sha256).to_string();
    format!("{}=", text.trim_start_matches("SHA256:"))
}

fn import_key_pair(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = new_name(state, args)?;
    let tags = tags::read_for(args, "key-pair")?;
    let bad = || {
        Fault::new(
            "InvalidKey.Format",
            "Key is not in valid OpenSSH public key format",
        )
    };
    let text = STANDARD
        .decode(args.text("PublicKeyMaterial")?)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let key = PublicKey::from_openssh(text.ok_or_else(bad)?.trim()).map_err(|_| bad())?;
    let (kind, fingerprint) = match key.algorithm() {
        Algorithm::Ed25519 => ("ed25519", openssh_fingerprint(&key)),
        Algorithm::Rsa { .. } => ("rsa", of_imported(&key.to_bytes().map_err(|_| bad())?)),
        _ => return Err(bad()),
    };
    let public = line(&key).map_err(|_| bad())?;
    Ok(keep(
        state,
        name,
        Fresh {
            kind,
            fingerprint,
            public,
            private: String::new(),
        },
        &tags,
    ))
}

fn keep(state: &mut State, name: String, fresh: Fresh, tags: &tags::Tags) -> Tree {
    let id = state.ids.resource("key");
    let tree = Tree::new()
        .put("keyName", &name)
        .put("keyFingerprint", &fresh.fingerprint)
        .put("keyPairId", &id)
        .put("tagSet", tags::show(tags));
    state.ec2.tag(&id, tags);
    let key = KeyPair {
        id,
        name: name.clone(),
        kind: fresh.kind,
        fingerprint: fresh.fingerprint,
        public: format!("{} {name}", fresh.public.trim_end()),
        created: state.now,
    };
    state.ec2.keys.insert(name, key);
    tree
}

fn by_id<'a>(state: &'a State, id: &str) -> Option<&'a KeyPair> {
    state.ec2.keys.values().find(|key| key.id == id)
}

const KEYS: Kind = Kind {
    ids: "KeyPairId",
    set: "keySet",
    filters: "key-pair-id fingerprint key-name",
    paging: PAGED,
    all: |state| state.ec2.keys.values().map(|key| key.id.clone()).collect(),
    missing: |id| {
        Fault::new(
            "InvalidKeyPair.NotFound",
            format!("The key pair '{id}' does not exist"),
        )
    },
    field: |state, id, name| match (by_id(state, id), name) {
        (Some(key), "key-pair-id") => one(&key.id),
        (Some(key), "fingerprint") => one(&key.fingerprint),
        (Some(key), "key-name") => one(&key.name),
        _ => Vec::new(),
    },
    show: |state, id| by_id(state, id).map_or_else(Tree::new, |key| show(state, key)),
};

fn describe_key_pairs(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("KeyName")?;
    if let Some(lost) = names
        .iter()
        .find(|name| !state.ec2.keys.contains_key(**name))
    {
        return Err((KEYS.missing)(lost));
    }
    let keep = |state: &State, id: &str| {
        names.is_empty() || by_id(state, id).is_some_and(|key| names.contains(&key.name.as_str()))
    };
    let (ids, _) = KEYS.select(state, args, keep)?;
    let with_public = args.flag("IncludePublicKey")?.unwrap_or_default();
    let shown = ids
        .iter()
        .filter_map(|id| by_id(state, id))
        .map(|key| show(state, key).put_some("publicKey", with_public.then_some(&key.public)));
    Ok(Tree::new().put("keySet", shown.collect::<Vec<_>>()))
}

fn show(state: &State, key: &KeyPair) -> Tree {
    Tree::new()
        .put("keyPairId", &key.id)
        .put("keyName", &key.name)
        .put("keyType", key.kind)
        .put("keyFingerprint", &key.fingerprint)
        .put("createTime", key.created)
        .put("tagSet", tags::show(&state.ec2.tags_of(&key.id)))
}

/// Deleting what is not there succeeds, as on AWS.
fn delete_key_pair(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = match (args.maybe_text("KeyName")?, args.maybe_text("KeyPairId")?) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(id)) => by_id(state, id).map(|key| key.name.clone()),
        (None, None) => return Err(args.missing("KeyName")),
    };
    let removed = name.and_then(|name| state.ec2.keys.remove(&name));
    let id = removed.map(|key| {
        state.ec2.tags.remove(&key.id);
        key.id
    });
    Ok(Tree::new().put("return", true).put_some("keyPairId", id))
}
