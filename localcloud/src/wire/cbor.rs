//! `CloudWatch`'s CBOR ("Smithy RPC v2 CBOR protocol"): the operation stands in the path, parameters and answer are maps.

use super::HttpRequest;
use crate::model::{Fault, Params, Request, Service, Tree};
use jiff::{SignedDuration, Timestamp};
use minicbor::{
    Decoder, Encoder,
    data::{Tag, Type},
};
use std::collections::BTreeMap;

pub(super) const TYPE: &str = "application/cbor";
pub(super) const MARK: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");
const PATH: &str = "/service/GraniteServiceVersion20100801/operation/";
/// Seconds since 1970 (RFC 8949, 3.4.2).
const EPOCH: u64 = 1;
/// Deeper than any parameter of AWS; keeps a hostile body from exhausting the stack.
const DEEPEST: usize = 16;

/// The operation of a request that speaks this protocol.
pub(super) fn operation(http: &HttpRequest) -> Option<&str> {
    let (name, value) = MARK;
    http.header(name).filter(|header| *header == value)?;
    http.path.split('?').next()?.strip_prefix(PATH)
}

pub(super) fn request(http: &HttpRequest) -> Result<Request, Fault> {
    let malformed = |why: String| Fault::new("SerializationException", why);
    let params = if http.body.is_empty() {
        None
    } else {
        let mut decoder = Decoder::new(&http.body);
        read(&mut decoder, 0).map_err(|error| malformed(error.to_string()))?
    };
    let none = Params::Map(BTreeMap::new());
    Ok(Request {
        service: Service::CloudWatch,
        action: operation(http).unwrap_or_default().into(),
        params: params.unwrap_or(none),
    })
}

/// Reads one value; nothing for a null.
fn read(from: &mut Decoder<'_>, depth: usize) -> Result<Option<Params>, minicbor::decode::Error> {
    if depth > DEEPEST {
        return Err(minicbor::decode::Error::message("the body is too deep"));
    }
    let text = match from.datatype()? {
        Type::Null | Type::Undefined => {
            from.skip()?;
            return Ok(None);
        }
        Type::Bool => from.bool()?.to_string(),
        Type::F16 => from.f16()?.to_string(),
        Type::F32 => from.f32()?.to_string(),
        Type::F64 => from.f64()?.to_string(),
        Type::String => from.str()?.to_owned(),
        Type::StringIndef => from.str_iter()?.collect::<Result<String, _>>()?,
        Type::Tag => return time(from).map(Some),
        Type::Array | Type::ArrayIndef => return list(from, depth).map(Some),
        Type::Map | Type::MapIndef => return map(from, depth).map(Some),
        _ => from.int()?.to_string(),
    };
    Ok(Some(Params::Text(text)))
}

fn time(from: &mut Decoder<'_>) -> Result<Params, minicbor::decode::Error> {
    let unknown = || minicbor::decode::Error::message("a tag that is no time");
    if from.tag()? != Tag::new(EPOCH) {
        return Err(unknown());
    }
    let at = match from.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => {
            let seconds = from.f64()?;
            let duration = SignedDuration::try_from_secs_f64(seconds).map_err(|_| unknown())?;
            Timestamp::UNIX_EPOCH.checked_add(duration)
        }
        _ => Timestamp::from_second(from.i64()?),
    };
    Ok(Params::Text(at.map_err(|_| unknown())?.to_string()))
}

fn list(from: &mut Decoder<'_>, depth: usize) -> Result<Params, minicbor::decode::Error> {
    let (mut left, mut entries) = (from.array()?, Vec::new());
    while more(from, &mut left)? {
        entries.extend(read(from, depth + 1)?);
    }
    Ok(Params::List(entries))
}

fn map(from: &mut Decoder<'_>, depth: usize) -> Result<Params, minicbor::decode::Error> {
    let (mut left, mut fields) = (from.map()?, BTreeMap::new());
    while more(from, &mut left)? {
        let name = from.str()?.to_owned();
        if let Some(value) = read(from, depth + 1)? {
            fields.insert(name, value);
        }
    }
    Ok(Params::Map(fields))
}

