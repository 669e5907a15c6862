//! What templates come to: selection, provisioners, overrides, late text, roles, kiln's own keys.

use super::Case;
use super::bad_input::{BUILDER, builder, template};
use kiln::template::Data;
use kiln::template::bake::{Build, Source, Template};
use kiln::template::post_processor::Kind as Post;
use kiln::template::provisioner::{Kind, Scripts, Shell, Transfer};
use serde_json::json;
use std::time::Duration;

/// Two builders, with provisioners and post-processors.
fn two(provisioners: &str, posts: &str) -> Case {
    template(&format!(
        "\"builders\": [{{ {BUILDER}, \"name\": \"ä\" }}, {{ {BUILDER}, \"name\": \"{{{{user `second`}}}}\" }}],
        \"variables\": {{ \"second\": \"b\" }}, \"provisioners\": [{provisioners}], \"post-processors\": [{posts}]"
    ))
}

fn load(mut case: Case) -> Template {
    case.bake()
        .unwrap_or_else(|findings| panic!("{}", case.draw(&findings)))
        .0
}

fn shell(build: &Build, at: usize) -> &Shell {
    let Kind::Shell(shell) = &build.provisioners[at].kind else {
        panic!("{at} is no shell")
    };
    shell
}

fn lines(shell: &Shell) -> Vec<String> {
    let Scripts::Inline { lines, .. } = &shell.scripts else {
        panic!("not inline")
    };
    lines
        .iter()
        .map(|line| {
            line.render(&Data::new().with("build", json!({"ID": "i-1"})))
                .unwrap()
        })
        .collect()
}

#[test]
fn only_and_except_match_names_as_written_and_overrides_replace_options() {
    let provisioners = r#"
        { "type": "shell", "inline": ["all {{build_name}}"], "override": { "ä": { "inline": ["ä's own"], "pause_before": "5s" } } },
        { "type": "shell", "inline": ["first"], "only": "ä", "max_retries": "2", "timeout": "1m" },
        { "type": "shell", "inline": ["second"], "except": ["ä"] }"#;
    let template = load(two(provisioners, ""));
    let [first, second] = template.builds.as_slice() else {
        panic!("two builders")
    };
    assert_eq!(
        (first.name.value.as_str(), second.name.value.as_str()),
        ("ä", "b")
    );
    assert_eq!(
        (first.provisioners.len(), second.provisioners.len()),
        (2, 2)
    );
    assert_eq!(
        (lines(shell(first, 0)), lines(shell(first, 1))),
        (vec!["ä's own".to_owned()], vec!["first".to_owned()])
    );
    assert_eq!(
        (lines(shell(second, 0)), lines(shell(second, 1))),
        (vec!["all b".to_owned()], vec!["second".to_owned()])
    );
    assert_eq!(first.provisioners[0].pause_before, Duration::from_secs(5));
    assert_eq!(
        (
            first.provisioners[1].max_retries,
            first.provisioners[1].timeout
        ),
        (2, Some(Duration::from_mins(1)))
    );
}

#[test]
fn the_command_line_selects_builders_by_their_rendered_names() {
    let mut case = two("", "");
    case.request.only = vec!["b".to_owned()];
    assert_eq!(load(case).builds[0].name.value, "b");
    let mut case = two("", "{ \"type\": \"manifest\", \"name\": \"list\" }");
    case.request.except = vec!["ä".to_owned(), "list".to_owned()];
    let template = load(case);
    assert_eq!(
        (
            template.builds.len(),
            template.builds[0].post_processors.len()
        ),
        (1, 0)
    );
}

#[test]
fn a_name_in_only_that_no_builder_has_is_an_error() {
    let findings = two(
        "{ \"type\": \"shell\", \"inline\": [\"x\"], \"only\": [\"ö\"] }",
        "",
    )
    .bake()
    .unwrap_err();
    assert_eq!(
        findings.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["template::unknown_builder"]
    );
}

