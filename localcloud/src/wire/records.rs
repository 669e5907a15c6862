//! Records of a zone as packets have them: from the text that Route 53 keeps ("Supported DNS record types").

use crate::model::labels;
use simple_dns::rdata::{A, AAAA, CAA, CNAME, MX, NS, PTR, RData, SOA, SRV, TXT};
use simple_dns::{CharacterString, Label, Name, RCODE};
use std::borrow::Cow;
use std::str::{FromStr, SplitWhitespace};

/// The types that records can have here, by their numbers.
const KINDS: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (43, "DS"),
    (44, "SSHFP"),
    (52, "TLSA"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (257, "CAA"),
];

/// The name of a type that records can have.
pub(super) fn kind(number: u16) -> Option<&'static str> {
    let found = KINDS.iter().find(|(known, _)| *known == number);
    found.map(|(_, name)| *name)
}

/// Whether a question asks for records of more than one type, or for a whole zone.
pub(super) fn is_of_many(number: u16) -> bool {
    (251..=255).contains(&number)
}

/// A name of a zone.
pub(super) fn name(text: &str) -> Result<Name<'static>, RCODE> {
    let labels = labels(text).ok_or(RCODE::ServerFailure)?.into_iter();
    let labels: Vec<Label<'static>> = labels.map(Label::new_unchecked).collect();
    Ok(Name::new_with_labels(&labels))
}

/// What a record says. Of some types it is kept and not answered.
pub(super) fn data(kind: &str, value: &str) -> Result<RData<'static>, RCODE> {
    let mut words = Words(value.split_whitespace());
    Ok(match kind {
        "A" => RData::A(A::from(words.read::<std::net::Ipv4Addr>()?)),
        "AAAA" => RData::AAAA(AAAA::from(words.read::<std::net::Ipv6Addr>()?)),
        "CNAME" => RData::CNAME(CNAME(words.name()?)),
        "NS" => RData::NS(NS(words.name()?)),
        "PTR" => RData::PTR(PTR(words.name()?)),
        "MX" => RData::MX(MX {
            preference: words.read()?,
            exchange: words.name()?,
        }),
        "SRV" => RData::SRV(SRV {
            priority: words.read()?,
            weight: words.read()?,
            port: words.read()?,
            target: words.name()?,
        }),
        "SOA" => RData::SOA(SOA {
            mname: words.name()?,
            rname: words.name()?,
            serial: words.read()?,
            refresh: words.read()?,
            retry: words.read()?,
            expire: words.read()?,
            minimum: words.read()?,
        }),
        "CAA" => RData::CAA(CAA {
            flag: words.read()?,
            tag: string(words.word()?.as_bytes())?,
            value: Cow::Owned(quoted(value).concat()),
        }),
        "TXT" => {
            let mut text = TXT::new();
            for part in quoted(value) {
                text.add_char_string(string(&part)?);
            }
            RData::TXT(text)
        }
        _ => return Err(RCODE::NotImplemented),
    })
}

/// The words of a value, one after the other.
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, RCODE> {
        self.0.next().ok_or(RCODE::ServerFailure)
    }

    fn read<T: FromStr>(&mut self) -> Result<T, RCODE> {
        self.word()?.parse().map_err(|_| RCODE::ServerFailure)
    }

    fn name(&mut self) -> Result<Name<'static>, RCODE> {
        name(self.word()?)
    }
}

fn string(bytes: &[u8]) -> Result<CharacterString<'static>, RCODE> {
    let string = CharacterString::new(bytes).map_err(|_| RCODE::ServerFailure)?;
    Ok(string.into_owned())
}

/// What stands in quotation marks, where `\"` is one of the text and `\ooo` any byte.
fn quoted(value: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let (mut rest, mut is_inside) = (value.as_bytes(), false);
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'"', _) => {
                is_inside = !is_inside;
                if is_inside {
                    all.push(Vec::new());
                }
                (None, after)
            }
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => (Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')), after),
            (b'\\', [plain, after @ ..]) => (Some(*plain), after),
            _ => (Some(first), after),
        };
        if let (Some(byte), true, Some(last)) = (byte, is_inside, all.last_mut()) {
            last.push(byte);
        }
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_stands_in_quotation_marks() {
        let parts = quoted(r#""a b" "c\"d" "\101\\" x"#);
        assert_eq!(parts, [&b"a b"[..], b"c\"d", b"A\\"]);
        assert_eq!(quoted("none"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn every_type_is_written_or_refused_by_its_code() {
        let written = [
            ("A", "192.0.2.1"),
            ("AAAA", "2001:db8::1"),
            ("CNAME", "a.example.com"),
            ("NS", "ns.example.com."),
            ("PTR", "a.example.com."),
            ("MX", "10 mail.example.com."),
            ("SRV", "1 2 443 a.example.com."),
            (
                "SOA",
                "ns.example.com. root.example.com. 1 7200 900 1209600 86400",
            ),
            ("CAA", "0 issue \"ca.example.net\""),
            ("TXT", "\"one\" \"two\""),
        ];
        for (kind, value) in written {
            let data = data(kind, value).unwrap();
            let number = u16::from(data.type_code());
            assert_eq!(super::kind(number), Some(kind), "{value}");
        }
        for (kind, value) in [
            ("A", "x"),
            ("MX", "10"),
            ("SRV", "1 2 x a."),
            ("NS", "a..b"),
        ] {
            assert_eq!(data(kind, value), Err(RCODE::ServerFailure), "{value}");
        }
        assert_eq!(data("SSHFP", "1 1 00"), Err(RCODE::NotImplemented));
    }
}
