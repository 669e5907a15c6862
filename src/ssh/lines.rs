//! Lines from a stream of bytes, as a terminal would have shown them.

use crate::ssh::{Output, Stream};

/// Longer lines are handed over in pieces; 64 KiB is far beyond what anyone reads and keeps memory bounded.
const LONGEST: usize = 64 * 1024;

/// Collects bytes until a line is whole. A carriage return inside a line starts it anew, as progress displays do.
#[derive(Debug)]
pub struct Lines {
    stream: Stream,
    pending: Vec<u8>,
}

impl Lines {
    /// Of this stream.
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    /// Takes bytes and hands over the lines that they end.
    pub fn push(&mut self, bytes: &[u8], output: &mut dyn Output) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.pending.pop();
                self.hand_over(output);
            } else {
                self.forget_overwritten();
                self.shorten(output);
            }
        }
    }

    /// Hands over what is left of a last line without an end.
    pub fn finish(&mut self, output: &mut dyn Output) {
        if !self.pending.is_empty() {
            self.hand_over(output);
        }
    }

    fn hand_over(&mut self, output: &mut dyn Output) {
        while self.pending.last() == Some(&b'\r') {
            self.pending.pop();
        }
        self.forget_overwritten();
        output.line(self.stream, &String::from_utf8_lossy(&self.pending));
        self.pending.clear();
    }

    /// Drops what a carriage return moved back over. Those at the very end may belong to the line's end and are kept.
    fn forget_overwritten(&mut self) {
        let text = self.pending.iter().rposition(|&byte| byte != b'\r');
        let over = text.and_then(|end| self.pending[..end].iter().rposition(|&b| b == b'\r'));
        if let Some(at) = over {
            self.pending.drain(..=at);
        }
    }

    fn shorten(&mut self, output: &mut dyn Output) {
        while self.pending.len() > LONGEST {
            let mut end = LONGEST;
            // Continuation bytes of UTF-8 begin with the bits 10: a character is not cut in two.
            while end > LONGEST - 4 && self.pending[end] & 0xC0 == 0x80 {
                end -= 1;
            }
            let rest = self.pending.split_off(end);
            output.line(self.stream, &String::from_utf8_lossy(&self.pending));
            self.pending = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut output = |_: Stream, line: &str| seen.push(line.to_owned());
        let mut lines = Lines::new(Stream::Out);
        for piece in pieces {
            lines.push(piece, &mut output);
        }
        lines.finish(&mut output);
        seen
    }

    #[test]
    fn ends_and_carriage_returns() {
        assert_eq!(lines(&[b"a\nb\r\n\nc"]), ["a", "b", "", "c"]);
        assert_eq!(lines(&[b"10%\r50%\r100%\n"]), ["100%"]);
        assert_eq!(lines(&[b"10%\r", b"50%\r", b"\n"]), ["50%"]);
        assert_eq!(lines(&[b"one\r\r\ntwo"]), ["one", "two"]);
        assert_eq!(lines(&[b"one\r\r", b"\r\n\r\r\n"]), ["one", ""]);
        assert_eq!(lines(&[b""]), [""; 0]);
    }

    #[test]
    fn broken_utf8_is_shown_and_split_characters_are_joined() {
        assert_eq!(lines(&[b"gr\xc3", b"\xbc\xc3\x9f\n"]), ["grüß"]);
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_comes_in_whole_characters() {
        let seen = lines(&["ü".repeat(LONGEST).as_bytes()]);
        assert!(seen.len() >= 2);
        assert_eq!(seen.concat(), "ü".repeat(LONGEST));
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_does_not_matter(text in "[ab\r\n]{0,40}", cut in 0usize..40) {
            let cut = cut.min(text.len());
            let (left, right) = text.as_bytes().split_at(cut);
            prop_assert_eq!(lines(&[left, right]), lines(&[text.as_bytes()]));
        }
    }
}
