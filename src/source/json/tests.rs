use super::*;
use proptest::prelude::*;

fn read_text(text: &str) -> (Reading, SourceMap) {
    let mut sources = SourceMap::new();
    let file = sources.add("täst.json", text);
    (read(file, &sources), sources)
}

fn codes(text: &str) -> Vec<(&'static str, String)> {
    let (reading, sources) = read_text(text);
    let place = |finding: &Diagnostic| {
        finding
            .labels
            .first()
            .map_or(String::new(), |l| sources.slice(l.span).to_owned())
    };
    reading
        .findings
        .iter()
        .map(|finding| (finding.code, place(finding)))
        .collect()
}

#[test]
fn comments_trailing_commas_and_a_bom_are_taken() {
    let (reading, _) = read_text("\u{feff}{ // ä\n \"a\": [1, 2,], /* b */ \"b\": null,\n}");
    assert_eq!(
        reading.value.unwrap().plain(),
        serde_json::json!({"a": [1, 2], "b": null})
    );
    let found: Vec<_> = reading.findings.iter().map(|f| f.code).collect();
    assert_eq!(found, ["json::comment", "json::trailing_comma"]);
}

#[test]
fn every_slip_with_a_plain_meaning_is_reported() {
    let found = codes("{\"é\": 'x' \"b\" 1, c: True, \"d\": \"a\tb\"}");
    let places: Vec<_> = found.iter().map(|(_, place)| place.as_str()).collect();
    assert_eq!(places, ["'x'", "'", "\"b\"", "c", "True", "\t"]);
}

#[test]
fn what_cannot_be_understood_stops_with_a_place() {
    for (text, place) in [
        ("{\"é\": ,}", ","),
        ("{\"é\": [1", "["),
        ("{\"é\": 01}", "0"),
        ("{\"é\": \"\\x\"}", "\\"),
        ("{\"é\": \"\\ud800\"}", "\\"),
        ("{\"é\": \"abc", "\""),
        ("{\"é\": 1} x", "x"),
        ("{\"é\": 1]", "]"),
        ("{\"é\":", ":"),
        ("/* é", "/"),
    ] {
        assert_eq!(codes(text), [("json::syntax", place.to_owned())], "{text}");
    }
    assert_eq!(codes(" "), [("json::syntax", String::new())]);
}

#[test]
fn equal_keys_are_kept_and_reported() {
    let (reading, _) = read_text("{\"ä\": 1, \"ä\": 2, \"_comment\": \"x\", \"_comment\": \"y\"}");
    let value = reading.value.unwrap();
    assert_eq!(value.members().unwrap().len(), 4);
    assert_eq!(value.get("ä").unwrap().plain(), 2);
    assert_eq!(reading.findings.len(), 1);
    assert_eq!(reading.findings[0].code, "json::duplicate_key");
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let found = codes(&"[".repeat(100_000));
    assert_eq!(found.len(), 1);
}

#[test]
fn a_place_inside_a_string_skips_over_escapes() {
    let (reading, sources) = read_text(r#"{"é": "a\n\u00e9\ud83d\ude00 b"}"#);
    let value = reading.value.unwrap();
    let text = value.get("é").unwrap().text().unwrap();
    assert_eq!(text.value, "a\né😀 b");
    let slice = |range| sources.slice(text.locate(range));
    assert_eq!(slice(0..1), "a");
    assert_eq!(slice(1..2), "\\n");
    assert_eq!(slice(2..4), "\\u00e9");
    assert_eq!(slice(4..8), "\\ud83d\\ude00");
    assert_eq!(slice(9..10), "b");
    assert_eq!(slice(0..10), r"a\n\u00e9\ud83d\ude00 b");
}

#[test]
fn a_number_keeps_its_digits() {
    let (reading, _) = read_text("[1, -2.5, 1.10, 12345678901234567890123]");
    let expected = serde_json::json!([1, -2.5, "1.10", "12345678901234567890123"]);
    assert_eq!(reading.value.unwrap().plain(), expected);
}

fn arbitrary() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map("[^_].*", inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn check_spans(value: &Json, sources: &SourceMap) {
    let again: serde_json::Value = serde_json::from_str(sources.slice(value.span)).unwrap();
    assert_eq!(again, value.plain());
    if let Value::List(items) = &value.value {
        for item in items {
            check_spans(item, sources);
        }
    }
    for member in value.members().unwrap_or_default() {
        let key: String = serde_json::from_str(sources.slice(member.key.span)).unwrap();
        assert_eq!(key, member.key.value);
        check_spans(&member.value, sources);
    }
}

proptest! {
    #[test]
    fn the_span_of_every_value_slices_back_to_its_text(value in arbitrary(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let (reading, sources) = read_text(&text);
        prop_assert_eq!(&reading.findings, &vec![]);
        let read = reading.value.unwrap();
        prop_assert_eq!(read.plain(), value);
        check_spans(&read, &sources);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_it(text in "[\\[\\]{}\",:'/*\\\\ua0-9trueé \n]{0,40}") {
        let (reading, sources) = read_text(&text);
        if reading.value.is_none() {
            prop_assert!(reading.findings.iter().any(Diagnostic::is_error));
        }
        for label in reading.findings.iter().flat_map(|f| &f.labels) {
            prop_assert!(!sources.slice(label.span).is_empty(), "{:?}", label);
        }
    }
}
