//! JSON with comments, laid out anew: same values, same comments, steady lines. Which keys come first is the caller's matter.
//! The text must be one that [`read`](super::read) takes without an error.

/// Lines are no wider where they can be broken.
const WIDTH: usize = 100;
const INDENT: usize = 2;

/// Lays a text out. `rank` says where a key belongs among its fellows, by the keys on the way down to its object (lists count
/// for nothing); equal ranks stay in the order written.
pub fn format(text: &str, rank: &dyn Fn(&[&str], &str) -> usize) -> String {
    let mut parser = Parser { text, at: 0 };
    let lead = parser.comments();
    let mut root = parser.value();
    let trail = parser.comments();
    sort(&mut root, &mut Vec::new(), rank);
    let mut out = String::new();
    for comment in &lead {
        comment.print(0, &mut out);
    }
    print(&root, 0, 0, true, &mut out);
    out.push('\n');
    for comment in &trail {
        comment.print(0, &mut out);
    }
    out
}

struct Comment<'t> {
    text: &'t str,
    /// An empty line stands before it.
    apart: bool,
    /// It begins on the line where what is before it ends.
    beside: bool,
}

enum Node<'t> {
    Scalar(&'t str),
    Many {
        open: char,
        items: Vec<Item<'t>>,
        /// Comments after the last item.
        tail: Vec<Comment<'t>>,
        /// It was written on one line.
        flat: bool,
    },
}

struct Item<'t> {
    lead: Vec<Comment<'t>>,
    /// An empty line stands before it or its first comment.
    apart: bool,
    /// With its quotes.
    key: Option<&'t str>,
    value: Node<'t>,
    trail: Vec<Comment<'t>>,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// White space; how many line ends were in it.
    fn space(&mut self) -> usize {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start().len();
        self.at += length;
        rest[..length].matches('\n').count()
    }

    /// White space and comments up to what follows.
    fn comments(&mut self) -> Vec<Comment<'t>> {
        let mut all = Vec::new();
        loop {
            let before = self.at;
            let lines = self.space();
            let rest = self.rest();
            let length = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                self.at = before;
                return all;
            };
            self.at += length;
            all.push(Comment {
                text: rest[..length].trim_end(),
                apart: lines > 1,
                beside: lines == 0,
            });
        }
    }

    fn value(&mut self) -> Node<'t> {
        self.space();
        let start = self.at;
        match self.rest().chars().next() {
            Some(open @ ('{' | '[')) => self.many(open),
            Some('"') => {
                self.string();
                Node::Scalar(&self.text[start..self.at])
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || ",]}/".contains(c);
                let rest = self.rest();
                self.at += rest.find(ends).unwrap_or(rest.len());
                Node::Scalar(&self.text[start..self.at])
            }
        }
    }

    /// Past a string.
    fn string(&mut self) {
        let mut escaped = false;
        let closing = |(_, c): &(usize, char)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        };
        let rest = self.rest();
        let end = rest.char_indices().skip(1).find(closing);
        self.at += end.map_or(rest.len(), |(end, _)| end + 1);
    }

    fn many(&mut self, open: char) -> Node<'t> {
        let start = self.at;
        self.at += 1;
        let mut items: Vec<Item<'t>> = Vec::new();
        let mut carried = Vec::new();
        let mut carried_apart = false;
        let tail = loop {
            let mut lead = std::mem::take(&mut carried);
            lead.extend(self.comments());
            let apart = self.space() > 1;
            match self.rest().chars().next() {
                Some('}' | ']') | None => break lead,
                _ => {}
            }
            let apart = lead
                .first()
                .map_or(apart, |first| first.apart || carried_apart);
            let key = (open == '{').then(|| self.key(&mut lead));
            let value = self.value();
            let mut trail = self.comments();
            self.space();
            if self.rest().starts_with(',') {
                self.at += 1;
                trail.extend(self.comments());
            }
            // What begins on the line of the value belongs to it, the rest to what follows.
            let own = trail.iter().take_while(|comment| comment.beside).count();
            carried = trail.split_off(own);
            carried_apart = carried.first().is_some_and(|first| first.apart);
            items.push(Item {
                lead,
                apart,
                key,
                value,
                trail,
            });
        };
        self.at = (self.at + 1).min(self.text.len());
        Node::Many {
            open,
            items,
            tail,
            flat: !self.text[start..self.at].contains('\n'),
        }
    }

    fn key(&mut self, lead: &mut Vec<Comment<'t>>) -> &'t str {
        let start = self.at;
        self.string();
        let key = &self.text[start..self.at];
        lead.extend(self.comments());
        self.space();
        self.at = (self.at + 1).min(self.text.len());
        lead.extend(self.comments());
        key
    }
}

fn sort<'t>(node: &mut Node<'t>, way: &mut Vec<&'t str>, rank: &dyn Fn(&[&str], &str) -> usize) {
    let Node::Many { items, .. } = node else {
        return;
    };
    items.sort_by_key(|item| item.key.map_or(0, |key| rank(way, key.trim_matches('"'))));
    for item in items {
        if let Some(key) = item.key {
            way.push(key.trim_matches('"'));
        }
        sort(&mut item.value, way, rank);
        if item.key.is_some() {
            way.pop();
        }
    }
}

