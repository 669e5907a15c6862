//! Settles texts: translates, checks every name a text asks for against what the text may see, and renders. What has been
//! reported once (a variable that is missing, broken or in a ring) makes no second finding where it is used.

mod findings;
mod open;
mod undefined;

use super::engine::{self, OURS, Scope, Script, Values, from_engine};
use super::forms::{self, Asked, Named, Style, Translated};
use super::late::{Data, Late};
use super::near;
use super::provisioner::BUILD_DATA;
use crate::source::json::{Json, Text, Value};
use crate::source::{Diagnostic, Place, Span};
use findings::{late_in_part, mention, outside, renamed, unknown_field};
pub(super) use open::Open;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use undefined::only_in_builds;

/// What texts may see, and what was found wrong with them.
#[derive(Debug)]
pub(super) struct Interpolator {
    scope: Arc<Scope>,
    /// Where each variable got its value.
    pub origins: BTreeMap<String, Span>,
    /// Variables whose trouble is reported already.
    pub broken: BTreeSet<String>,
    /// Variables that hold data of the run.
    opened: BTreeMap<String, Open>,
    /// Variables that must not be shown, and those made from them.
    pub sensitive: BTreeSet<String>,
    /// Whether these are values of variables, which may read the environment.
    pub in_variables: bool,
    /// Whether an undefined variable in Packer's form is an error.
    pub strict: bool,
    pub findings: RefCell<Vec<Diagnostic>>,
    /// Variables that some text has asked for.
    pub used: RefCell<BTreeSet<String>>,
}

/// What a text settled to.
pub(super) struct Settled {
    pub value: serde_json::Value,
    pub place: Place,
}

impl Interpolator {
    pub(super) fn new(scope: Scope, in_variables: bool, strict: bool) -> Self {
        Self {
            scope: Arc::new(scope),
            origins: BTreeMap::new(),
            broken: BTreeSet::new(),
            opened: BTreeMap::new(),
            sensitive: BTreeSet::new(),
            in_variables,
            strict,
            findings: RefCell::default(),
            used: RefCell::default(),
        }
    }

    /// One for another scope, which knows what this one knows of variables, and has no findings yet.
    pub(super) fn beside(&self, scope: Scope) -> Self {
        Self {
            scope: Arc::new(scope),
            origins: self.origins.clone(),
            broken: self.broken.clone(),
            opened: self.opened.clone(),
            sensitive: self.sensitive.clone(),
            in_variables: false,
            strict: self.strict,
            findings: RefCell::default(),
            used: self.used.clone(),
        }
    }

    pub(super) fn report(&self, finding: Diagnostic) {
        self.findings.borrow_mut().push(finding);
    }

    /// Looks at something without a trace: what it finds is found again when it is read.
    pub(super) fn quietly<T>(&self, look: impl FnOnce() -> T) -> T {
        let (findings, used) = (self.findings.borrow().len(), self.used.borrow().clone());
        let seen = look();
        self.findings.borrow_mut().truncate(findings);
        *self.used.borrow_mut() = used;
        seen
    }

    pub(super) fn variables(&self) -> &Values {
        self.scope.variables()
    }

    /// Makes a variable's value known to later texts.
    pub(super) fn set(&mut self, name: &str, value: serde_json::Value) {
        Arc::make_mut(&mut self.scope).set(name, value);
    }