#[test]
fn text_with_data_of_the_run_is_rendered_when_the_run_has_it() {
    let options =
        "\"tags\": { \"Base\": \"{{user `x`}} {{.SourceAMI}} {{ SourceAMITags.Name }}\" }";
    let template = load(builder(options).file("v.json", "{ \"x\": \"é {{upper `y`}}\" }"));
    let tag = &template.builds[0].builder.image.tags[0].value;
    assert_eq!(
        (tag.text(), tag.to_string().as_str()),
        (None, "{{user `x`}} {{.SourceAMI}} {{ SourceAMITags.Name }}")
    );
    let data = Data::new()
        .with("SourceAMI", "{{user `x`}}")
        .with("SourceAMITags", json!({"Name": "base"}));
    assert_eq!(tag.render(&data).unwrap(), "é Y {{user `x`}} base");
    let missing = tag
        .render(&Data::new().with("SourceAMI", "ami-1"))
        .unwrap_err();
    assert_eq!(
        (missing.code, missing.labels.len()),
        ("template::render", 1)
    );
}

#[test]
fn the_environment_of_a_shell_is_sorted_and_may_hold_late_values() {
    let options = r#""type": "shell", "inline": "one", "environment_vars": ["B=é=1", "A={{build `ID`}}"], "env": { "B": "2" }, "valid_exit_codes": "0,3""#;
    let template = load(template(&format!(
        "\"builders\": [{{ {BUILDER} }}], \"provisioners\": [{{ {options} }}]"
    )));
    let shell = shell(&template.builds[0], 0);
    let data = Data::new().with("build", json!({"ID": "i-1"}));
    let pairs: Vec<_> = shell
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.render(&data).unwrap()))
        .collect();
    assert_eq!(pairs, [("A", "i-1".to_owned()), ("B", "2".to_owned())]);
    assert_eq!(shell.valid_exit_codes, [0, 3]);
}

#[test]
fn a_variable_that_is_a_list_becomes_that_many_commands() {
    let text = format!(
        "\"builders\": [{{ {BUILDER} }}], \"provisioners\": [{{ \"type\": \"shell\", \"inline\": \"{{{{ lines }}}}\" }}]"
    );
    let mut case = template(&text).file("ä.json", "{ \"lines\": [\"echo a, b\", \"echo é\"] }");
    let (template, findings) = case.bake().unwrap();
    assert_eq!(findings, []);
    assert_eq!(
        lines(shell(&template.builds[0], 0)),
        ["echo a, b", "echo é"]
    );
}

#[test]
fn jinja_works_beside_packers_forms() {
    for (written, text) in [
        ("{% set x = n + 1 %}{{ x }}", "3"),
        (
            "{% for i in [1, 2] %}{{ i }}{{user `n`}}{% endfor %}",
            "1222",
        ),
        (
            "{{ replace_all('2', 'é', n) }}{{ n | clean_resource_name }}",
            "é2",
        ),
        ("{{ none_such | default('d') }}", "d"),
        ("{% if none_such is defined %}a{% else %}b{% endif %}", "b"),
        ("{% raw %}{{ n }}{% endraw %}{{`{{`}}", "{{ n }}{{"),
        (
            "{{ flag }} {{user `flag`}} {{ [n, flag, none] }}",
            "true true [2,true,null]",
        ),
    ] {
        let written = serde_json::Value::from(written).to_string();
        let case = builder(&format!("\"tags\": {{ \"t\": {written} }}"))
            .file("v.json", "{ \"n\": 2, \"flag\": true }");
        let tag = load(case).builds[0].builder.image.tags[0].value.clone();
        assert_eq!(tag.text(), Some(text), "{written}");
    }
}

#[test]
fn files_keep_their_trailing_slash() {
    let options = r#"{ "type": "file", "source": "ä/", "destination": "/srv/{{build `ID`}}" }, { "type": "file", "direction": "download", "source": "/var/log/x", "destination": "." }"#;
    let case = template(&format!(
        "\"builders\": [{{ {BUILDER} }}], \"provisioners\": [{options}]"
    ))
    .beside("ä/x", "");
    let template = load(case);
    let Kind::File(file) = &template.builds[0].provisioners[0].kind else {
        panic!("no file")
    };
    let Transfer::Upload { sources, .. } = &file.what else {
        panic!("no upload")
    };
    assert_eq!(sources[0].text(), Some("ä/"));
    assert_eq!(file.destination.to_string(), "/srv/{{build `ID`}}");
    let Kind::File(file) = &template.builds[0].provisioners[1].kind else {
        panic!("no file")
    };
    assert!(matches!(&file.what, Transfer::Download { .. }));
}

