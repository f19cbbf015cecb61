//! Cuts a byte stream into JSON objects: OVSDB sends them back to back, without delimiter or length.
//! It only balances braces outside strings; whether a frame is JSON is the decoder's business.

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use crate::error::Error;

/// Takes bytes as they come and remembers how far it looked: each byte is looked at once.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of `buffer` that were looked at.
    scanned: usize,
    depth: usize,
    string: Option<Text>,
}

/// Inside a string.
#[derive(Clone, Copy, Debug)]
enum Text {
    Plain,
    /// After a backslash.
    Escape,
}

/// How much is read at least.
const CHUNK: usize = 64 * 1024;
/// A buffer that grew beyond this for one message is given back with it.
const KEEP: usize = 1024 * 1024;
/// No database is this large; a peer that sends more is not one.
const LONGEST: usize = 1 << 30;

impl Framer {
    /// Room for more bytes, at the end of those that wait.
    pub fn space(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < CHUNK {
            self.buffer.reserve(CHUNK.max(self.buffer.len()));
        }
        &mut self.buffer
    }

    /// The next whole object, if it is there. After an error the stream is of no use.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, Error> {
        if self.depth == 0 {
            self.skip_space()?;
        }
        match self.scan() {
            Some(end) => Ok(Some(self.cut(end))),
            None if self.buffer.len() > LONGEST => {
                Err(Error::Protocol("a message longer than any database".to_owned()))
            }
            None => Ok(None),
        }
    }

    /// Whether the stream is between two objects.
    pub fn is_empty(&self) -> bool {
        self.depth == 0 && self.buffer.iter().all(u8::is_ascii_whitespace)
    }

    fn skip_space(&mut self) -> Result<(), Error> {
        let space = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        // Only between two frames, when nothing was scanned.
        drop(self.buffer.split_to(space));
        match self.buffer.first() {
            None | Some(b'{') => Ok(()),
            Some(other) => {
                Err(Error::Protocol(format!("byte {other:#04x} where a message should begin")))
            }
        }
    }

    /// Looks on from where it stopped; answers with the end of the object.
    fn scan(&mut self) -> Option<usize> {
        let bytes = &self.buffer[..];
        let mut at = self.scanned;
        while at < bytes.len() {
            match self.string {
                Some(Text::Escape) => {
                    self.string = Some(Text::Plain);
                    at += 1;
                }
                Some(Text::Plain) => {
                    let rest = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
                    let Some(found) = rest else { break };
                    at += found + 1;
                    self.string = (bytes[at - 1] == b'\\').then_some(Text::Escape);
                }
                None => {
                    match bytes[at] {
                        b'"' => self.string = Some(Text::Plain),
                        b'{' => self.depth += 1,
                        b'}' => self.depth -= 1,
                        _ => {}
                    }
                    at += 1;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
            }
        }
        self.scanned = bytes.len();
        None
    }

    fn cut(&mut self, end: usize) -> Bytes {
        self.scanned = 0;
        let frame = self.buffer.split_to(end).freeze();
        if end > KEEP {
            // What is left shares the frame's memory and would keep all of it.
            let mut fresh = BytesMut::with_capacity(CHUNK.max(self.buffer.len()));
            fresh.extend_from_slice(&self.buffer);
            self.buffer = fresh;
        }
        frame
    }
}
