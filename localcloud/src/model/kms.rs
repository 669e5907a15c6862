//! Key Management Service, as far as volumes and snapshots need it: which keys a region has, and whether they can be used.

use super::{Config, Fault, Service, Tree, actions::Action, args::Args, ids::Ids, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Kms,
        "CreateKey",
        "Description KeyUsage KeySpec Tags",
        create_key,
    ),
    Action::new(
        Service::Kms,
        "CreateAlias",
        "AliasName TargetKeyId",
        create_alias,
    ),
    Action::new(Service::Kms, "DescribeKey", "KeyId GrantTokens", describe),
    Action::new(Service::Kms, "DisableKey", "KeyId", |s, a| {
        enable(s, a, false)
    }),
    Action::new(Service::Kms, "EnableKey", "KeyId", |s, a| {
        enable(s, a, true)
    }),
    Action::new(
        Service::Kms,
        "ScheduleKeyDeletion",
        "KeyId PendingWindowInDays",
        schedule_deletion,
    ),
];

/// The alias of the key that EBS uses when none is named.
pub(super) const EBS: &str = "alias/aws/ebs";

#[derive(Clone, Debug)]
pub(super) struct Key {
    id: String,
    pub(super) arn: String,
    description: String,
    created: Timestamp,
    enabled: bool,
    deletion: Option<Timestamp>,
    /// AWS's own, which no policy opens to other accounts.
    pub(super) of_aws: bool,
}

/// The keys of one region.
#[derive(Clone, Debug)]
pub(super) struct Kms {
    keys: BTreeMap<String, Key>,
    /// `alias/…` to key id.
    aliases: BTreeMap<String, String>,
    /// A stream of its own, so that keys do not change which ids the rest of the account gets.
    ids: Ids,
}

impl Kms {
    pub(super) fn seeded(config: &Config) -> Self {
        let mut ids = Ids::new(config.seed ^ u64::from_be_bytes(*b"kms keys"));
        let id = ids.uuid();
        let key = Key {
            arn: arn(config, &format!("key/{id}")),
            id: id.clone(),
            description: "Default key that protects my EBS volumes when no other key is defined"
                .into(),
            created: config.opened,
            enabled: true,
            deletion: None,
            of_aws: true,
        };
        Self {
            keys: BTreeMap::from([(id.clone(), key)]),
            aliases: BTreeMap::from([(EBS.into(), id)]),
            ids,
        }
    }

    /// The key that an id, an ARN, an alias or an alias's ARN names.
    pub(super) fn key(&self, config: &Config, name: &str) -> Option<&Key> {
        let own = arn(config, "");
        let name = name.strip_prefix(&own).unwrap_or(name);
        let id = match self.aliases.get(name) {
            Some(id) => id,
            None => name.strip_prefix("key/").unwrap_or(name),
        };
        self.keys.get(id)
    }
}

impl Key {
    /// Whether it encrypts and decrypts.
    pub(super) fn is_usable(&self) -> bool {
        self.enabled && self.deletion.is_none()
    }

    fn state(&self) -> &'static str {
        match (self.deletion, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        }
    }
}

fn arn(config: &Config, resource: &str) -> String {
    format!(
        "arn:aws:kms:{}:{}:{resource}",
        config.region, config.account
    )
}

fn not_found(config: &Config, name: &str) -> Fault {
    let text = if name.starts_with("alias/") {
        format!("Alias {} is not found.", arn(config, name))
    } else if name.starts_with("arn:") {
        format!("Key '{name}' does not exist")
    } else {
        format!(
            "Key '{}' does not exist",
            arn(config, &format!("key/{name}"))
        )
    };
    Fault::new("NotFoundException", text)
}

fn named<'a>(state: &'a State, args: &Args<'_>) -> Result<&'a Key, Fault> {
    let name = args.text("KeyId")?;
    let key = state.kms.key(&state.config, name);
    key.ok_or_else(|| not_found(&state.config, name))
}