#[test]
fn a_role_is_found_beside_the_template_and_sees_variables_family_and_its_own() {
    let text = format!(
        "{{ \"variables\": {{ \"port\": \"80\", \"v\": \"1\" }}, \"kiln\": {{ \"family\": \"web\", \"version\": \"{{{{ v }}}}.2\", \"max_age\": \"7d\", \"retention\": {{ \"images\": 5 }} }},
        \"builders\": [{{ {BUILDER} }}], \"provisioners\": [{{ \"type\": \"role\", \"roles\": [\"nginx\"], \"vars\": {{ \"port\": 8080 }} }}] }}"
    );
    let template = load(
        Case::new()
            .file("projekt-ä/templates/web.json", &text)
            .beside("projekt-ä/roles/nginx/scripts/1.sh", ""),
    );
    let Kind::Role(role) = &template.builds[0].provisioners[0].kind else {
        panic!("no role")
    };
    assert_eq!(role.roles[0].dir.to_str(), Some("projekt-ä/roles/nginx"));
    assert_eq!(
        json!(role.vars),
        json!({ "port": 8080, "v": "1", "kiln": { "family": "web", "version": "1.2" } })
    );
    let family = template.family.unwrap();
    assert_eq!(
        (family.max_age, family.retention.images),
        (Some(Duration::from_hours(168)), Some(5))
    );
}

#[test]
fn a_manifest_has_packers_defaults_and_custom_data() {
    let template = load(two(
        "",
        "[\"manifest\"], { \"type\": \"manifest\", \"strip_path\": \"true\", \"custom_data\": { \"é\": \"{{build `SourceAMI`}}\" } }",
    ));
    let posts = template.builds[0].post_processors.iter().flatten();
    let kinds: Vec<_> = posts.map(|post| &post.kind).collect();
    let [Post::Manifest(plain), Post::Manifest(other)] = kinds.as_slice() else {
        panic!("two manifests")
    };
    assert_eq!(
        (plain.output.to_str(), plain.strip_path),
        (Some("packer-manifest.json"), false)
    );
    assert_eq!(
        (other.strip_path, other.custom_data[0].0.as_str()),
        (true, "é")
    );
}

#[test]
fn options_that_say_nothing_are_not_refused() {
    let options = "\"ami_regions\": \"\", \"encrypt_boot\": \"{{user `encrypt`}}\", \"ami_product_codes\": [], \"vpc_filter\": {}, \"spot_price\": \"0\"";
    let template = load(builder(options).var("encrypt="));
    assert!(template.builds[0].builder.instance.spot.is_none());
}

#[test]
fn an_empty_source_ami_leaves_the_filter_and_a_set_one_takes_its_place() {
    let builder = BUILDER.replace("ami-1", "{{user `id`}}");
    let text = format!(
        "\"builders\": [{{ {builder}, \"source_ami_filter\": {{ \"owners\": [\"self\"] }} }}]"
    );
    let (loaded, _) = template(&text).var("id=").bake().unwrap();
    assert!(matches!(loaded.builds[0].builder.source, Source::Filter(_)));
    let (loaded, findings) = template(&text).var("id=ami-2").bake().unwrap();
    assert!(matches!(&loaded.builds[0].builder.source, Source::Id(id) if id.value == "ami-2"));
    assert_eq!(
        findings.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["template::idle_option"]
    );
}

#[test]
fn one_instant_holds_for_the_whole_run_and_a_uuid_is_asked_for() {
    let template = load(builder(
        "\"tags\": { \"a\": \"{{timestamp}} {{isotime `2006-01-02`}} {{uuid}} {{template_dir}}\" }",
    ));
    let text = template.builds[0].builder.image.tags[0]
        .value
        .text()
        .unwrap()
        .to_owned();
    assert!(
        text.starts_with("1773032828 2026-03-09 0195-7f3e /"),
        "{text}"
    );
}

