//! The packets of the name server, made and read by another's code.

use super::Dns;
use localcloud::model::view::RecordView;
use localcloud::wire::{Way, name_server};
use proptest::prelude::*;
use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

const ID: u16 = 0x1234;
/// Where the type of a question for `www.example.com` stands.
const KIND: usize = 12 + 17;

fn zone() -> Dns {
    let mut dns = Dns::new();
    let many: Vec<String> = (1..100).map(|last| format!("192.0.2.{last}")).collect();
    for (name, kind, values) in [
        ("www.example.com", "A", vec!["192.0.2.1".to_owned()]),
        ("many.example.com", "A", many),
        ("www.example.com", "SSHFP", vec!["1 1 00".to_owned()]),
        ("bad.example.com", "MX", vec!["none".to_owned()]),
    ] {
        dns.plant(&RecordView {
            name: name.into(),
            kind: kind.into(),
            ttl: Some(60),
            values,
            ..RecordView::default()
        });
    }
    dns
}

fn query(name: &str, kind: TYPE) -> Packet<'_> {
    let mut query = Packet::new_query(ID);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    let class = QCLASS::CLASS(CLASS::IN);
    let name = Name::new(name).unwrap();
    query
        .questions
        .push(Question::new(name, QTYPE::TYPE(kind), class, false));
    query
}

fn send(dns: &mut Dns, packet: &[u8], way: Way) -> Option<Vec<u8>> {
    name_server(&mut dns.cloud.model, packet, way, dns.cloud.now)
}

/// The code of an answer, or nothing where there is none.
fn code(dns: &mut Dns, packet: &[u8]) -> Option<RCODE> {
    let answer = send(dns, packet, Way::Datagram)?;
    assert_eq!(answer[..2], ID.to_be_bytes());
    Some(simple_dns::header_buffer::rcode(&answer).unwrap())
}

#[test]
fn an_answer_has_the_question_in_its_own_letters_and_is_an_authoritys() {
    let mut dns = zone();
    let asked = query("wWw.Example.COM", TYPE::A).build_bytes_vec().unwrap();
    let bytes = send(&mut dns, &asked, Way::Datagram).unwrap();
    let answer = Packet::parse(&bytes).unwrap();
    assert_eq!((answer.id(), answer.rcode()), (ID, RCODE::NoError));
    for flag in [
        PacketFlag::RESPONSE,
        PacketFlag::AUTHORITATIVE_ANSWER,
        PacketFlag::RECURSION_DESIRED,
    ] {
        assert!(answer.has_flags(flag), "{flag:?}");
    }
    assert!(!answer.has_flags(PacketFlag::RECURSION_AVAILABLE));
    assert_eq!(answer.questions[0].qname.to_string(), "wWw.Example.COM");
    let record = &answer.answers[0];
    assert_eq!(record.name.to_string(), "wWw.Example.COM");
    assert_eq!(record.ttl, 60);
    let RData::A(address) = &record.rdata else {
        panic!("{record:?}");
    };
    assert_eq!(
        std::net::Ipv4Addr::from(address.address).to_string(),
        "192.0.2.1"
    );
    assert!(answer.opt().is_none());
}

#[test]
fn what_is_too_long_for_a_datagram_comes_by_a_stream() {
    let mut dns = zone();
    let mut asked = query("many.example.com", TYPE::A);
    let count = |dns: &mut Dns, asked: &Packet<'_>, way| {
        let bytes = send(dns, &asked.build_bytes_vec().unwrap(), way).unwrap();
        let answer = Packet::parse(&bytes).unwrap();
        let is_cut = answer.has_flags(PacketFlag::TRUNCATION);
        (answer.answers.len(), is_cut, answer.opt().is_some())
    };
    assert_eq!(count(&mut dns, &asked, Way::Datagram), (0, true, false));
    assert_eq!(count(&mut dns, &asked, Way::Stream), (99, false, false));
    *asked.opt_mut() = Some(OPT {
        opt_codes: Vec::new(),
        udp_packet_size: 4096,
        version: 0,
    });
    // More than networks carry in one piece is not sent, whatever the client takes.
    assert_eq!(count(&mut dns, &asked, Way::Datagram), (0, true, true));
    assert_eq!(count(&mut dns, &asked, Way::Stream), (99, false, true));
}

#[test]
fn what_cannot_be_answered_has_its_code() {
    let mut dns = zone();
    let good = query("www.example.com", TYPE::A).build_bytes_vec().unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut packet = good.clone();
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        packet
    };
    let of_kind = |number: u16| with(KIND, &number.to_be_bytes());
    assert_eq!(code(&mut dns, &good), Some(RCODE::NoError));
    for (packet, wanted, why) in [
        (of_kind(65280), RCODE::NoError, "a type that nobody knows"),
        (
            of_kind(44),
            RCODE::NotImplemented,
            "a type that is not written",
        ),
        (of_kind(255), RCODE::NotImplemented, "all types"),
        (of_kind(252), RCODE::NotImplemented, "a transfer"),
        (with(KIND + 2, &[0, 3]), RCODE::Refused, "another class"),
        (with(2, &[0x28]), RCODE::NotImplemented, "an update"),
        (with(4, &[0, 0]), RCODE::FormatError, "no question"),
        (
            with(4, &[0, 2]),
            RCODE::FormatError,
            "two questions, of which one is there",
        ),
        (
            with(12, &[0xc0, 0]),
            RCODE::FormatError,
            "a name that points before itself",
        ),
        (
            with(12, &[63]),
            RCODE::FormatError,
            "a label that is longer than the packet",
        ),
        (good[..=KIND].to_vec(), RCODE::FormatError, "half a type"),
    ] {
        assert_eq!(code(&mut dns, &packet), Some(wanted), "{why}");
    }
    let bad = query("bad.example.com", TYPE::MX)
        .build_bytes_vec()
        .unwrap();
    assert_eq!(code(&mut dns, &bad), Some(RCODE::ServerFailure));
    let root = query("", TYPE::NS).build_bytes_vec().unwrap();
    assert_eq!(code(&mut dns, &root), Some(RCODE::Refused));
    for (packet, why) in [
        (with(2, &[0x80]), "an answer"),
        (good[..11].to_vec(), "less than a head"),
        (Vec::new(), "nothing"),
    ] {
        assert_eq!(code(&mut dns, &packet), None, "{why}");
    }
    assert_eq!(
        OPCODE::Update,
        simple_dns::header_buffer::opcode(&with(2, &[0x28])).unwrap()
    );
}

proptest! {
    /// Whoever sends whatever gets an answer that can be read, or none.
    #[test]
    fn any_packet_is_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        at in 0_usize..40,
        change in any::<u8>(),
    ) {
        let mut dns = zone();
        let mut near = query("many.example.com", TYPE::A).build_bytes_vec().unwrap();
        let at = at % near.len();
        near[at] = change;
        for packet in [bytes, near] {
            for way in [Way::Datagram, Way::Stream] {
                let Some(answer) = send(&mut dns, &packet, way) else {
                    continue;
                };
                prop_assert_eq!(&answer[..2], &packet[..2]);
                prop_assert!(answer[2] & 0x80 != 0);
                prop_assert!(way == Way::Stream || answer.len() <= 1232);
            }
        }
    }
}
