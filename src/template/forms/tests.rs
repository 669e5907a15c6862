use super::*;

/// The made source with the marks drawn as braces again.
fn made(text: &str) -> String {
    let translated = translate(text, Style::Both);
    assert_eq!(translated.slips, [], "{text}");
    let source = translated.source.replace('\u{1}', "");
    source.replace("packer__", "")
}

#[test]
fn packers_forms_become_jinja() {
    for (go, jinja) in [
        (
            "{{user `x`}}-{{timestamp}}",
            "{ user(\"x\") }-{ timestamp() }",
        ),
        ("{{ user \"x\" | lower }}", "{ lower(user(\"x\")) }"),
        (
            "{{split (user `v`) \"-\" 0}}",
            "{ split(user(\"v\"), \"-\", 0) }",
        ),
        (
            "{{user `x` | replace \"v\" \"\" 1}}",
            "{ replace(\"v\", \"\", 1, user(\"x\")) }",
        ),
        (
            "{{isotime | clean_resource_name}}",
            "{ clean_resource_name(isotime()) }",
        ),
        ("{{isotime \"2006-01-02\"}}", "{ isotime(\"2006-01-02\") }"),
        (
            "{{isotime | clean_ami_name}}",
            "{ clean_resource_name(isotime()) }",
        ),
        (
            "chmod +x {{.Path}}; {{ .Vars }}",
            "chmod +x { Path }; { Vars }",
        ),
        ("{{.SourceAMITags.Name}}", "{ SourceAMITags[\"Name\"] }"),
        ("{{build `ID`}}", "{ build[\"ID\"] }"),
        ("{{`{{`}}", "{ \"{{\" }"),
        ("{{- user `a` -}} b", "{- user(\"a\") -} b"),
        (
            "{{if eq (len (user `a`)) 0}}x{{else}}{{user `a`}}{{end}}",
            "% if eq(len(user(\"a\")), 0) %x% else %{ user(\"a\") }% endif %",
        ),
        (
            "{{if user `a`}}1{{else if user `b`}}2{{end}}",
            "% if user(\"a\") %1% elif user(\"b\") %2% endif %",
        ),
        (
            "{{if.Path}}1{{- else if $x := .Path -}}2{{end}}",
            "% if Path %1%- else %% set v_x = Path %% if v_x -%2% endif %% endif %",
        ),
        (
            "{{range user `l`}}{{.}},{{end}}",
            "% for item_1 in each(user(\"l\")) %{ item_1 },% endfor %",
        ),
        (
            "{{range $i, $e := user `l`}}{{$i}}{{.x}}{{else}}-{{end}}",
            "% for v_i, item_1 in pairs(user(\"l\")) %% set v_e = item_1 %{ v_i }{ item_1[\"x\"] }% else %-% endfor %",
        ),
        (
            "{{with user `a`}}{{.}}{{with lower .}}{{.}}{{else}}{{.}}{{end}}{{end}}",
            "% set item_1 = user(\"a\") %% if item_1 %{ item_1 }\
             % set item_2 = lower(item_1) %% if item_2 %{ item_2 }% else %{ item_1 }% endif %% endif %",
        ),
        (
            "{{$x := upper `a`}}{{if $y := $x}}{{$y}}{{end}}{{$.Path}}",
            "% set v_x = upper(\"a\") %% set v_y = v_x %% if v_y %{ v_y }% endif %{ Path }",
        ),
        (
            "{{/* it's */}}a {{- /* b */ -}} c",
            "{ \"\" }a {- \"\" -} c",
        ),
        (
            "{{(index (user `l`) 0).a}}",
            "{ index(user(\"l\"), 0)[\"a\"] }",
        ),
        (
            "{{if and (user `a`) (not (user `b`))}}x{{end}}",
            "% if (user(\"a\") and (not user(\"b\"))) %x% endif %",
        ),
    ] {
        assert_eq!(made(go), jinja, "{go}");
    }
}

#[test]
fn jinja_stays_what_it_is() {
    for (text, source) in [
        ("{{ hostname }}", "{ hostname }"),
        ("{{ name | lower }}", "{ name | lower }"),
        ("{{ lower(\"X\") }}", "{ lower(\"X\") }"),
        ("{{ a.b[0] ~ 'x}}y' }}", "{ a.b[0] ~ 'x}}y' }"),
        ("{% if a %}b{% endif %}", "% if a %b% endif %"),
        ("{% raw %}{{ a }}{% endraw %}c", "{{ a }}c"),
    ] {
        assert_eq!(made(text), source, "{text}");
    }
}

#[test]
fn braces_of_shells_and_formats_stay_text() {
    for text in [
        "${#array[@]}",
        "curl -w '%{http_code}'",
        "awk '{ print $1 }' {%d%}",
        "{",
        "é{",
    ] {
        let translated = translate(text, Style::Both);
        assert!(translated.is_plain() && translated.slips.is_empty());
        assert_eq!(translated.source, text);
    }
}

