//! The options of the build machine: what it is and what it is launched with.

use super::super::bake::{
    Instance, MetadataOptions, Placement, Reservation, ShutdownBehavior, Spot,
};
use super::super::local::Local;
use super::super::options::{Options, wrong_type};
use super::{devices, keys, network, tags};
use crate::source::{Diagnostic, Spanned};

/// The families that have CPU credits and can have more of them ("Burstable performance instances").
const BURSTABLE: &[&str] = &["t2", "t3", "t3a", "t4g"];

/// Reads the machine's options; `None` when it has no type, which is reported.
pub(super) fn read(options: &Options<'_>, local: &Local<'_>) -> Option<Instance> {
    let spot = spot(options);
    let types = types(options, spot.is_some());
    let subnets = network::subnets(options);
    let security_groups = network::security_groups(options);
    let vpc = options.text("vpc_id");
    let profile = options.text("iam_instance_profile");
    let mut block_devices = devices::read(options, "launch_block_device_mappings");
    if options.flag("no_ephemeral") {
        block_devices.extend(devices::without_ephemeral());
    }
    let instance = Instance {
        skip_profile_validation: options.flag("skip_profile_validation"),
        temporary_profile_policy: policy(options, profile.as_ref()),
        profile,
        security_group_filter: network::named_filter(
            options,
            "security_group_filter",
            security_groups.first(),
        ),
        security_groups,
        temporary_security_group_cidrs: network::cidrs(options),
        subnet_filter: network::subnet_filter(options, &subnets),
        subnets,
        vpc_filter: network::named_filter(options, "vpc_filter", vpc.as_ref()),
        vpc,
        availability_zone: options.text("availability_zone"),
        associate_public_ip_address: options.trilean("associate_public_ip_address"),
        ebs_optimized: options.flag("ebs_optimized"),
        tags: tags(options, "run_tags", "run_tag"),
        volume_tags: tags(options, "run_volume_tags", "run_volume_tag"),
        block_devices,
        user_data: user_data(options, local),
        metadata: metadata(options),
        shutdown_behavior: shutdown_behavior(options),
        disable_stop_instance: options.flag("disable_stop_instance"),
        enable_unlimited_credits: unlimited_credits(options, &types),
        enable_nitro_enclave: enclave(options, &types, spot.as_ref()),
        placement: placement(options),
        reservation: reservation(options),
        licenses: licenses(options),
        spot,
        types,
    };
    (!instance.types.is_empty()).then_some(instance)
}

/// `instance_type`, or what spot machines may be instead.
fn types(options: &Options<'_>, spot: bool) -> Vec<Spanned<String>> {
    options.exclusive("instance_type", "spot_instance_types");
    let listed: Vec<_> = options.ids("spot_instance_types");
    let listed: Vec<_> = listed.into_iter().filter(|kind| !kind.is_empty()).collect();
    if let Some(first) = listed.first() {
        if !spot && !options.meant(&["spot_price"]) {
            options.report(
                Diagnostic::error(
                    "template::missing_option",
                    "`spot_instance_types` needs a `spot_price`",
                )
                .at_value(first, "only spot machines may be one of several types")
                .help("\"spot_price\": \"auto\" pays at most the on-demand price"),
            );
        }
        return listed;
    }
    if options.meant(&["spot_instance_types"]) && !options.has("instance_type") {
        return Vec::new();
    }
    let one = options.need_text(
        "instance_type",
        "name the build machine's type, for example \"t3.small\"",
    );
    one.into_iter().collect()
}

/// The policy as IAM takes it; what it allows is IAM's to judge.
fn policy(
    options: &Options<'_>,
    profile: Option<&Spanned<String>>,
) -> Option<Spanned<serde_json::Value>> {
    const NAME: &str = "temporary_iam_instance_profile_policy_document";
    let json = options.get(NAME).filter(|_| !options.is_blank(NAME))?;
    let place = crate::source::Place::at(json.span);
    let mut value = options.interpolator.settle_all(json)?;
    if let Some([one]) = value.as_array().map(Vec::as_slice) {
        value = one.clone();
    }
    if profile.is_some() {
        options.exclusive("iam_instance_profile", NAME);
        return None;
    }
    let inner = options.object(NAME, "the policy document", keys::POLICY)?;
    let statements = inner.objects("Statement", "a statement", keys::STATEMENT);
    if statements.is_empty() {
        inner.missing("Statement", "say what the machine may do");
        return None;
    }
    for statement in statements {
        statement.choice("Effect", &[("Allow", ()), ("Deny", ())]);
        for part in ["Effect", "Action", "Resource"] {
            if !statement.has(part) {
                statement.missing(part, "IAM refuses a statement without it");
            }
        }
    }
    if let Some(document) = value.as_object_mut() {
        // The language's current version; without it IAM takes the one of 2008 ("IAM JSON policy elements: Version").
        document
            .entry("Version")
            .or_insert_with(|| "2012-10-17".into());
    }
    Some(Spanned::new(value, place))
}