#[test]
fn text_that_a_sensitive_variable_has_part_in_is_not_printed() {
    let text = format!(
        "\"variables\": {{ \"é\": \"hunter2\", \"url\": \"https://{{{{user `é`}}}}@x\" }}, \"sensitive-variables\": [\"é\"],
        \"builders\": [{{ {BUILDER} }}],
        \"provisioners\": [{{ \"type\": \"shell\", \"inline\": [\"curl {{{{ url }}}}\", \"{{{{build `ID`}}}} {{{{ url }}}}\"], \"env\": {{ \"T\": \"{{{{user `é`}}}}\" }} }}]"
    );
    let template = load(template(&text));
    let printed = format!("{} {template:?}", serde_json::to_string(&template).unwrap());
    assert!(
        !printed.contains("hunter2") && printed.contains("<sensitive>"),
        "{printed}"
    );
    let shell = shell(&template.builds[0], 0);
    assert_eq!(
        (lines(shell)[0].as_str(), shell.environment[0].1.text()),
        ("curl https://hunter2@x", Some("hunter2"))
    );
    let secrets: Vec<_> = template
        .secrets
        .iter()
        .map(|secret| secret.reveal().to_owned())
        .collect();
    assert_eq!(secrets, ["https://hunter2@x", "hunter2"]);
}

#[test]
fn a_checked_template_prints_without_its_secrets() {
    let options = "\"access_key\": \"AKIA\", \"secret_key\": \"{{user `é`}}\", \"ssh_password\": \"pässword\"";
    let template = load(builder(options).var("é=hunter2"));
    let printed = serde_json::to_string(&template).unwrap();
    assert!(
        !printed.contains("hunter2") && !printed.contains("pässword"),
        "{printed}"
    );
    let secrets: Vec<_> = template
        .secrets
        .iter()
        .map(|secret| secret.reveal().to_owned())
        .collect();
    assert_eq!(secrets, ["hunter2", "pässword"]);
}

#[test]
fn values_are_taken_in_every_form_that_packer_takes() {
    let options = r#""tags": [{ "a": "1", "b": "2" }, { "b": "3" }], "ami_block_device_mappings": "",
        "launch_block_device_mappings": [{ "device_name": "/dev/xvda", "volume_size": 8.0 }], "ssh_port": 1e3,
        "Ami_Users": "1", "snapshot_copy_duration_minutes": "", "deregistration_protection": [{ "enabled": "t" }]"#;
    let template = load(builder(options));
    let built = &template.builds[0].builder;
    let tags = built.image.tags.iter();
    let tags: Vec<_> = tags
        .map(|tag| (tag.key.as_str(), tag.value.text().unwrap()))
        .collect();
    assert_eq!(tags, [("a", "1"), ("b", "3")]);
    assert!(built.image.block_devices.is_empty());
    assert_eq!(built.image.sharing.users.len(), 1);
    assert!(built.image.copies.minutes.is_none());
    assert!(built.image.protection.is_some());
    let size = built.instance.block_devices[0].volume_size.as_ref();
    assert_eq!(size.map(|size| size.value), Some(8));
    load(builder(r#""launch_block_device_mappings": {}"#));
    for wrong in [
        r#""ssh_port": 22.5"#,
        r#""launch_block_device_mappings": "x""#,
    ] {
        assert!(builder(wrong).bake().is_err(), "{wrong}");
    }
}

#[test]
fn one_cause_makes_one_finding() {
    let mut case = builder(r#""Region": "eu-west-1", "region": "eu-west-2""#);
    assert_eq!(
        super::variables::codes(&case.bake().unwrap_err()),
        ["json::duplicate_key"]
    );
    let mut case = template(r#""builders": [{ "ami_name": "web-1" }]"#);
    assert_eq!(
        super::variables::codes(&case.bake().unwrap_err()),
        ["template::missing_option"]
    );
    let mut case = template(r#""push": { "name": "x" }, "builders": []"#);
    let codes = super::variables::codes(&case.bake().unwrap_err());
    assert_eq!(codes, ["template::no_builder", "template::idle_option"]);
    let mut case = super::Case::new().file("web.pkr.hcl", "source \"x\" {}");
    assert_eq!(
        super::variables::codes(&case.bake().unwrap_err()),
        ["template::hcl"]
    );
}
