//! A roll that asks a person: the question comes from one process, the answer from another.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::service::{FIRST, SECOND, Service, said};

/// A service whose rolls ask before they swap.
fn asking() -> Service {
    let service = Service::open();
    let mut file: Value = serde_json::from_str(&service.bakery.read("web.json")).unwrap();
    file["checks"] = json!({ "before": [{ "manual": "Seen by QA?", "timeout": "3m" }], "after": [{ "soak": "1s" }] });
    file["hooks"] = json!({});
    service.bakery.write("web.json", &file.to_string());
    service
}

#[test]
fn what_a_roll_asks_is_answered_from_another_process() {
    let service = asking();
    let yes = &["--reason", "looks good"][..];
    let no = &["--reject", "--reason", "the logo is gone"];
    for (image, answer, code, told) in [
        (FIRST, yes, 0, "The answer is yes"),
        (SECOND, no, 5, "the logo is gone"),
    ] {
        let mut roll = service.kiln(&["roll", "web.json", "--image", image]);
        roll.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut roll = roll.spawn().unwrap();
        let lines = BufReader::new(roll.stderr.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let asked = lines.find(|line| line.contains("`kiln approve web` says yes"));
        assert!(asked.unwrap().contains("Seen by QA?"));
        let answered = service.run(&[&["approve", "web"], answer].concat());
        assert_eq!(answered.status.code(), Some(0), "{}", said(&answered));
        let rest: Vec<String> = lines.collect();
        assert_eq!(roll.wait().unwrap().code(), Some(code), "{rest:#?}");
        assert!(rest.iter().any(|line| line.contains(told)), "{rest:#?}");
        service.settle();
    }
}
