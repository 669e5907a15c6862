//! An image that cannot be brought under its name yet: what follows it waits.

use serde_json::{Value, json};

use super::accounts::{OWN, all_but, role, with_role_for};
use super::model::ModelBakery;

/// A template that takes the name of an older image over, and notes each run of its post-processor.
fn write(bakery: &ModelBakery, command: &str, access: &Value) {
    let mut options = role(access);
    options["force_deregister"] = json!(true);
    bakery.template_of(command, &options);
    let mut template: Value = serde_json::from_str(&bakery.read("web.json")).unwrap();
    template["post-processors"] =
        json!([{ "type": "shell-local", "inline": ["echo ran >> posts"] }]);
    bakery.write("web.json", &template.to_string());
}

fn bake(bakery: &ModelBakery) -> (Option<i32>, String, Value) {
    let args = ["bake", "--if-changed", "--result=r.json", "web.json"];
    let done = bakery.run(&args, &OWN);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let document = serde_json::from_str(&bakery.read("r.json")).unwrap();
    (done.status.code(), said, document)
}

#[test]
fn post_processors_wait_until_the_publication_is_finished() {
    let bakery = with_role_for(&json!({}));
    write(&bakery, "true", &json!({}));
    let (code, said, _) = bake(&bakery);
    assert_eq!(code, Some(0), "{said}");
    let ran = || bakery.read("posts").lines().count();
    assert_eq!(ran(), 1);
    let denied = json!({ "policy": all_but("ec2:RegisterImage") });
    write(&bakery, "true again", &denied);
    let (code, said, document) = bake(&bakery);
    assert_eq!(code, Some(3), "{said}");
    let why = "post-processors wait until the image is published";
    assert!(said.contains(why), "{said}");
    assert_eq!(ran(), 1, "{said}");
    assert_eq!(document["builds"][0]["post_processors"], json!([]));
    // The next run goes on with what the last one left.
    write(&bakery, "true again", &json!({}));
    let (code, said, document) = bake(&bakery);
    assert_eq!((code, ran()), (Some(0), 2), "{said}");
    assert_eq!(document["builds"][0]["artifact"]["name"], "web-1");
}

#[test]
fn the_image_that_gets_the_name_boots_as_the_machines_did() {
    let bakery = with_role_for(&json!({}));
    write(&bakery, "true", &json!({}));
    let (code, said, _) = bake(&bakery);
    assert_eq!(code, Some(0), "{said}");
    let (plain, more) = (
        "<enaSupport>true</enaSupport>",
        "<tpmSupport>v2.0</tpmSupport><bootMode>uefi</bootMode>",
    );
    bakery.say_instead(&format!("{plain}{more}"), plain);
    write(&bakery, "true again", &json!({}));
    // The model knows of no TPM, and how it answers is of no matter here.
    let (_, said, _) = bake(&bakery);
    let asked = bakery.asked().into_iter();
    let mut registered = asked.filter(|call| call.action == "RegisterImage");
    let body = registered.next().unwrap_or_else(|| panic!("{said}")).body;
    for part in ["EnaSupport=true", "BootMode=uefi", "TpmSupport=v2.0"] {
        assert!(body.contains(part), "no {part} in {body}");
    }
}
