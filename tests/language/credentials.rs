//! Variables that nobody calls sensitive and that make up a credential of the builder.

use super::Case;
use super::bad_input::{BUILDER, template};
use super::variables::codes;
use kiln::source::SourceMap;
use kiln::template::load;

fn case(variables: &str, options: &str) -> Case {
    template(&format!(
        "\"variables\": {{ {variables} }}, \"builders\": [{{ {BUILDER}, {options} }}]"
    ))
}

/// The names of variables that are not shown.
fn hidden(case: &Case) -> Vec<String> {
    let variables = load::variables(&case.request, &mut SourceMap::default()).unwrap();
    let all = variables.all();
    let secret = all.iter().filter(|variable| variable.secret);
    secret.map(|variable| variable.name.clone()).collect()
}

#[test]
fn what_alone_makes_up_a_credential_is_secret() {
    let variables = r#""a": "hunter2", "b": "{{user `a`}}", "c": "x {{user `b`}}", "d": "hunter3""#;
    for option in [
        "secret_key",
        "Token",
        "ssh_password",
        "ssh_bastion_password",
        "ssh_proxy_password",
    ] {
        // Itself, what it stands for, and what is made from either.
        for text in ["{{user `b`}}", "{{ b | trim }}", "a-{{ b }}"] {
            let case = case(variables, &format!("\"{option}\": \"{text}\""));
            assert_eq!(hidden(&case), ["a", "b", "c"], "{option}: {text}");
            let outline = load::outline(&case.request, &mut SourceMap::default()).unwrap();
            let secret = outline.0.variables.into_iter().filter(|one| one.sensitive);
            let names: Vec<_> = secret.map(|one| one.name).collect();
            assert_eq!(names, ["a", "b"], "{option}: {text}");
        }
    }
}

#[test]
fn what_is_only_a_part_or_no_credential_is_not() {
    let variables = r#""a": "prod", "b": "hunter2""#;
    for options in [
        r#""ssh_password": "{{user `a`}}-{{user `b`}}""#,
        r#""access_key": "{{user `a`}}", "secret_key": "b""#,
        r#""ssh_keypair_name": "{{user `a`}}""#,
        r#""ssh_password": "{{env `a`}}""#,
        // As machine images of old have it: `ubuntu`, `ubuntu`.
        r#""ssh_bastion_username": "{{user `a`}}", "SSH_password": "{{user `a`}}""#,
    ] {
        assert_eq!(hidden(&case(variables, options)), [""; 0], "{options}");
    }
    // The words of another tool's builder are its own.
    let other = r#"}, { "type": "virtualbox-iso", "ssh_password": "{{user `a`}}""#;
    let case = case(variables, &format!("\"region\": \"\" {other}"));
    assert_eq!(hidden(&case), [""; 0]);
}

#[test]
fn a_credential_is_kept_out_of_tags() {
    let mut case = case(
        r#""key": "hunter2""#,
        r#""access_key": "A", "secret_key": "{{user `key`}}", "tags": { "a": "{{user `key`}}" }"#,
    );
    let findings = case.bake().unwrap_err();
    assert_eq!(codes(&findings), ["template::secret_in_clear"]);
}

#[test]
fn two_hands_with_credentials_of_their_own_bake_the_same() {
    let still = |variables: &str| {
        let options = r#""access_key": "{{user `id`}}", "secret_key": "{{user `key`}}", "ssh_password": "{{user `word`}}""#;
        let mut case = case(variables, options);
        case.bake().unwrap();
        let still = load::still(&case.request).expect("it can be loaded so");
        serde_json::to_value(&still.builds[0].builder.ssh).unwrap()
    };
    let one = still(r#""id": "A", "key": "hunter2", "word": "one""#);
    assert_eq!(one, still(r#""id": "B", "key": "hunter3", "word": "two""#));
    // Nobody's: the environment has them. What is empty stays so, or there would be a secret key and no access key.
    assert_eq!(one, still(r#""id": "", "key": "", "word": "three""#));
    assert_ne!(one, still(r#""id": "", "key": "", "word": """#));
}

#[test]
fn what_is_made_of_a_secret_is_known_by_its_plain_part() {
    for root in [
        "\"sensitive-variables\": [\"s\"],",
        "\"include\": [\"names.json\"],",
        "",
    ] {
        let still = |host: &str| {
            let case = template(&format!(
                "{root} \"variables\": {{ \"s\": \"hunter2\", \"url\": \"https://{{{{user `s`}}}}@{host}\" }},
                 \"builders\": [{{ {BUILDER}, \"ssh_password\": \"{{{{user `s`}}}}\" }}],
                 \"provisioners\": [{{ \"type\": \"shell\", \"inline\": [\"curl {{{{user `url`}}}}\"] }}]"
            ));
            let names = "{ \"sensitive-variables\": [\"s\"] }";
            let mut case = case.beside("names.json", names);
            let (template, _) = case.bake().unwrap();
            assert!(!format!("{:?}", template.builds[0].provisioners).contains("hunter2"));
            let still = load::still(&case.request).expect("it can be loaded so");
            serde_json::to_string(&still.builds[0].provisioners).unwrap()
        };
        assert!(
            still("a").contains("https://the-s@a"),
            "{root}{}",
            still("a")
        );
    }
}
