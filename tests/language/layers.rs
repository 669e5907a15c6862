//! Layers of variables: which value wins, where it is blamed, what it may be.

use super::Case;
use super::bad_input::builder;
use proptest::prelude::*;

/// A template whose image name is the variable `v`, declared with a default.
fn named(default: &str) -> Case {
    let name = "\"tags\": { \"v\": \"{{user `v`}}\", \"w\": \"{{ v }}\" }";
    let case = builder(name);
    let text = std::fs::read_to_string(case.path("vorlage-ä.json")).unwrap();
    let declared = text.replacen(
        '{',
        &format!("{{ \"variables\": {{ \"v\": {default} }},"),
        1,
    );
    case.beside("vorlage-ä.json", &declared)
}

/// The value of `v` in both forms.
fn value(case: &mut Case) -> String {
    let (template, _) = case
        .bake()
        .unwrap_or_else(|findings| panic!("{findings:?}"));
    let tags = &template.builds[0].builder.image.tags;
    assert_eq!(tags[0].value.text(), tags[1].value.text());
    tags[0].value.text().unwrap().to_owned()
}

#[test]
fn each_layer_beats_the_one_below() {
    assert_eq!(value(&mut named("\"default\"")), "default");
    assert_eq!(
        value(&mut named("\"default\"").environment("KILN_VAR_v", "environment")),
        "environment"
    );
    let file = || {
        named("\"default\"")
            .environment("KILN_VAR_v", "environment")
            .file("a.json", "{\"v\": \"first\"}")
    };
    assert_eq!(value(&mut file()), "first");
    assert_eq!(
        value(&mut file().file("b.json", "{\"v\": \"second\"}")),
        "second"
    );
    assert_eq!(
        value(&mut file().file("b.json", "{\"v\": \"second\"}").var("v=typed")),
        "typed"
    );
}

#[test]
fn a_var_file_by_flag_comes_before_a_bare_one() {
    let mut case = named("null")
        .file("bare.json", "{\"v\": \"bare\"}")
        .beside("flag.json", "{\"v\": \"flag\", \"w\": 1}");
    case.request.var_files.push("flag.json".to_owned());
    assert_eq!(value(&mut case), "bare");
}

#[test]
fn values_are_templates_in_any_order() {
    let file = "{\"v\": \"{{user `a`}}-{{ b }}\", \"a\": \"{{ b }}\", \"b\": \"{{env `HOME`}}\"}";
    assert_eq!(
        value(&mut named("null").file("a.json", file)),
        "/home/é-/home/é"
    );
}

#[test]
fn a_null_is_required_in_a_template_and_empty_in_a_var_file() {
    assert_eq!(
        named("null").bake().unwrap_err()[0].code,
        "template::missing_variable"
    );
    assert_eq!(
        value(&mut named("null").file("a.json", "{\"v\": null}")),
        ""
    );
}

#[test]
fn lists_and_objects_reach_options_whole() {
    let options = "\"ami_users\": \"{{ users }}\", \"ami_groups\": \"{{user `groups`}}\", \"security_group_ids\": [\"{{ net.groups[1] }}\"]";
    let file = "{\"users\": [\"1\", 2], \"groups\": \"all,é\", \"net\": {\"groups\": [\"sg-1\", \"sg-2\"]}}";
    let (template, _) = builder(options).file("ä.json", file).bake().unwrap();
    let ebs = &template.builds[0].builder;
    let texts = |list: &[kiln::source::Spanned<String>]| {
        list.iter()
            .map(|text| text.value.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&ebs.image.sharing.users), ["1", "2"]);
    assert_eq!(texts(&ebs.image.sharing.groups), ["all", "é"]);
    assert_eq!(texts(&ebs.instance.security_groups), ["sg-2"]);
}

#[test]
fn objects_merge_key_by_key_and_lists_are_replaced() {
    let options = "\"tags\": { \"a\": \"{{ o.a }}{{ o.b }}\", \"l\": \"{{ o.l | join('-') }}\" }";
    let case = builder(options).file(
        "1.json",
        "{\"o\": {\"a\": \"1\", \"b\": \"1\", \"l\": [1, 2]}}",
    );
    let (template, _) = case
        .file("2.json", "{\"o\": {\"b\": \"2\", \"l\": [3]}}")
        .bake()
        .unwrap();
    let tags = &template.builds[0].builder.image.tags;
    assert_eq!(
        (tags[0].value.text(), tags[1].value.text()),
        (Some("12"), Some("3"))
    );
}

fn layers() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(prop::option::of("[a-zé0-9 ]{0,8}"), 5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_last_layer_wins(layers in layers()) {
        let quoted = |text: &Option<String>| text.as_ref().map(|text| serde_json::Value::from(text.as_str()).to_string());
        let mut case = named(&quoted(&layers[0]).unwrap_or_else(|| "null".to_owned()));
        if let Some(text) = &layers[1] {
            case = case.environment("KILN_VAR_v", text);
        }
        for (at, text) in layers[2..4].iter().enumerate() {
            if let Some(text) = quoted(text) {
                case = case.file(&format!("{at}.json"), &format!("{{\"v\": {text}}}"));
            }
        }
        if let Some(text) = &layers[4] {
            case = case.var(&format!("v={text}"));
        }
        if let Some(last) = layers.iter().flatten().next_back() {
            prop_assert_eq!(&value(&mut case), last);
        } else {
            prop_assert_eq!(case.bake().unwrap_err()[0].code, "template::missing_variable");
        }
    }

    #[test]
    fn both_forms_give_the_same_text_and_evaluate_it_once(text in "[^\u{1}{]{0,20}") {
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        prop_assert_eq!(value(&mut named("null").file("a.json", &format!("{{\"v\": {quoted}}}"))), text);
    }
}
