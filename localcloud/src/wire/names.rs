//! The packets of DNS (RFC 1035, with the sizes of RFC 6891) in front of the zones of Route 53.

use super::records;
use crate::model::{Asked, Code, Given, Model, Said, read};
use jiff::Timestamp;
use simple_dns::rdata::OPT;
use simple_dns::{
    CLASS, Label, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord,
    TYPE, header_buffer,
};

/// How a packet came, and goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Datagram,
    Stream,
}

/// Length of a packet's head.
const HEAD: usize = 12;
/// The longest datagram that everyone takes, and the longest that no network cuts in two.
const DATAGRAM: (u16, u16) = (512, 1232);
/// A type that the library knows. It reads no question of a type that it does not know, so every one is read as one for this,
/// and written back as what it was.
const KNOWN: TYPE = TYPE::A;

/// Answers one packet; nothing where nobody waits for an answer.
pub fn name_server(model: &mut Model, packet: &[u8], way: Way, now: Timestamp) -> Option<Vec<u8>> {
    let is_answer = header_buffer::has_flags(packet, PacketFlag::RESPONSE);
    if packet.len() < HEAD || is_answer.unwrap_or(true) {
        return None;
    }
    let id = header_buffer::id(packet).ok()?;
    let query = match Query::read(packet) {
        Ok(query) => query,
        Err(code) => return bare(id, code).build_bytes_vec().ok(),
    };
    let said = query.said(model, now);
    let answer = query.answer(&said).or_else(|code| query.reply(code));
    let answer = answer.ok()?;
    if way == Way::Datagram && answer.len() > query.room {
        return query.cut().ok();
    }
    Some(answer)
}

/// An answer that has but a code.
fn bare<'a>(id: u16, code: RCODE) -> Packet<'a> {
    let mut reply = Packet::new_reply(id);
    *reply.rcode_mut() = code;
    reply
}

/// One question.
struct Query {
    id: u16,
    wants_recursion: bool,
    /// How long a datagram may be.
    room: usize,
    has_opt: bool,
    /// Of the name, in the letters in which it was asked for.
    labels: Vec<Vec<u8>>,
    kind: u16,
}

impl Query {
    fn read(packet: &[u8]) -> Result<Self, RCODE> {
        if header_buffer::opcode(packet) != Ok(OPCODE::StandardQuery) {
            return Err(RCODE::NotImplemented);
        }
        let wrong = || RCODE::FormatError;
        let place = place_of_kind(packet).ok_or_else(wrong)?;
        let mut known = packet.to_vec();
        let kind = known.get_mut(place..place + 2).ok_or_else(wrong)?;
        let asked = u16::from_be_bytes([kind[0], kind[1]]);
        kind.copy_from_slice(&u16::from(KNOWN).to_be_bytes());
        let query = Packet::parse(&known).map_err(|_| wrong())?;
        let [question] = query.questions.as_slice() else {
            return Err(wrong());
        };
        if !matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY) {
            return Err(RCODE::Refused);
        }
        let takes = query.opt().map_or(0, |opt| opt.udp_packet_size);
        Ok(Self {
            id: query.id(),
            wants_recursion: query.has_flags(PacketFlag::RECURSION_DESIRED),
            room: takes.clamp(DATAGRAM.0, DATAGRAM.1).into(),
            has_opt: query.opt().is_some(),
            labels: question.qname.as_bytes().map(<[u8]>::to_vec).collect(),
            kind: asked,
        })
    }

    fn name(&self) -> Option<String> {
        read(self.labels.iter().map(Vec::as_slice))
    }

    fn said(&self, model: &mut Model, now: Timestamp) -> Said {
        let kind = records::kind(self.kind).unwrap_or_default();
        match self.name() {
            Some(name) => model.ask(Asked { name: &name, kind }, now),
            None => Said {
                code: Code::Refused,
                ..Said::default()
            },
        }
    }

    fn head(&self, code: RCODE) -> Packet<'_> {
        let mut reply = bare(self.id, code);
        if self.wants_recursion {
            reply.set_flags(PacketFlag::RECURSION_DESIRED);
        }
        let class = QCLASS::CLASS(CLASS::IN);
        let question = Question::new(self.own_name(), QTYPE::TYPE(KNOWN), class, false);
        reply.questions.push(question);
        if self.has_opt {
            *reply.opt_mut() = Some(OPT {
                opt_codes: Vec::new(),
                udp_packet_size: DATAGRAM.1,
                version: 0,
            });
        }
        reply
    }

    fn own_name(&self) -> Name<'_> {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels
            .map(|label| Label::new_unchecked(&label[..]))
            .collect();
        Name::new_with_labels(&labels)
    }

    fn answer(&self, said: &Said) -> Result<Vec<u8>, RCODE> {
        if records::is_of_many(self.kind) {
            return Err(RCODE::NotImplemented);
        }
        let mut reply = self.head(match said.code {
            Code::Found => RCODE::NoError,
            Code::NoName => RCODE::NameError,
            Code::Refused => RCODE::Refused,
        });
        if said.is_authority {
            reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        }
        reply.answers = self.records(&said.answers)?;
        reply.name_servers = self.records(&said.authority)?;
        self.bytes(&reply)
    }

    fn records(&self, given: &[Given]) -> Result<Vec<ResourceRecord<'_>>, RCODE> {
        let own = self.name();
        let record = |given: &Given| {
            let is_own = own.as_ref() == Some(&given.name);
            let name = if is_own {
                self.own_name()
            } else {
                records::name(&given.name)?
            };
            let data = records::data(&given.kind, &given.value)?;
            Ok(ResourceRecord::new(name, CLASS::IN, given.ttl, data))
        };
        given.iter().map(record).collect()
    }

    /// An answer with the question and a code alone.
    fn reply(&self, code: RCODE) -> Result<Vec<u8>, RCODE> {
        self.bytes(&self.head(code))
    }

    /// What tells that the whole answer can be had by a stream.
    fn cut(&self) -> Result<Vec<u8>, RCODE> {
        let mut reply = self.head(RCODE::NoError);
        reply.set_flags(PacketFlag::TRUNCATION);
        self.bytes(&reply)
    }

    fn bytes(&self, reply: &Packet<'_>) -> Result<Vec<u8>, RCODE> {
        let failed = || RCODE::ServerFailure;
        let mut bytes = reply.build_bytes_vec_compressed().map_err(|_| failed())?;
        let place = place_of_kind(&bytes).ok_or_else(failed)?;
        let kind = bytes.get_mut(place..place + 2).ok_or_else(failed)?;
        kind.copy_from_slice(&self.kind.to_be_bytes());
        Ok(bytes)
    }
}

/// Where the type of the first question stands: behind its name, which has nothing before it that it could point to.
fn place_of_kind(packet: &[u8]) -> Option<usize> {
    let mut at = HEAD;
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length @ 1..64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}