fn user_data(options: &Options<'_>, local: &Local<'_>) -> Option<Spanned<String>> {
    options.exclusive("user_data", "user_data_file");
    if let Some(text) = options.text("user_data") {
        return Some(text);
    }
    let path = options.text("user_data_file")?;
    let text = local.read(options, "user_data_file", &path)?;
    Some(path.map(|_| text))
}

fn metadata(options: &Options<'_>) -> MetadataOptions {
    let mut metadata = MetadataOptions {
        endpoint_enabled: true,
        tokens_required: true,
        hop_limit: 1,
        instance_tags: false,
    };
    let Some(options) = options.object("metadata_options", "`metadata_options`", keys::METADATA)
    else {
        return metadata;
    };
    let switch = [("enabled", true), ("disabled", false)];
    if let Some(enabled) = options.choice("http_endpoint", &switch) {
        metadata.endpoint_enabled = enabled;
    }
    if let Some(required) =
        options.choice("http_tokens", &[("required", true), ("optional", false)])
    {
        metadata.tokens_required = required;
    }
    if let Some(limit) = options.number::<u16>("http_put_response_hop_limit") {
        if !(1..=64).contains(&limit.value) {
            let text = format!("`http_put_response_hop_limit` cannot be {limit}");
            refuse(&options, &limit, &text, "1 to 64");
        }
        metadata.hop_limit = limit.value;
    }
    if let Some(shown) = options.choice("instance_metadata_tags", &switch) {
        metadata.instance_tags = shown;
    }
    metadata
}

fn shutdown_behavior(options: &Options<'_>) -> Option<ShutdownBehavior> {
    let chosen = options.choice(
        "shutdown_behavior",
        &[
            ("stop", ShutdownBehavior::Stop),
            ("terminate", ShutdownBehavior::Terminate),
        ],
    );
    if chosen == Some(ShutdownBehavior::Terminate) && options.flag("disable_stop_instance") {
        options.exclusive("shutdown_behavior", "disable_stop_instance");
    }
    chosen
}

fn unlimited_credits(options: &Options<'_>, types: &[Spanned<String>]) -> bool {
    let wanted = options.flag("enable_unlimited_credits") || options.flag("enable_t2_unlimited");
    let family = |kind: &Spanned<String>| kind.split('.').next().map(str::to_owned);
    let other = types
        .iter()
        .find(|kind| !BURSTABLE.contains(&family(kind).unwrap_or_default().as_str()));
    if let Some(kind) = other.filter(|_| wanted) {
        let text =
            format!("`enable_unlimited_credits` is not for `{kind}`, which has no CPU credits");
        refuse(options, kind, &text, "t2, t3, t3a and t4g have them");
    }
    wanted
}

fn enclave(options: &Options<'_>, types: &[Spanned<String>], spot: Option<&Spot>) -> bool {
    let wanted = options.flag("enable_nitro_enclave");
    if wanted && spot.is_some() {
        options.exclusive("enable_nitro_enclave", "spot_price");
    }
    if let Some(kind) = types
        .iter()
        .find(|kind| kind.starts_with('t'))
        .filter(|_| wanted)
    {
        let text = format!("`enable_nitro_enclave` is not for `{kind}`");
        refuse(options, kind, &text, "burstable types have no enclaves");
    }
    wanted
}

fn placement(options: &Options<'_>) -> Placement {
    let old = tenancy(options);
    let Some(inner) = options.object("placement", "`placement`", keys::PLACEMENT) else {
        return Placement {
            tenancy: old,
            ..Placement::default()
        };
    };
    inner.exclusive("host_id", "host_resource_group_arn");
    let own = tenancy(&inner);
    if let (Some(one), Some(other)) = (&old, &own) {
        options.report(
            Diagnostic::error(
                "template::exclusive",
                "`tenancy` and `placement.tenancy` exclude each other",
            )
            .at_value(one, "this")
            .at_value(other, "and this")
            .help("keep the one in `placement`"),
        );
    }
    Placement {
        tenancy: own.or(old),
        host: inner.text("host_id"),
        host_group: inner.text("host_resource_group_arn"),
    }
}