fn changeable<'a>(state: &'a mut State, args: &Args<'_>) -> Result<&'a mut Key, Fault> {
    let key = named(state, args)?;
    if key.of_aws {
        let text = format!(
            "The request was rejected because {} is an AWS managed key.",
            key.arn
        );
        return Err(Fault::new("AccessDeniedException", text));
    }
    let (id, missing) = (key.id.clone(), not_found(&state.config, &key.id));
    state.kms.keys.get_mut(&id).ok_or(missing)
}

fn metadata(state: &State, key: &Key) -> Tree {
    let manager = if key.of_aws { "AWS" } else { "CUSTOMER" };
    Tree::new()
        .put("AWSAccountId", &state.config.account)
        .put("KeyId", &key.id)
        .put("Arn", &key.arn)
        .put("CreationDate", key.created.as_second())
        .put("Enabled", key.is_usable())
        .put("Description", &key.description)
        .put("KeyUsage", "ENCRYPT_DECRYPT")
        .put("KeyState", key.state())
        .put_some("DeletionDate", key.deletion.map(Timestamp::as_second))
        .put("Origin", "AWS_KMS")
        .put("KeyManager", manager)
        .put("KeySpec", "SYMMETRIC_DEFAULT")
        .put("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT")
        .put(
            "EncryptionAlgorithms",
            vec![Tree::from("SYMMETRIC_DEFAULT")],
        )
        .put("MultiRegion", false)
}

fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let key = named(state, args)?;
    Ok(Tree::new().put("KeyMetadata", metadata(state, key)))
}

fn create_key(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    args.word("KeyUsage", "ENCRYPT_DECRYPT")?;
    args.word("KeySpec", "SYMMETRIC_DEFAULT")?;
    for tag in args.maps("Tags")? {
        tag.only("TagKey TagValue")?;
    }
    let id = state.kms.ids.uuid();
    let key = Key {
        arn: arn(&state.config, &format!("key/{id}")),
        id: id.clone(),
        description: args.maybe_text("Description")?.unwrap_or_default().into(),
        created: state.now,
        enabled: true,
        deletion: None,
        of_aws: false,
    };
    let tree = Tree::new().put("KeyMetadata", metadata(state, &key));
    state.kms.keys.insert(id, key);
    Ok(tree)
}

fn create_alias(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("AliasName")?;
    let rest = name.strip_prefix("alias/");
    if rest.is_none_or(str::is_empty) {
        let text = "Alias must start with the prefix \"alias/\".";
        return Err(Fault::new("ValidationException", text));
    }
    if name.starts_with("alias/aws/") {
        let text = format!("The alias {name} is reserved.");
        return Err(Fault::new("NotAuthorizedException", text));
    }
    let target = args.text("TargetKeyId")?;
    let key = state.kms.key(&state.config, target);
    let id = key
        .ok_or_else(|| not_found(&state.config, target))?
        .id
        .clone();
    if state.kms.aliases.contains_key(name) {
        let text = format!(
            "An alias with the name {} already exists",
            arn(&state.config, name)
        );
        return Err(Fault::new("AlreadyExistsException", text));
    }
    state.kms.aliases.insert(name.into(), id);
    Ok(Tree::new())
}

fn enable(state: &mut State, args: &Args<'_>, enabled: bool) -> Result<Tree, Fault> {
    let key = changeable(state, args)?;
    if key.deletion.is_some() {
        let text = format!("{} is pending deletion.", key.arn);
        return Err(Fault::new("KMSInvalidStateException", text));
    }
    key.enabled = enabled;
    Ok(Tree::new())
}

fn schedule_deletion(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let days = args.int_in("PendingWindowInDays", 7..=30)?.unwrap_or(30);
    let now = state.now;
    let key = changeable(state, args)?;
    if key.deletion.is_some() {
        let text = format!("{} is pending deletion.", key.arn);
        return Err(Fault::new("KMSInvalidStateException", text));
    }
    let end = now.checked_add(SignedDuration::from_hours(24 * days));
    let end = end.unwrap_or(Timestamp::MAX);
    key.deletion = Some(end);
    Ok(Tree::new()
        .put("KeyId", &key.arn)
        .put("DeletionDate", end.as_second())
        .put("KeyState", "PendingDeletion")
        .put("PendingWindowInDays", days))
}