/// Whether there is another entry: by the number that was said at the start, or by the mark at the end.
fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, minicbor::decode::Error> {
    if let Some(left) = left {
        let more = *left > 0;
        *left = left.saturating_sub(1);
        return Ok(more);
    }
    let end = from.datatype()? == Type::Break;
    if end {
        from.skip()?;
    }
    Ok(!end)
}

pub(super) fn answer(tree: &Tree) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let Ok(()) = write(&mut encoder, tree);
    encoder.into_writer()
}

pub(super) fn fault(fault: &Fault) -> Vec<u8> {
    let code = format!("com.amazonaws.cloudwatch#{}", fault.code);
    answer(
        &Tree::new()
            .put("__type", code)
            .put("message", &fault.message),
    )
}

/// Writing into memory does not fail.
fn write(to: &mut Encoder<Vec<u8>>, tree: &Tree) -> Result<(), std::convert::Infallible> {
    let size = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let wrote = match tree {
        Tree::Text(text) => to.str(text),
        Tree::Int(number) => to.i64(*number),
        Tree::Real(number) => to.f64(number.0),
        Tree::Bool(flag) => to.bool(*flag),
        Tree::Time(at) => to
            .tag(Tag::new(EPOCH))
            .and_then(|to| to.f64(at.as_duration().as_secs_f64())),
        Tree::List(list) => to.array(size(list.len())),
        Tree::Map(fields) => to.map(size(fields.len())),
    };
    drop(wrote);
    match tree {
        Tree::List(list) => list.iter().try_for_each(|entry| write(to, entry)),
        Tree::Map(fields) => fields.iter().try_for_each(|(name, value)| {
            drop(to.str(name));
            write(to, value)
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(body: Vec<u8>) -> HttpRequest {
        HttpRequest {
            path: format!("{PATH}DescribeAlarms"),
            headers: vec![(MARK.0.into(), MARK.1.into())],
            body,
            ..HttpRequest::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let tree = Tree::new()
            .put("Text", "é")
            .put("Whole", -7_i64)
            .put("Part", 0.5)
            .put("Flag", true)
            .put(
                "Time",
                Tree::Time(Timestamp::from_second(1_790_000_000).unwrap()),
            )
            .put("List", vec![Tree::from("a"), Tree::new().put("B", 2_i64)]);
        let read = request(&http(answer(&tree))).unwrap();
        assert_eq!(read.action, "DescribeAlarms");
        let Params::Map(map) = read.params else {
            panic!("a map")
        };
        let text = |text: &str| Params::Text(text.into());
        assert_eq!(map["Text"], text("é"));
        assert_eq!(map["Whole"], text("-7"));
        assert_eq!(map["Part"], text("0.5"));
        assert_eq!(map["Flag"], text("true"));
        assert_eq!(map["Time"], text("2026-09-21T14:13:20Z"));
        let inner = Params::Map([("B".to_owned(), text("2"))].into());
        assert_eq!(map["List"], Params::List(vec![text("a"), inner]));
    }

    #[test]
    fn lengths_that_are_not_said_and_nulls_are_read() {
        // {_ "A": null, "B": [_ "x"]}
        let body = b"\xbfaA\xf6aB\x9fax\xff\xff".to_vec();
        let list = Params::List(vec![Params::Text("x".into())]);
        assert_eq!(
            request(&http(body)).unwrap().params,
            Params::Map([("B".to_owned(), list)].into())
        );
    }

    #[test]
    fn what_is_no_cbor_is_refused() {
        let deep = vec![0x81; 100_000];
        for body in [b"{}".to_vec(), vec![0xa1], vec![0xff], deep, vec![0xbb; 9]] {
            assert_eq!(
                request(&http(body)).unwrap_err().code,
                "SerializationException"
            );
        }
    }
}
