//! Where the build machine stands in the network: subnets, VPC and security groups, named or found by a filter.

use super::super::bake::{NamedFilter, SubnetFilter};
use super::super::decode;
use super::super::options::Options;
use super::keys;
use crate::source::{Diagnostic, Place, Spanned};
use std::net::IpAddr;

/// `subnet_id`, or kiln's own `subnet_ids`, in the order in which they are tried.
pub(super) fn subnets(options: &Options<'_>) -> Vec<Spanned<String>> {
    options.exclusive("subnet_id", "subnet_ids");
    let mut subnets: Vec<_> = options.text("subnet_id").into_iter().collect();
    subnets.extend(filled(options.ids("subnet_ids")));
    subnets
}

pub(super) fn security_groups(options: &Options<'_>) -> Vec<Spanned<String>> {
    options.exclusive("security_group_id", "security_group_ids");
    let mut groups: Vec<_> = options.text("security_group_id").into_iter().collect();
    groups.extend(filled(options.ids("security_group_ids")));
    groups
}

/// `temporary_security_group_source_cidrs`, each an address and the length of a prefix.
pub(super) fn cidrs(options: &Options<'_>) -> Vec<Spanned<String>> {
    let (sound, wrong): (Vec<_>, Vec<_>) = options
        .ids("temporary_security_group_source_cidrs")
        .into_iter()
        .partition(|cidr| is_cidr(cidr));
    for cidr in wrong {
        let message = format!("`temporary_security_group_source_cidrs` cannot have `{cidr}`");
        let finding = Diagnostic::error("template::wrong_value", message);
        options.report(
            finding
                .at_value(&cidr, "no CIDR")
                .help("write an address and the length of its prefix: \"203.0.113.0/24\""),
        );
    }
    sound
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    digits && length.parse::<u8>().is_ok_and(|length| length <= most)
}

fn filled(texts: Vec<Spanned<String>>) -> impl Iterator<Item = Spanned<String>> {
    texts.into_iter().filter(|text| !text.is_empty())
}

/// `subnet_filter`, unless a subnet is named.
pub(super) fn subnet_filter(
    options: &Options<'_>,
    named: &[Spanned<String>],
) -> Option<SubnetFilter> {
    let what = "`subnet_filter`";
    let inner = options.object("subnet_filter", what, keys::SUBNET_FILTER)?;
    inner.exclusive("most_free", "random");
    let filter = filter(&inner)?;
    if beaten(options, "subnet_filter", named.first()) {
        return None;
    }
    // What it asks for happens anyway; a value that is no boolean is still said.
    inner.flag("most_free");
    Some(SubnetFilter {
        filter,
        random: inner.flag("random"),
    })
}

/// `vpc_filter` or `security_group_filter`, unless one is named.
pub(super) fn named_filter(
    options: &Options<'_>,
    name: &'static str,
    named: Option<&Spanned<String>>,
) -> Option<NamedFilter> {
    let inner = options.object(name, name, keys::NAMED_FILTER)?;
    let filter = filter(&inner)?;
    (!beaten(options, name, named)).then_some(filter)
}

/// Says that a filter is not asked because the thing is named.
fn beaten(options: &Options<'_>, name: &str, named: Option<&Spanned<String>>) -> bool {
    let (Some(named), Some(filter)) = (named, options.get(name)) else {
        return false;
    };
    options.report(
        Diagnostic::note(
            "template::idle_option",
            format!("`{name}` has no effect: `{named}` is named"),
        )
        .at(filter.span.first_byte(), "not asked")
        .at_value(named, "this is taken"),
    );
    true
}

fn filter(options: &Options<'_>) -> Option<NamedFilter> {
    let filters = options.texts("filters", &[]).into_iter();
    let filters: Vec<_> = filters
        .map(|(name, value)| (name, decode::csv(value.text().unwrap_or_default())))
        .collect();
    // Packer takes a filter without filters for none.
    (!filters.is_empty()).then_some(NamedFilter {
        filters,
        place: Place::at(options.json.span),
    })
}
