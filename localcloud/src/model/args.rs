//! Reading parameters: typed, with AWS's own refusals, and the name of the parameter in each of them.

use super::{Fault, Params, Service};
use std::{collections::BTreeMap, ops::RangeInclusive};

static NOTHING: BTreeMap<String, Params> = BTreeMap::new();

/// The parameters of one call, or of one structure inside them.
#[derive(Clone, Debug)]
pub(super) struct Args<'a> {
    pub(super) service: Service,
    /// Where this structure stands, `LaunchTemplateData.Placement.`, for messages.
    path: String,
    map: &'a BTreeMap<String, Params>,
}

impl<'a> Args<'a> {
    pub(super) fn new(service: Service, params: &'a Params) -> Self {
        let map = if let Params::Map(map) = params {
            map
        } else {
            &NOTHING
        };
        Self {
            service,
            path: String::new(),
            map,
        }
    }

    pub(super) fn of_map(service: Service, map: &'a BTreeMap<String, Params>) -> Self {
        Self {
            service,
            path: String::new(),
            map,
        }
    }

    /// The raw parameters, for what is stored as it came.
    pub(super) fn raw(&self) -> &'a BTreeMap<String, Params> {
        self.map
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Refuses every name that is not among the given ones (separated by blanks).
    pub(super) fn only(&self, names: &str) -> Result<(), Fault> {
        match self
            .map
            .keys()
            .find(|key| names.split_whitespace().all(|name| name != key.as_str()))
        {
            Some(key) => Err(Fault::unknown_parameter(self.service, &self.name(key))),
            None => Ok(()),
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The refusal for a parameter that must be there.
    pub(super) fn missing(&self, name: &str) -> Fault {
        Fault::missing(self.service, &self.name(name))
    }

    /// The refusal for a value that cannot stand.
    pub(super) fn invalid(&self, name: &str, value: &str, why: &str) -> Fault {
        Fault::invalid(self.service, &self.name(name), value, why)
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, Fault> {
        self.maybe_text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.missing(name))
    }

    pub(super) fn maybe_text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Params::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "a structure", "A text is expected.")),
        }
    }

    /// One of the given words (separated by blanks).
    pub(super) fn word(&self, name: &str, among: &str) -> Result<Option<&'a str>, Fault> {
        match self.maybe_text(name)? {
            Some(text) if among.split_whitespace().all(|word| word != text) => {
                let words = among.split_whitespace().collect::<Vec<_>>().join(", ");
                Err(self.invalid(
                    name,
                    text,
                    &format!("Member must satisfy enum value set: [{words}]"),
                ))
            }
            text => Ok(text),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(text) = self.maybe_text(name)? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| self.invalid(name, text, "An integer is expected."))
    }

    pub(super) fn int_in(
        &self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Fault> {
        match self.int(name)? {
            Some(value) if !range.contains(&value) => {
                let why = format!(
                    "Member must have value between {} and {}",
                    range.start(),
                    range.end()
                );
                Err(self.invalid(name, &value.to_string(), &why))
            }
            value => Ok(value),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.maybe_text(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.invalid(name, text, "A boolean is expected.")),
        }
    }

    /// `structure.Value` of EC2's `AttributeValue` and `AttributeBooleanValue`, or the bare text.
    pub(super) fn value(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.map.get(name) {
            Some(Params::Map(_)) => Ok(self
                .map(name)?
                .map(|inner| inner.maybe_text("Value"))
                .transpose()?
                .flatten()),
            _ => self.maybe_text(name),
        }
    }

    /// A list; absent and empty are the same.
    pub(super) fn list(&self, name: &str) -> Result<&'a [Params], Fault> {
        match self.map.get(name) {
            None => Ok(&[]),
            Some(Params::Text(text)) if text.is_empty() => Ok(&[]),
            Some(Params::List(list)) => Ok(list),
            Some(_) => Err(self.invalid(name, "a single value", "A list is expected.")),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Fault> {
        let text = |entry: &'a Params| match entry {
            Params::Text(text) => Ok(text.as_str()),
            _ => Err(self.invalid(name, "a structure", "A list of texts is expected.")),
        };
        self.list(name)?.iter().map(text).collect()
    }

    pub(super) fn map(&self, name: &str) -> Result<Option<Args<'a>>, Fault> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Params::Text(text)) if text.is_empty() => Ok(Some(self.inside(name, &NOTHING))),
            Some(Params::Map(map)) => Ok(Some(self.inside(name, map))),
            Some(_) => Err(self.invalid(name, "a text", "A structure is expected.")),
        }
    }

    pub(super) fn maps(&self, name: &str) -> Result<Vec<Args<'a>>, Fault> {
        let entry = |(index, entry): (usize, &'a Params)| match entry {
            Params::Map(map) => Ok(self.inside(&format!("{name}.{}", index + 1), map)),
            _ => Err(self.invalid(name, "a text", "A list of structures is expected.")),
        };
        self.list(name)?.iter().enumerate().map(entry).collect()
    }

    fn inside(&self, name: &str, map: &'a BTreeMap<String, Params>) -> Args<'a> {
        Args {
            service: self.service,
            path: format!("{}{name}.", self.path),
            map,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(entries: &[(&str, Params)]) -> Params {
        Params::Map(
            entries
                .iter()
                .map(|(name, value)| ((*name).into(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn refusals_name_the_whole_path() {
        let inner = params(&[("VolumeSize", Params::Text("big".into()))]);
        let outer = params(&[(
            "BlockDeviceMapping",
            Params::List(vec![params(&[("Ebs", inner)])]),
        )]);
        let args = Args::new(Service::Ec2, &outer);
        let ebs = args.maps("BlockDeviceMapping").unwrap()[0]
            .map("Ebs")
            .unwrap()
            .unwrap();
        let fault = ebs.int("VolumeSize").unwrap_err();
        assert_eq!(fault.code, "InvalidParameterValue");
        assert!(
            fault
                .message
                .contains("BlockDeviceMapping.1.Ebs.VolumeSize"),
            "{fault}"
        );
    }

    #[test]
    fn each_service_refuses_in_its_own_words() {
        let none = params(&[]);
        assert_eq!(
            Args::new(Service::Ec2, &none)
                .text("ImageId")
                .unwrap_err()
                .code,
            "MissingParameter"
        );
        assert_eq!(
            Args::new(Service::Elb, &none)
                .text("Name")
                .unwrap_err()
                .code,
            "ValidationError"
        );
    }

    #[test]
    fn unknown_names_are_refused() {
        let given = params(&[("InstanceIds", Params::Text("i-1".into()))]);
        let fault = Args::new(Service::Ec2, &given)
            .only("InstanceId Filter")
            .unwrap_err();
        assert_eq!(fault.code, "UnknownParameter");
    }
}
