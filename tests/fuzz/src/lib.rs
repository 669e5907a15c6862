//! kiln's own modules, by their paths, and what the targets have in common: a template read from memory.
#![allow(dead_code)]

#[path = "../../../src/source/mod.rs"]
pub mod source;
#[path = "../../../src/template/mod.rs"]
pub mod template;

use source::{Diagnostic, SourceMap};
use std::collections::BTreeMap;
use std::sync::Arc;
use template::load::{self, Request, World};

/// Reads a template, and holds what must hold of any: every place lies within its text, and what is refused says why.
pub fn read(template: &serde_json::Value) {
    let mut sources = SourceMap::new();
    let request = Request {
        files: vec!["-".to_owned()],
        var_files: Vec::new(),
        vars: vec!["typed={{upper `x`}}".to_owned()],
        only: Vec::new(),
        except: Vec::new(),
        strict: false,
        running: false,
        stdin: Some(template.to_string()),
        world: World {
            now: jiff::Timestamp::UNIX_EPOCH,
            environment: BTreeMap::from([("HOME".to_owned(), "/home/é".to_owned())]),
            uuid: Arc::new(|| "0195-7f3e".to_owned()),
            directory: "/nowhere".to_owned(),
            template_directory: String::new(),
            stores: template::stores::Stores::default(),
        },
    };
    let findings = match load::bake(&request, &mut sources) {
        Ok((_, findings)) => findings,
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error));
            findings
        }
    };
    check(&findings, &sources);
}

/// Every place of every finding lies within its text.
pub fn check(findings: &[Diagnostic], sources: &SourceMap) {
    for label in findings.iter().flat_map(|finding| &finding.labels) {
        let text = sources.text(label.span.file);
        assert!(text.get(label.span.start..label.span.end).is_some(), "{label:?}");
    }
}

/// A builder that lacks nothing, with more options.
#[expect(clippy::needless_pass_by_value, reason = "made for json!")]
pub fn builder(more: serde_json::Value) -> serde_json::Value {
    let mut builder = serde_json::json!({
        "type": "amazon-ebs", "ami_name": "web-1", "source_ami": "ami-1", "instance_type": "t3.small", "ssh_username": "admin",
    });
    if let (Some(all), Some(more)) = (builder.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    builder
}