#[test]
fn what_a_text_asks_for_is_known_with_its_place() {
    let text = "é {{user `a`}} {{env \"B\"}} {{.C.d}} {{build `E`}}";
    let found = translate(text, Style::Both).found;
    let names = |list: &[Named]| {
        list.iter()
            .map(|n| (n.name.clone(), text[n.range.clone()].to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&found.users), [("a".into(), "user `a`".into())]);
    assert_eq!(
        names(&found.fields),
        [
            ("C.d".into(), ".C.d".into()),
            ("build.E".into(), "build `E`".into())
        ]
    );
    assert_eq!(&text[found.asked[0].range.clone()], "env \"B\"");
}

#[test]
fn what_cannot_be_translated_says_so() {
    for (text, message) in [
        ("é {{user `a`", "never closed"),
        ("{% if a", "never closed"),
        ("{{if user `a`}}b", "has no `end`"),
        ("{{define `a`}}b{{end}}", "not supported"),
        ("{{block `a` .}}b{{end}}", "not supported"),
        ("{{split `a` `b`}}", "takes 3 arguments, not 2"),
        ("{{timestmp `a`}}", "no function `timestmp`"),
        ("{{$x}}", "not declared"),
        ("{{$x = `a`}}", "not declared"),
        (
            "{{$x := `a`}}{{range user `l`}}{{$x = .}}{{end}}",
            "outside of this `range`",
        ),
        (
            "{{$x := `a`}}{{$y := 1}}{{range $y, $x = user `l`}}{{end}}",
            "cannot set",
        ),
        ("{{$x := `a`}}{{range $x = user `l`}}{{end}}", "cannot set"),
        (
            "{{$x := 0}}{% for i in [1,2] %}{{$x = 5}}{% endfor %}{{$x}}",
            "outside of this `{% for %}`",
        ),
        (
            "{{$x := 0}}{%- for i in [1] %}{% if i %}{{$x = 5}}{% else %}{% endif %}{% endfor %}",
            "outside of this `{% for %}`",
        ),
        (
            "{{$x := 0}}{% with a = 1 %}{{$x = 5}}{% endwith %}",
            "outside of this `{% with %}`",
        ),
        (
            "{% for i in [1] %}{{$x := 5}}{% endfor %}{{$x}}",
            "not declared",
        ),
        (
            "{% for i in [1] %}{{$x := 5}}{% else %}{{$x}}{% endfor %}",
            "not declared",
        ),
        ("{{if true}}{{$x := `a`}}{{end}}{{$x}}", "not declared"),
        (
            "{{if true}}{{$x := `a`}}{{else if $x}}{{end}}",
            "not declared",
        ),
        (
            "{{if true}}{{$x := `a`}}{{else if true}}{{$x}}{{end}}",
            "not declared",
        ),
        (
            "{{if true}}{{else if $x := `a`}}{{end}}{{$x}}",
            "not declared",
        ),
        (
            "{{range $x := user `l`}}{{else}}{{$x}}{{end}}",
            "not declared",
        ),
        ("{{nil}}", "`nil` is nothing"),
        ("{{upper nil}}", "`nil` is nothing"),
        ("a{{else}}b", "`{{else}}` stands outside"),
        ("a{{end}}b", "`{{end}}` stands outside"),
        ("{{if}}b{{else}}c{{end}}", "says not of what"),
        ("{{if region}}b{{else}}c{{end}}", "goes by cannot be read"),
        ("{{if nope `a`}}b{{end}}", "no function `nope`"),
        (
            "{{if true}}a{{else if region}}b{{end}}",
            "goes by cannot be read",
        ),
        (
            "{{if user `a`}}{{else}}{{else}}{{end}}",
            "an `else` already",
        ),
        ("{{/* x", "never closed"),
        ("{{range user `a`}}{{break}}{{end}}", "not supported"),
        ("{{`\u{1}`}}", "control character"),
        ("{{sed `a` `b`}}", "removed"),
        ("{% raw %} x", "never ends"),
    ] {
        let slips = translate(text, Style::Both).slips;
        assert_eq!(slips.len(), 1, "{text}");
        assert!(slips[0].message.contains(message), "{:?}", slips[0]);
    }
}

#[test]
fn a_place_in_the_source_leads_back_to_the_text() {
    let text = "é{{user `a`}}-{{ b }}";
    let translated = translate(text, Style::Both);
    let at = translated.source.find(" b ").unwrap() + 1;
    assert_eq!(&text[translated.locate(&(at..at + 1)).unwrap()], "{{ b }}");
}

#[test]
fn the_only_expression_of_a_text_is_told_apart() {
    assert_eq!(
        translate("{{user `a`}}", Style::Both).single.as_deref(),
        Some("packer__user(\"a\")")
    );
    assert_eq!(translate("{{user `a`}} ", Style::Both).single, None);
}

#[test]
fn comments_are_only_in_files_that_are_jinja() {
    assert_eq!(translate("a{# b #}c", Style::Jinja).source, "ac");
    assert_eq!(translate("a{# b #}c", Style::Both).source, "a{# b #}c");
}

#[test]
fn parentheses_without_end_do_not_overflow() {
    let text = format!("{{{{{}}}}}", "(".repeat(100_000));
    assert_eq!(translate(&text, Style::Both).slips.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_text_is_translated_and_text_without_braces_is_left_alone(text in "[{}%#`\"'.()|a-c é-]{0,40}") {
        for style in [Style::Both, Style::Jinja] {
            let translated = translate(&text, style);
            for piece in &translated.pieces {
                assert!(text.get(piece.written.clone()).is_some());
            }
            for slip in &translated.slips {
                assert!(text.get(slip.range.clone()).is_some());
            }
            for name in translated.found.users.iter().chain(&translated.found.fields) {
                assert!(text.get(name.range.clone()).is_some());
            }
        }
        let plain = text.replace('{', "");
        assert_eq!(translate(&plain, Style::Both).source, plain);
    }
}
