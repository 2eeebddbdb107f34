//! Is the journal whole? Follows the chain through all segments, and judges what comes after its last good record.

use std::path::{Path, PathBuf};

use super::{
    JournalError,
    format::{self, HEADER, Header, HeaderError, Link},
    segment,
};

/// A whole journal, up to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The journal's random name.
    pub journal: u64,
    pub next_seq: u64,
    pub link: Link,
    /// The segment that the next record belongs to, and where in it.
    pub number: u32,
    pub offset: u64,
    pub torn: Option<Torn>,
    /// Segments that were prepared and never used.
    pub unused: Vec<PathBuf>,
}

/// Bytes after the last whole record: a record that a crash interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub path: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// Checks the journal in `dir` and changes nothing; `None` if there is none.
pub fn check(dir: &Path) -> Result<Option<Checked>, JournalError> {
    let mut chain = Chain::default();
    for number in segment::list(dir)? {
        let path = segment::path_of(dir, number);
        let bytes = std::fs::read(&path).map_err(segment::io_error(&path, "read"))?;
        chain.follow(number, path, &bytes)?;
    }
    Ok(chain.checked)
}

/// The chain so far. Segments are given one after the other.
#[derive(Default)]
struct Chain {
    checked: Option<Checked>,
    segments: u32,
}

impl Chain {
    fn follow(&mut self, number: u32, path: PathBuf, bytes: &[u8]) -> Result<(), JournalError> {
        self.segments += 1;
        let seq = self.checked.as_ref().map_or(0, |checked| checked.next_seq);
        let corrupt = |what| Err(JournalError::Corrupt { path: path.clone(), offset: 0, seq, what });
        if number != self.segments {
            return corrupt("the segment before this one is missing");
        }
        match format::decode_header(bytes) {
            Ok(header) => self.follow_records(number, &header, path, bytes),
            Err(HeaderError::Version(found)) => Err(JournalError::Version { path, found }),
            // A header that a crash interrupted has no records after it.
            Err(HeaderError::Blank | HeaderError::Damaged) => {
                if !format::is_zero(bytes) && format::find_later(bytes, seq).is_some() {
                    return corrupt("the segment's header is damaged");
                }
                if let Some(checked) = &mut self.checked {
                    checked.unused.push(path);
                }
                Ok(())
            }
        }
    }

    fn follow_records(
        &mut self,
        number: u32,
        header: &Header,
        path: PathBuf,
        bytes: &[u8],
    ) -> Result<(), JournalError> {
        let (seq, link, journal) = match &self.checked {
            None => (0, Link::START, header.journal),
            Some(before) => {
                before.continues()?;
                (before.next_seq, before.link, before.journal)
            }
        };
        if *header != (Header { number, journal, first_seq: seq, link }) || (self.checked.is_none() && number != 1) {
            let what = "the segment does not continue the one before it";
            return Err(JournalError::Corrupt { path, offset: 0, seq, what });
        }
        let (mut seq, mut link, mut offset) = (seq, link, HEADER);
        while let Some(raw) = format::decode(&bytes[offset..])
            && (raw.seq, raw.before) == (seq, link)
        {
            (seq, link, offset) = (seq + 1, raw.link, offset + raw.size);
        }
        let rest = &bytes[offset..];
        let mut torn = None;
        if !format::is_zero(rest) {
            if format::find_later(rest, seq).is_some() {
                let what = "a record is damaged or missing, and later ones are there";
                return Err(JournalError::Corrupt { path, offset: offset as u64, seq, what });
            }
            torn = Some(Torn { path, offset: offset as u64, bytes: rest.len() as u64 });
        }
        let offset = offset as u64;
        self.checked = Some(Checked { journal, next_seq: seq, link, number, offset, torn, unused: Vec::new() });
        Ok(())
    }
}

