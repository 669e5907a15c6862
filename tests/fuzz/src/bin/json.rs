//! The reader of JSON: any text is read or refused, and what is read is what serde reads, where that reads it.
#![no_main]

use fuzz::source::{SourceMap, json};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut sources = SourceMap::new();
    let file = sources.add("-", text);
    let reading = json::read(file, &sources);
    fuzz::check(&reading.findings, &sources);
    let errors = reading.findings.iter().any(fuzz::source::Diagnostic::is_error);
    match serde_json::from_str::<serde_json::Value>(text) {
        // Equal keys, and more than 128 levels, are refused here alone.
        Ok(_) if errors => {}
        Ok(_) => assert!(reading.value.is_some()),
        Err(_) => {}
    }
    if reading.value.is_none() {
        assert!(errors);
    }
});
