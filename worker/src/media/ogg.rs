//! How long a recorded note is, from the file itself: a minute that nobody will read is not paid for.

/// Opus counts so many samples a second, whatever it was recorded with (RFC 7845, section 4).
const SAMPLES_PER_SECOND: u64 = 48_000;

/// The seconds of an Opus stream in an Ogg file, by the position that its last page ends at. `None`: it is no such file, or
/// it does not tell.
#[must_use]
pub fn seconds(bytes: &[u8]) -> Option<u64> {
    let head = &bytes[..bytes.len().min(512)];
    if !head.windows(8).any(|word| word == b"OpusHead") {
        return None;
    }
    let last = bytes.windows(4).rposition(|word| word == b"OggS")?;
    let position = bytes.get(last + 6..last + 14)?.try_into().ok().map(u64::from_le_bytes)?;
    // All ones: no sound ends on this page (RFC 3533, section 6).
    (position != u64::MAX).then_some(position / SAMPLES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(position: u64, payload: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(position.to_le_bytes());
        page.extend([0; 13]);
        page.extend(payload);
        page
    }

    #[test]
    fn a_note_tells_its_length_and_nonsense_tells_nothing() {
        let note = |position| [page(0, b"OpusHead"), page(position, b"sound")].concat();
        assert_eq!(seconds(&note(48_000 * 7 + 1)), Some(7));
        assert_eq!(seconds(&note(u64::MAX)), None);
        assert_eq!(seconds(&note(0)), Some(0));
        assert_eq!(seconds(b"ID3 an mp3 about OggS"), None);
        assert_eq!(seconds(b"OpusHead OggS"), None);
        assert_eq!(seconds(b""), None);
    }
}