impl Checked {
    /// Fails unless another segment may follow: this one must end cleanly and be used, which only the last need not.
    fn continues(&self) -> Result<(), JournalError> {
        let corrupt = |path: &Path, offset, what| {
            Err(JournalError::Corrupt { path: path.to_owned(), offset, seq: self.next_seq, what })
        };
        match (&self.torn, self.unused.first()) {
            (Some(torn), _) => corrupt(&torn.path, torn.offset, "a record is damaged, and later segments are there"),
            (None, Some(path)) => corrupt(path, 0, "a segment is empty, and later ones are there"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Nanos, TokenId},
        journal::{Record, format::RECORD_MAX},
    };

    const SIZE: usize = 1_024;

    /// Segment, from, to.
    type Place = (usize, usize, usize);

    /// A journal in memory: segments, and where each record is.
    fn journal(records: u64) -> (Vec<Vec<u8>>, Vec<Place>) {
        let (mut segments, mut places) = (vec![], vec![]);
        let (mut link, mut buffer, mut offset) = (Link::START, [0; RECORD_MAX], SIZE);
        for seq in 0..records {
            let text = "text ".repeat(seq as usize % 7 + 1);
            let record = Record::Token { id: TokenId(seq as u32), text: &text };
            let (size, next) = format::encode(&mut buffer, link, seq, Nanos(seq), &record).expect("short");
            if SIZE - offset < size {
                let header = Header { number: segments.len() as u32 + 1, journal: 9, first_seq: seq, link };
                segments.push(vec![0; SIZE]);
                segments.last_mut().expect("one")[..HEADER].copy_from_slice(&format::encode_header(&header));
                offset = HEADER;
            }
            let index = segments.len() - 1;
            segments[index][offset..offset + size].copy_from_slice(&buffer[..size]);
            places.push((index, offset, offset + size));
            (link, offset) = (next, offset + size);
        }
        (segments, places)
    }

    /// Returns how many records a check finds; `None` if it refuses.
    fn records(segments: &[Vec<u8>]) -> Option<u64> {
        let mut chain = Chain::default();
        for (index, bytes) in segments.iter().enumerate() {
            chain.follow(index as u32 + 1, PathBuf::from(format!("{index}")), bytes).ok()?;
        }
        Some(chain.checked.map_or(0, |checked| checked.next_seq))
    }

    #[test]
    fn a_cut_at_any_byte_leaves_the_whole_records_before_it_or_is_refused() {
        let (segments, places) = journal(40);
        assert!(segments.len() > 2 && records(&segments) == Some(40));
        for cut_in in 0..segments.len() {
            for cut in 0..SIZE {
                let mut segments = segments.clone();
                segments[cut_in].truncate(cut);
                let lost = places.iter().filter(|place| place.0 == cut_in && cut < place.2).count();
                let last = cut_in == segments.len() - 1;
                let expected = match (last, lost) {
                    (true, lost) => Some(40 - lost as u64),
                    (false, 0) => Some(40),
                    (false, _) => None,
                };
                assert_eq!(records(&segments), expected, "segment {cut_in} cut at {cut}");
                // The same, with a prepared segment after it.
                segments.push(vec![0; SIZE]);
                assert_eq!(records(&segments), expected, "segment {cut_in} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_flip_of_any_bit_costs_the_last_record_at_most_or_is_refused() {
        let (segments, places) = journal(20);
        let (last, last_from, last_to) = places[19];
        for flipped_in in 0..segments.len() {
            for bit in 0..SIZE * 8 {
                let mut segments = segments.clone();
                segments[flipped_in][bit / 8] ^= 1 << (bit % 8);
                let expected = match bit / 8 {
                    byte if flipped_in == last && last_to <= byte => Some(20),
                    byte if flipped_in == last && last_from <= byte => Some(19),
                    _ => None,
                };
                assert_eq!(records(&segments), expected, "segment {flipped_in}, bit {bit}");
            }
        }
    }

    #[test]
    fn records_that_were_moved_or_left_out_are_refused() {
        let (segments, places) = journal(40);
        let (index, from, to) = places[1];
        let mut without = segments.clone();
        without[index].drain(from..to);
        assert_eq!(records(&without), None, "record 1 left out");
        let mut swapped = segments.clone();
        let third = places[2];
        let (second_bytes, third_bytes) =
            (segments[index][from..to].to_vec(), segments[index][third.1..third.2].to_vec());
        let swapped_bytes = [third_bytes, second_bytes].concat();
        swapped[index][from..from + swapped_bytes.len()].copy_from_slice(&swapped_bytes);
        assert_eq!(records(&swapped), None, "records 1 and 2 swapped");
        let mut exchanged = segments.clone();
        exchanged.swap(0, 1);
        assert_eq!(records(&exchanged), None, "segments exchanged");
        let mut blanked = segments.clone();
        blanked[1].fill(0);
        assert_eq!(records(&blanked), None, "a segment lost its contents");
    }
}
