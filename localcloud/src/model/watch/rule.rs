//! The rule of a composite alarm (`AlarmRule` of `PutCompositeAlarm`).
//!
//! `ALARM(name)`, `OK(name)` and `INSUFFICIENT_DATA(name)` with `AND`, `OR`, `NOT`, `TRUE`, `FALSE` and parentheses; a name
//! may stand in quotes and must where it has a blank or a parenthesis. `AND` binds tighter than `OR`.

/// Deeper than anybody writes; keeps a hostile rule from exhausting the stack.
const DEEPEST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Is(&'static str, String),
    Constant(bool),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

impl Rule {
    /// Reads a rule, or says why it is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut words = Words {
            rest: text,
            depth: 0,
        };
        let rule = any(&mut words)?;
        match words.peek() {
            "" => Ok(rule),
            more => Err(format!("unexpected '{more}'")),
        }
    }

    /// Whether it holds, by the states of alarms; an alarm that is gone is in no state.
    pub(super) fn holds(&self, states: &impl Fn(&str) -> Option<&'static str>) -> bool {
        match self {
            Self::Is(state, name) => states(name) == Some(state),
            Self::Constant(holds) => *holds,
            Self::Not(rule) => !rule.holds(states),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(states)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(states)),
        }
    }

    /// Every alarm that it names.
    pub(super) fn children(&self) -> Vec<&str> {
        match self {
            Self::Is(_, name) => vec![name],
            Self::Constant(_) => Vec::new(),
            Self::Not(rule) => rule.children(),
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::children).collect(),
        }
    }

    pub(super) fn names(&self, alarm: &str) -> bool {
        self.children().contains(&alarm)
    }
}

struct Words<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Words<'a> {
    /// The next word without taking it: a parenthesis, or what stands up to a blank or one.
    fn peek(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || "()".contains(c))
            .unwrap_or(self.rest.len());
        let end = if self.rest.starts_with(['(', ')']) {
            1
        } else {
            end
        };
        &self.rest[..end]
    }

    fn take(&mut self) -> &'a str {
        let word = self.peek();
        self.rest = &self.rest[word.len()..];
        word
    }

    fn must(&mut self, wanted: &str) -> Result<(), String> {
        match self.take() {
            word if word == wanted => Ok(()),
            word => Err(format!("'{wanted}' expected instead of '{word}'")),
        }
    }

    /// The name between parentheses.
    fn name(&mut self) -> Result<String, String> {
        self.must("(")?;
        self.rest = self.rest.trim_start();
        let (name, rest) = if let Some(quoted) = self.rest.strip_prefix('"') {
            quoted.split_once('"').ok_or("a quote is not closed")?
        } else {
            let end = self.rest.find([')', ' ']).unwrap_or(self.rest.len());
            self.rest.split_at(end)
        };
        self.rest = rest;
        self.must(")")?;
        if name.is_empty() {
            return Err("an alarm's name is missing".to_owned());
        }
        Ok(alarm_name(name).to_owned())
    }
}

/// A name, or what an ARN says.
fn alarm_name(text: &str) -> &str {
    let arn = text.starts_with("arn:").then(|| text.split_once(":alarm:"));
    arn.flatten().map_or(text, |(_, name)| name)
}

fn any(words: &mut Words<'_>) -> Result<Rule, String> {
    list(words, "OR", all, Rule::Any)
}

fn all(words: &mut Words<'_>) -> Result<Rule, String> {
    list(words, "AND", one, Rule::All)
}

fn list(
    words: &mut Words<'_>,
    between: &str,
    part: fn(&mut Words<'_>) -> Result<Rule, String>,
    whole: fn(Vec<Rule>) -> Rule,
) -> Result<Rule, String> {
    let first = part(words)?;
    let mut rules = vec![first];
    while words.peek() == between {
        words.take();
        rules.push(part(words)?);
    }
    match rules.pop() {
        Some(only) if rules.is_empty() => Ok(only),
        last => {
            rules.extend(last);
            Ok(whole(rules))
        }
    }
}

fn one(words: &mut Words<'_>) -> Result<Rule, String> {
    words.depth += 1;
    if words.depth > DEEPEST {
        return Err("the rule is too deep".to_owned());
    }
    let rule = match words.take() {
        "NOT" => Rule::Not(Box::new(one(words)?)),
        "TRUE" => Rule::Constant(true),
        "FALSE" => Rule::Constant(false),
        "ALARM" => Rule::Is("ALARM", words.name()?),
        "OK" => Rule::Is("OK", words.name()?),
        "INSUFFICIENT_DATA" => Rule::Is("INSUFFICIENT_DATA", words.name()?),
        "(" => {
            let rule = any(words)?;
            words.must(")")?;
            rule
        }
        "" => return Err("the rule ends too early".to_owned()),
        word => return Err(format!("unexpected '{word}'")),
    };
    words.depth -= 1;
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let states = |name: &str| match name {
            "red" | "red one" => Some("ALARM"),
            "green" => Some("OK"),
            "blind" => Some("INSUFFICIENT_DATA"),
            _ => None,
        };
        Rule::read(text).unwrap().holds(&states)
    }

    #[test]
    fn rules_hold_as_they_are_written() {
        for text in [
            "ALARM(red)",
            r#"ALARM( "red one" )"#,
            "OK(green) AND INSUFFICIENT_DATA(blind)",
            "ALARM(green) OR ALARM(red)",
            "NOT ALARM(green)",
            "ALARM(red) OR ALARM(red) AND ALARM(green)",
            "NOT (ALARM(red) AND ALARM(green))",
            "TRUE OR FALSE",
            "ALARM(arn:aws:cloudwatch:eu-central-1:1:alarm:red)",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "ALARM(green)",
            "(ALARM(red) OR ALARM(red)) AND ALARM(green)",
            "ALARM(gone)",
            "OK(gone)",
            "NOT NOT FALSE",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_reason() {
        for text in [
            "",
            "ALARM",
            "ALARM(",
            "ALARM()",
            "ALARM(a) ALARM(b)",
            "(TRUE",
            "red",
            "ALARM(\"a)",
        ] {
            assert!(Rule::read(text).is_err(), "{text}");
        }
        let deep = "(".repeat(100_000);
        assert_eq!(Rule::read(&deep).unwrap_err(), "the rule is too deep");
    }

    #[test]
    fn it_knows_whom_it_names() {
        let rule = Rule::read("ALARM(a) AND (OK(b) OR NOT ALARM(\"c d\"))").unwrap();
        assert_eq!(rule.children(), ["a", "b", "c d"]);
    }
}