    /// A value with all its texts settled, without places.
    pub(super) fn settle_all(&self, json: &Json) -> Option<serde_json::Value> {
        match &json.value {
            Value::String(text) => Some(self.settle(text)?.value),
            Value::List(items) => items.iter().map(|item| self.settle_all(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|member| Some((member.key.value.clone(), self.settle_all(&member.value)?)))
                .collect(),
            _ => Some(json.plain()),
        }
    }

    /// A text as its value: that of its expression when it is nothing else, a string otherwise. `None`: reported.
    pub(super) fn settle(&self, text: &Text) -> Option<Settled> {
        let translated = self.translate(text, Style::Both, Some(&[]))?;
        if translated.is_plain() {
            return Some(Settled {
                value: translated.source.into(),
                place: Place::at(text.span),
            });
        }
        let data = Data::new();
        let result = match &translated.single {
            Some(expression) => self
                .scope
                .evaluate(expression, &data)
                .and_then(|value| from_engine(&value)),
            None => self.scope.render(&translated.source, &data).map(Into::into),
        };
        match result {
            Ok(value) => Some(Settled {
                value,
                place: self.place(text, &translated),
            }),
            Err(error) => self.refuse(text, &translated, &error),
        }
    }

    /// A text that may use late data of the names given; settled at once when it uses none.
    pub(super) fn late(&self, text: &Text, style: Style, data: &[&str]) -> Option<Late> {
        let translated = self.translate(text, style, Some(data))?;
        let place = Some(self.place(text, &translated));
        let names = self.scope.names(&translated.source).unwrap_or_default();
        let secret = self.secret_of(text).is_some();
        if names.iter().any(|name| data.contains(&name.as_str())) {
            let script = Script::new(&translated.source, &text.value, Arc::clone(&self.scope));
            return Some(Late::open(script, place).hidden(secret));
        }
        match self.scope.render(&translated.source, &Data::new()) {
            Ok(text) => Some(Late::settled(text, place).hidden(secret)),
            Err(error) => self.refuse(text, &translated, &error),
        }
    }

    /// The variables that a text reads.
    pub(super) fn variables_of(&self, text: &Text) -> BTreeSet<String> {
        let translated = forms::translate(&text.value, Style::Both);
        let mut names: BTreeSet<String> = self
            .scope
            .names(&translated.source)
            .unwrap_or_default()
            .into_iter()
            .collect();
        names.extend(translated.found.users.into_iter().map(|user| user.name));
        names
    }

    /// The sensitive variable that a text reads, or may read when it computes the name.
    pub(super) fn secret_of(&self, text: &Text) -> Option<String> {
        let mut names = self.variables_of(text);
        if !self.sensitive.is_empty() && forms::translate(&text.value, Style::Both).computes() {
            names.extend(self.sensitive.iter().cloned());
        }
        names.into_iter().find(|name| self.sensitive.contains(name))
    }

    /// Translates and checks names; `None` when something was wrong, now or before. Without `data`, any will do.
    fn translate(&self, text: &Text, style: Style, data: Option<&[&str]>) -> Option<Translated> {
        let mut translated = forms::translate(&text.value, style);
        for slip in &translated.slips {
            let finding = Diagnostic::error("template::syntax", slip.message.clone());
            self.report(
                finding
                    .at(text.locate(slip.range.clone()), "here")
                    .help(slip.help.clone()),
            );
        }
        if !translated.slips.is_empty() {
            return None;
        }
        for Named { name, range } in &translated.found.renamed {
            self.report(renamed(name, text.locate(range.clone())));
        }
        let users = self.check_users(text, &translated);
        let alone = data.is_none() || self.put_open(text, &mut translated);
        let fields = data.is_none_or(|data| self.check_fields(text, &translated, data));
        let data = data.unwrap_or_default();
        let environment = self.check_environment(text, &translated);
        let names = self.check_names(text, &translated, data);
        (users && alone && fields && environment && names).then_some(translated)
    }

    fn check_users(&self, text: &Text, translated: &Translated) -> bool {
        let mut sound = true;
        for Named { name, range } in &translated.found.users {
            let new = self.used.borrow_mut().insert(name.clone());
            if self.broken.contains(name) {
                sound = false;
            } else if !self.variables().contains_key(name) && new {
                self.report(self.undefined(name, text.locate(range.clone())));
                sound &= !(self.strict || self.in_variables);
            }
        }
        sound
    }

    /// Packer renders an undefined variable empty, and about a third of public templates lean on it.
    fn undefined(&self, name: &str, span: Span) -> Diagnostic {
        let code = "template::undefined_variable";
        let help = near::variable(name, self.variables().keys());
        if self.strict || self.in_variables {
            return Diagnostic::error(code, format!("variable `{name}` is not defined"))
                .at(span, "used here")
                .help(help);
        }
        Diagnostic::warning(
            code,
            format!("variable `{name}` is not defined; it renders empty"),
        )
        .at(span, "used here")
        .help(help)
    }

    fn check_fields(&self, text: &Text, translated: &Translated, data: &[&str]) -> bool {
        let mut sound = true;
        for Named { name, range } in &translated.found.fields {
            let (root, key) = name.split_once('.').unwrap_or((name, ""));
            let known = data.contains(&root) && (root != "build" || BUILD_DATA.contains(&key));
            if !known {
                self.report(unknown_field(name, text.locate(range.clone()), data));
                sound = false;
            }
        }
        sound
    }

    fn check_environment(&self, text: &Text, translated: &Translated) -> bool {
        if self.in_variables {
            return true;
        }
        for Asked { store, range } in &translated.found.asked {
            self.report(outside(store.as_deref(), text.locate(range.clone())));
        }
        translated.found.asked.is_empty()
    }

    /// Names in Jinja's form. A text that asks `is defined` or has a `default` decides for itself when it runs.
    fn check_names(&self, text: &Text, translated: &Translated, data: &[&str]) -> bool {
        let names = match self.scope.names(&translated.source) {
            Ok(names) => names,
            Err(error) => return self.refuse::<()>(text, translated, &error).is_some(),
        };
        let found = &translated.found;
        // A field, or `env`, was reported for what it is; it is no variable besides.
        let field = |name: &str| {
            found
                .fields
                .iter()
                .any(|field| field.name.split('.').next() == Some(name))
        };
        let told = |name: &str| field(name) || name.starts_with(OURS);
        if let Some(name) = names.iter().find_map(|name| self.of_a_build(name)) {
            let span = text.locate(mention(&text.value, translated, name));
            self.report(only_in_builds(name, name, span));
            return false;
        }
        let decides =
            translated.source.contains("default") || translated.source.contains("defined");
        let mut sound = true;
        for name in names.iter().filter(|name| {
            !data.contains(&name.as_str()) && !self.scope.is_function(name) && !told(name)
        }) {
            self.used.borrow_mut().insert(name.clone());
            if self.broken.contains(name) {
                sound = false;
            } else if !self.variables().contains_key(name) && !decides {
                let span = text.locate(mention(&text.value, translated, name));
                self.report(self.unknown_name(name, span));
                sound = false;
            }
        }
        sound
    }

    /// A value that a single variable brought is blamed where that variable got it.
    fn place(&self, text: &Text, translated: &Translated) -> Place {
        let single = translated.single.as_deref().unwrap_or_default();
        let name = match translated.found.users.as_slice() {
            [user] if single.starts_with("packer__user(\"") => &user.name,
            _ => single,
        };
        match self.origins.get(name) {
            Some(set) => Place {
                set: *set,
                used: Some(text.span),
            },
            None => Place::at(text.span),
        }
    }

    fn refuse<T>(
        &self,
        text: &Text,
        translated: &Translated,
        error: &minijinja::Error,
    ) -> Option<T> {
        let range = error
            .range()
            .and_then(|made| translated.locate(&made))
            .unwrap_or(0..text.value.len());
        let reason = engine::reason(error);
        let (code, message, help) = if error.kind() == minijinja::ErrorKind::SyntaxError {
            (
                "template::syntax",
                format!("this expression cannot be read: {reason}"),
                "write ``{{user `name`}}`` as Packer does, or `{{ name }}` as Jinja does",
            )
        } else {
            (
                "template::render",
                format!("this text cannot be rendered: {reason}"),
                "check what the functions in it are given",
            )
        };
        self.report(
            Diagnostic::error(code, message)
                .at(text.locate(range), "here")
                .help(help),
        );
        None
    }
}
