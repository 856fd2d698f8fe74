//! A voice note that a machine can read: the frame of an Opus recording in Ogg (RFC 3533, RFC 7845) without any sound in it,
//! and the words that were "spoken" where a comment would be. Nothing plays it; everything that passes it on takes it for
//! a recording.

/// Names the comment that holds the words.
const WORDS: &str = "SPOKEN=";

/// Samples of an Opus stream in a second.
const RATE: u64 = 48_000;

/// A recording of these words, which takes so many seconds.
#[must_use]
pub fn note(words: &str, seconds: u64) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend([0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]);
    let vendor = b"\x07\0\0\0sandbox".to_vec();
    let comments = [b"OpusTags".to_vec(), vendor, 1_u32.to_le_bytes().to_vec(), spoken(words)].concat();
    // A phone's recording has some two thousand bytes a second. Here is as good as none of it.
    [page(2, 0, 0, &head), page(0, 0, 1, &comments), page(4, seconds * RATE, 2, &[0xf8, 0xff, 0xfe])].concat()
}

/// Any sound, with words behind it that a machine can read.
#[must_use]
pub fn hidden(sound: &[u8], words: &str) -> Vec<u8> {
    if words.is_empty() { sound.to_vec() } else { [sound, &spoken(words)].concat() }
}

/// The comment that holds words, behind its length.
fn spoken(words: &str) -> Vec<u8> {
    let comment = format!("{WORDS}{words}");
    let length = u32::try_from(comment.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length, comment.as_bytes()].concat()
}

/// One page. Its checksum is left out: whoever reads these words does not listen.
fn page(kind: u8, position: u64, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(kind);
    page.extend(position.to_le_bytes());
    page.extend(1_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    let mut left = payload.len();
    let mut table = Vec::new();
    while left >= 255 {
        table.push(255);
        left -= 255;
    }
    table.push(u8::try_from(left).unwrap_or_default());
    page.push(u8::try_from(table.len()).unwrap_or(u8::MAX));
    page.extend(table);
    page.extend_from_slice(payload);
    page
}

/// The words of such a recording.
#[must_use]
pub fn words(bytes: &[u8]) -> Option<String> {
    let start = bytes.windows(WORDS.len()).position(|window| window == WORDS.as_bytes())?;
    let length: [u8; 4] = bytes.get(start.checked_sub(4)?..start)?.try_into().ok()?;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(length)).ok()?)?;
    String::from_utf8(bytes.get(start + WORDS.len()..end)?.to_vec()).ok()
}

/// How long a recording is: by its last page, or, of other sound, as if it had a phone's rate.
#[must_use]
pub fn seconds(bytes: &[u8]) -> u64 {
    let last = bytes.windows(4).rposition(|window| window == b"OggS");
    let position = last.and_then(|last| bytes.get(last + 6..last + 14)?.try_into().ok());
    position.map_or(bytes.len() as u64 / 2_000, |position| u64::from_le_bytes(position) / RATE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_can_be_read_again() {
        let said = "Crée un post pour l’été 🍋, ".repeat(40);
        let note = note(&said, 12);
        assert_eq!((words(&note), seconds(&note)), (Some(said), 12));
        assert!(note.starts_with(b"OggS"));
        assert_eq!((words(b"any other sound"), seconds(b"any other sound")), (None, 1));
        let hidden = hidden(b"ID3 sound", "des mots");
        assert_eq!(words(&hidden).as_deref(), Some("des mots"));
        assert!(hidden.starts_with(b"ID3 sound"));
        assert_eq!(words(b"\xff\xff\xff\xffSPOKEN=cut"), None);
    }
}