impl Comment<'_> {
    fn print(&self, depth: usize, out: &mut String) {
        if self.apart && !out.is_empty() && !out.ends_with(['{', '[']) {
            out.push('\n');
        }
        out.push_str(&" ".repeat(depth * INDENT));
        out.push_str(self.text);
        out.push('\n');
    }
}

/// The node on one line; `None` when it must be broken.
fn flat(node: &Node<'_>) -> Option<String> {
    match node {
        Node::Scalar(text) => Some((*text).to_owned()),
        Node::Many {
            open,
            items,
            tail,
            flat: was_flat,
        } => {
            if !tail.is_empty() || (!was_flat && !items.is_empty()) {
                return None;
            }
            let one = |item: &Item<'_>| {
                let plain = item.lead.is_empty() && item.trail.is_empty();
                let value = plain.then(|| flat(&item.value)).flatten()?;
                Some(
                    item.key
                        .map_or_else(|| value.clone(), |key| format!("{key}: {value}")),
                )
            };
            let parts: Vec<String> = items.iter().map(one).collect::<Option<_>>()?;
            Some(match (open, parts.is_empty()) {
                ('{', true) => "{}".to_owned(),
                ('{', false) => format!("{{ {} }}", parts.join(", ")),
                _ => format!("[{}]", parts.join(", ")),
            })
        }
    }
}

/// `before` is the width of what stands before it on its line.
fn print(node: &Node<'_>, depth: usize, before: usize, root: bool, out: &mut String) {
    // A comma may follow.
    let fits = |text: &String| before + text.chars().count() < WIDTH;
    let Node::Many {
        open, items, tail, ..
    } = node
    else {
        return out.push_str(&flat(node).unwrap_or_default());
    };
    let whole = flat(node).filter(|text| (!root && fits(text)) || items.is_empty());
    if let Some(whole) = whole {
        return out.push_str(&whole);
    }
    out.push(*open);
    out.push('\n');
    let indent = " ".repeat((depth + 1) * INDENT);
    for (at, item) in items.iter().enumerate() {
        if item.apart && at > 0 {
            out.push('\n');
        }
        for (number, comment) in item.lead.iter().enumerate() {
            let apart = comment.apart && number > 0;
            Comment { apart, ..*comment }.print(depth + 1, out);
        }
        let key = item.key.map_or_else(String::new, |key| format!("{key}: "));
        out.push_str(&indent);
        out.push_str(&key);
        let before = indent.len() + key.chars().count();
        print(&item.value, depth + 1, before, false, out);
        if at + 1 < items.len() {
            out.push(',');
        }
        for comment in &item.trail {
            out.push(' ');
            out.push_str(comment.text);
        }
        out.push('\n');
    }
    for (number, comment) in tail.iter().enumerate() {
        let apart = comment.apart && (number > 0 || !items.is_empty());
        Comment { apart, ..*comment }.print(depth + 1, out);
    }
    out.push_str(&" ".repeat(depth * INDENT));
    out.push(if *open == '{' { '}' } else { ']' });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;
    use proptest::prelude::*;

    fn none(_: &[&str], _: &str) -> usize {
        0
    }

    fn alphabet(_: &[&str], key: &str) -> usize {
        key.bytes().next().map_or(0, usize::from)
    }

    fn values(text: &str) -> serde_json::Value {
        let mut sources = SourceMap::new();
        let file = sources.add("t", text);
        let reading = super::super::read(file, &sources);
        reading.value.unwrap_or_else(|| panic!("{text}")).plain()
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

    /// White space and comments.
    fn trivia() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            5 => Just(String::new()),
            2 => Just(" ".to_owned()),
            2 => Just("\n".to_owned()),
            1 => Just("\n\n\n".to_owned()),
            1 => Just("// é {\n".to_owned()),
            1 => Just("\n  /* a\n , b */".to_owned()),
        ];
        prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("1.50".to_owned()),
            Just("null".to_owned()),
            Just("\"é\\\"// \\\\\"".to_owned()),
            Just(format!("\"{}\"", "long ".repeat(12))),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let item = (trivia(), inner, trivia(), trivia());
            (prop::collection::vec(item, 0..4), trivia(), any::<bool>()).prop_map(
                |(items, tail, object)| {
                    let one = |(at, (before, value, after, colon)): (
                        usize,
                        &(String, String, String, String),
                    )| {
                        let key = if object {
                            format!(
                                "\"{}\"{colon}:",
                                char::from(b'z' - u8::try_from(at).unwrap())
                            )
                        } else {
                            String::new()
                        };
                        format!("{before}{key}{value}{after}")
                    };
                    let parts: Vec<_> = items.iter().enumerate().map(one).collect();
                    let (open, close) = if object { ("{", "}") } else { ("[", "]") };
                    format!("{open}{}{tail}{close}", parts.join(","))
                },
            )
        })
    }

    proptest! {
        #[test]
        fn twice_is_once_and_values_stay((before, text, after) in (trivia(), json(), trivia())) {
            let text = format!("{before}{text}{after}");
            for rank in [&none as &dyn Fn(&[&str], &str) -> usize, &alphabet] {
                let once = format(&text, rank);
                prop_assert_eq!(values(&once), values(&text), "{}", once);
                prop_assert_eq!(format(&once, rank), once.clone());
                let comments = |text: &str| text.matches("// é {").count() + text.matches(", b */").count();
                prop_assert_eq!(comments(&once), comments(&text), "{}", once);
            }
        }
    }
}
