//! Several builders and several templates in one call.

use super::bakery::Bakery;

#[test]
fn one_that_fails_leaves_the_others_alone_and_all_is_told() {
    let bakery = Bakery::open();
    let line = "echo here is $PACKER_BUILD_NAME; test $PACKER_BUILD_NAME != bad";
    bakery.template(
        "a.json",
        &[bakery.builder("good"), bakery.builder("bad")],
        line,
    );
    let mut other = bakery.builder("good");
    other["ami_name"] = "other-{{timestamp}}".into();
    bakery.template("b.json", &[other], line);
    let done = bakery.run(&[
        "bake",
        "--result",
        "r.json",
        "-parallel-builds=0",
        "a.json",
        "b.json",
    ]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    let document = bakery.document("r.json");
    let of = |index: usize, field: &str| document["builds"][index][field].clone();
    let names: Vec<_> = (0..3).map(|index| of(index, "build")).collect();
    assert_eq!(names, ["a.json/good", "bad", "b.json/good"]);
    let ends: Vec<_> = (0..3).map(|index| of(index, "result")).collect();
    assert_eq!(ends, ["done", "failed", "done"], "{said}");
    assert_eq!(of(1, "step"), "provision");
    assert_eq!(of(1, "left"), serde_json::json!([]));
    assert_eq!(document["errors"].as_array().unwrap().len(), 1);
    let made = document["artifacts"].as_array().unwrap();
    let ids: Vec<_> = made
        .iter()
        .map(|one| one["images"][0]["image"].as_str().unwrap())
        .collect();
    let printed = String::from_utf8(done.stdout).unwrap();
    assert_eq!(printed.lines().collect::<Vec<_>>(), ids);
    assert_eq!(ids.len(), 2);
    for line in [
        "a.json/good:   here is good",
        " bad:   here is bad",
        "b.json/good:   here is good",
    ] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    let summary = said.split("summary:").nth(1).unwrap();
    for word in ["done", "failed", ids[0], ids[1], "failed to provision"] {
        let word = word.trim_start_matches("failed to ");
        assert!(summary.contains(word), "no `{word}` in:\n{summary}");
    }
}

#[test]
fn names_of_only_belong_to_any_of_the_templates_and_a_misspelt_one_is_an_error() {
    let bakery = Bakery::open();
    bakery.template(
        "a.json",
        &[bakery.builder("web"), bakery.builder("db")],
        "true",
    );
    bakery.template("b.json", &[bakery.builder("proxy")], "true");
    bakery.template("c.json", &[bakery.builder("mail")], "true");
    let plan = |args: &[&str]| {
        let files = ["a.json", "b.json", "c.json"];
        let done = bakery.run(&[&["bake", "--plan"], args, &files].concat());
        let bakes = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            let lines = text.lines().filter_map(|line| line.strip_prefix("bake "));
            lines
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        (
            done.status.code(),
            bakes(&done.stdout),
            String::from_utf8(done.stderr).unwrap(),
        )
    };
    let (_, bakes, said) = plan(&["-only=web,proxy"]);
    assert_eq!(bakes, ["web", "proxy"], "{said}");
    let (_, bakes, said) = plan(&["-only=web", "-only=mail"]);
    assert_eq!(bakes, ["web", "mail"], "{said}");
    let (_, bakes, said) = plan(&["-except=db,proxy"]);
    assert_eq!(bakes, ["web", "mail"], "{said}");
    let (code, _, said) = plan(&["-only=web,prxy"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("no builder is named `prxy`"), "{said}");
    assert_eq!(
        said.matches("template::unknown_builder").count(),
        1,
        "{said}"
    );
}

#[test]
fn var_files_hold_for_all_templates() {
    let bakery = Bakery::open();
    bakery.template("a.json", &[bakery.builder("a-{{user `stage`}}")], "true");
    bakery.template("b.json", &[bakery.builder("b-{{user `stage`}}")], "true");
    bakery.write("prod.json", "{ \"stage\": \"prod\" }");
    let done = bakery.run(&["bake", "--plan", "a.json", "prod.json", "b.json"]);
    let said = String::from_utf8(done.stderr).unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(
        text.contains("bake a-prod ") && text.contains("bake b-prod "),
        "{text}{said}"
    );
    assert!(said.contains("prod.json: var file"), "{said}");
}
