//! What an entry of a zip holds, made in one step: what is packed and the room for it both lie in memory,
//! so nothing is kept of it in between. Half of what small parts cost was making an inflater for each.
use std::cell::RefCell;
use std::io::{Error, ErrorKind, Result};

use flate2::{Decompress, FlushDecompress, Status};

thread_local! {
    /// Used again for each entry that the thread unpacks.
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// No deflated content is longer than this times what it is packed in.
const DEFLATE_RATIO: usize = 1032;

/// What an entry says of its content.
pub(super) struct Declared {
    pub(super) size: usize,
    pub(super) crc: u32,
}

impl Declared {
    /// Inflates raw deflate (RFC 1951). Never more than is declared, and no room for more than the packed
    /// bytes can hold: what is declared may lie.
    ///
    /// # Errors
    /// Packed bytes that are damaged or hold something else than is declared.
    pub(super) fn inflate(&self, packed: &[u8]) -> Result<Vec<u8>> {
        let most = packed.len().saturating_mul(DEFLATE_RATIO).saturating_add(64);
        // One byte more shows that there is more.
        let mut bytes = Vec::with_capacity(self.size.min(most).saturating_add(1));
        let status = INFLATER.with_borrow_mut(|inflater| {
            inflater.reset(false);
            inflater.decompress_vec(packed, &mut bytes, FlushDecompress::Finish)
        });
        match status {
            Err(_) => Err(wrong("corrupt deflate stream")),
            Ok(Status::StreamEnd) => self.check(bytes),
            Ok(Status::Ok | Status::BufError) if bytes.len() > self.size => Err(other_length()),
            Ok(Status::Ok | Status::BufError) => Err(wrong("the deflate stream has no end")),
        }
    }

    /// Holds content against what is declared of it.
    ///
    /// # Errors
    /// Another length, another checksum.
    pub(super) fn check(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if bytes.len() != self.size {
            return Err(other_length());
        }
        if crc32fast::hash(&bytes) != self.crc {
            return Err(wrong("the content has another checksum than declared"));
        }
        Ok(bytes)
    }
}

fn other_length() -> Error {
    wrong("the content is longer or shorter than declared")
}

fn wrong(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> (Vec<u8>, Declared) {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        let declared = Declared { size: bytes.len(), crc: crc32fast::hash(bytes) };
        (encoder.finish().expect("memory"), declared)
    }

    fn long() -> Vec<u8> {
        (0..200_000u32).flat_map(|n| (n % 977).to_string().into_bytes()).collect()
    }

    #[test]
    fn what_was_packed_comes_out() {
        for bytes in [Vec::new(), b"a".to_vec(), vec![0; 5_000_000], long()] {
            let (packed, declared) = packed(&bytes);
            assert!(declared.inflate(&packed).expect("whole") == bytes);
        }
    }

    #[test]
    fn the_next_one_comes_out_after_one_that_is_broken() {
        let (packed, declared) = packed(&long());
        for cut in [0, 1, 7, packed.len() / 2, packed.len() - 1] {
            let error = declared.inflate(&packed[..cut]).expect_err("cut");
            assert_eq!(error.to_string(), "the deflate stream has no end", "{cut}");
            assert!(declared.inflate(&packed).is_ok());
        }
        let error = declared.inflate(b"\xFF\xFF\xFF").expect_err("no deflate");
        assert_eq!(error.to_string(), "corrupt deflate stream");
        assert!(declared.inflate(&packed).is_ok());
    }

    #[test]
    fn declarations_are_held() {
        let (packed, Declared { size, crc }) = packed(&long());
        let said =
            |size, crc| Declared { size, crc }.inflate(&packed).expect_err("a lie").to_string();
        for wrong in [0, 1, size - 1, size + 1, usize::MAX] {
            assert_eq!(said(wrong, crc), "the content is longer or shorter than declared");
        }
        assert_eq!(said(size, crc ^ 1), "the content has another checksum than declared");
    }
}
