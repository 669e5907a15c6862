//! Layout: comments stay where they belong, values stay as they are, twice is once.

use super::super::says_the_same;
use super::*;
use proptest::prelude::*;

fn none(_: &[&str], _: &str) -> usize {
    0
}

fn alphabet(_: &[&str], key: &str) -> usize {
    key.bytes().next().map_or(0, usize::from)
}

#[test]
fn comments_and_groups_stay_where_they_belong() {
    let text = "// head\n{ // first\n\"b\":1 /* of b */, // more of b\n\n\n // of a\n\"a\" : [ 1,2, ], \"c\":{\n},\n\"d\": [\n\"x\" // of x\n\n/* last */ ]\n// end\n}\n// foot\n";
    let wanted = "// head\n{\n  // first\n  \"b\": 1, /* of b */ // more of b\n\n  // of a\n  \"a\": [1, 2],\n  \"c\": {},\n  \"d\": [\n    \"x\" // of x\n\n    /* last */\n  ]\n  // end\n}\n// foot\n";
    assert_eq!(format(text, &none), wanted);
    assert_eq!(format(wanted, &none), wanted);
}

#[test]
fn what_does_not_fit_is_broken() {
    let text = format!("{{\"a\": [\"{0}\", \"{0}\"]}}", "x".repeat(60));
    let broken = format(&text, &none);
    assert_eq!(broken.lines().count(), 6, "{broken}");
    assert_eq!(format(&broken, &none), broken);
}

#[test]
fn nothing_follows_a_comment_to_the_line_end() {
    let text =
        "{\n  \"a\": \"1\" // one\n , /* two\n lines */ \"b\": \"2\" // three\n , // four\n}";
    let wanted =
        "{\n  \"a\": \"1\", // one\n  /* two\n lines */\n  \"b\": \"2\" // three\n  // four\n}\n";
    assert_eq!(format(text, &none), wanted);
    assert_eq!(format(wanted, &none), wanted);
}

#[test]
fn a_byte_order_mark_goes() {
    let text = "\u{feff}{\"n\":\"1\",\"m\":\"2\"}";
    assert_eq!(
        format(text, &none),
        "{\n  \"n\": \"1\",\n  \"m\": \"2\"\n}\n"
    );
}

/// White space and comments.
fn trivia() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => Just(String::new()),
        2 => Just(" ".to_owned()),
        2 => Just("\n".to_owned()),
        1 => Just("\n\n\n".to_owned()),
        1 => Just("// é {\n".to_owned()),
        1 => Just("// /* \" ,\r\n".to_owned()),
        1 => Just("/* // */".to_owned()),
        1 => Just("/* \" ]\n lines */".to_owned()),
        1 => Just("\n  /* a\n , b */".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Around an item: before its key, before and after its colon, after its value.
fn around() -> impl Strategy<Value = [String; 4]> {
    [trivia(), trivia(), trivia(), trivia()]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1.50".to_owned()),
        Just("null".to_owned()),
        Just("\"é\\\"// \\\\\"".to_owned()),
        Just(format!("\"{}\"", "long ".repeat(12))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let items = prop::collection::vec((around(), inner), 0..4);
        (items, any::<bool>(), trivia(), any::<bool>()).prop_map(|(items, comma, tail, object)| {
            let one =
                |(at, ([first, second, third, last], value)): (usize, &([String; 4], String))| {
                    let name = char::from(b'z' - u8::try_from(at).unwrap());
                    let key = if object {
                        format!("\"{name}\"{second}:")
                    } else {
                        second.clone()
                    };
                    format!("{first}{key}{third}{value}{last}")
                };
            let parts: Vec<_> = items.iter().enumerate().map(one).collect();
            let (open, close) = if object { ("{", "}") } else { ("[", "]") };
            let comma = if comma && !parts.is_empty() { "," } else { "" };
            format!("{open}{}{comma}{tail}{close}", parts.join(","))
        })
    })
}

proptest! {
    #[test]
    fn twice_is_once_and_values_and_comments_stay(
        mark in prop_oneof![Just(""), Just("\u{feff}")],
        (before, text, after) in (trivia(), json(), trivia()),
    ) {
        let text = format!("{mark}{before}{text}{after}");
        for rank in [&none as &dyn Fn(&[&str], &str) -> usize, &alphabet] {
            let once = format(&text, rank);
            prop_assert!(says_the_same(&text, &once), "{}", once);
            prop_assert_eq!(format(&once, rank), once.clone());
        }
    }
}