fn tenancy(options: &Options<'_>) -> Option<Spanned<String>> {
    const WORDS: [(&str, ()); 3] = [("default", ()), ("dedicated", ()), ("host", ())];
    options.choice("tenancy", &WORDS)?;
    options.text("tenancy")
}

fn reservation(options: &Options<'_>) -> Option<Reservation> {
    let (id, group) = ("capacity_reservation_id", "capacity_reservation_group_arn");
    let preference = "capacity_reservation_preference";
    options.exclusive(id, group);
    options.exclusive(preference, id);
    options.exclusive(preference, group);
    let open = options.choice(preference, &[("open", true), ("none", false)]);
    let id = options.text(id).map(Reservation::Id);
    let group = options.text(group).map(Reservation::Group);
    let preference = open.map(|open| {
        if open {
            Reservation::Open
        } else {
            Reservation::None
        }
    });
    id.or(group).or(preference)
}

fn licenses(options: &Options<'_>) -> Vec<Spanned<String>> {
    const REQUEST: &str = "license_configuration_request";
    let what = "`license_specifications`";
    let listed = options.objects("license_specifications", what, keys::LICENSE);
    listed
        .iter()
        .filter_map(|license| {
            let Some(request) = license.object(REQUEST, REQUEST, keys::LICENSE_REQUEST) else {
                license.missing(REQUEST, "name the license configuration in it");
                return None;
            };
            request.need_text(
                "license_configuration_arn",
                "the ARN of a license configuration of License Manager",
            )
        })
        .collect()
}

/// `spot_price` alone decides: empty or `0` is on demand, `auto` has no limit of its own.
fn spot(options: &Options<'_>) -> Option<Spot> {
    let spot_tags = tags(options, "spot_tags", "spot_tag");
    let fleet_tags = tags(options, "fleet_tags", "fleet_tag");
    let strategy = strategy(options);
    let fall_back = options.choice("spot_fallback", &[("on-demand", true), ("none", false)]);
    let price = options
        .text("spot_price")
        .filter(|price| price.value != "0");
    let Some(price) = price else {
        for (name, written) in [
            ("spot_tags", !spot_tags.is_empty()),
            ("fleet_tags", !fleet_tags.is_empty()),
            ("spot_allocation_strategy", strategy.is_some()),
            ("spot_fallback", fall_back.is_some()),
        ] {
            if written {
                without_price(options, name);
            }
        }
        return None;
    };
    let max_price = (price.value != "auto").then_some(price);
    if let Some(price) = &max_price
        && !price.parse::<f64>().is_ok_and(|price| price > 0.0)
    {
        options.report(wrong_type(
            "`spot_price`",
            "a price in dollars, `auto` or nothing",
            &format!("`{price}`"),
            price.place?,
        ));
    }
    Some(Spot {
        // Whoever names no price pays up to the on-demand price anyway.
        fall_back: fall_back.unwrap_or(max_price.is_none()),
        max_price,
        tags: spot_tags,
        fleet_tags,
        allocation_strategy: strategy,
    })
}

fn without_price(options: &Options<'_>, name: &str) {
    if options.meant(&["spot_price"]) {
        return;
    }
    let message = format!("`{name}` is for spot machines, and there is no `spot_price`");
    let mut finding = Diagnostic::error("template::missing_option", message);
    if let Some(json) = options.get(name) {
        finding = finding.at(json.span.first_byte(), "for spot machines only");
    }
    options.report(finding.help("\"spot_price\": \"auto\" pays at most the on-demand price"));
}

fn strategy(options: &Options<'_>) -> Option<String> {
    const WORDS: [&str; 5] = [
        "lowest-price",
        "diversified",
        "capacity-optimized",
        "capacity-optimized-prioritized",
        "price-capacity-optimized",
    ];
    let words = WORDS.map(|word| (word, word));
    let chosen = options.choice("spot_allocation_strategy", &words)?;
    Some(chosen.to_owned())
}

fn refuse<T>(options: &Options<'_>, value: &Spanned<T>, text: &str, help: &str) {
    options.report(
        Diagnostic::error("template::wrong_value", text)
            .at_value(value, "this value")
            .help(help),
    );
}
