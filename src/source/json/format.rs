//! JSON with comments, laid out anew: same values, same comments, steady lines. Which keys come first is the caller's matter.
//! The text must be one that [`read`](super::read) takes without an error. A byte order mark goes: "RFC 8259" 8.1 forbids to
//! add one.

/// Lines are no wider where they can be broken.
const WIDTH: usize = 100;
const INDENT: usize = 2;

/// Lays a text out. `rank` says where a key belongs among its fellows, by the keys on the way down to its object (lists count
/// for nothing); equal ranks stay in the order written.
pub fn format(text: &str, rank: &dyn Fn(&[&str], &str) -> usize) -> String {
    let text = super::unmarked(text);
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
            carried = trail.split_off(own(&trail));
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

/// How many comments after a value belong to it: those that begin on its line, and `//` is the last that can. The rest
/// belong to what follows.
fn own(trail: &[Comment<'_>]) -> usize {
    let beside = trail.iter().take_while(|comment| comment.beside).count();
    let to_line_end = trail
        .iter()
        .position(|comment| comment.text.starts_with("//"));
    to_line_end.map_or(beside, |last| beside.min(last + 1))
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
mod tests;
