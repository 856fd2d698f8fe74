//! A form with one file, as an API takes it (RFC 7578). By hand: one file and a few words that we chose ourselves need no library.

/// The file of a form. Its name and type are ours: nobody else's words stand in a header.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub mime_type: &'a str,
    /// It.
    pub bytes: &'a [u8],
}

/// The type of a multipart body, and the body: fields, then the file.
#[must_use]
pub fn form(fields: &[(&str, &str)], file: Upload<'_>) -> (String, Vec<u8>) {
    // No file holds it but by a chance of one in 2^128.
    let boundary = format!("postly-{:032x}", rand::random::<u128>());
    let mut body = Vec::with_capacity(file.bytes.len() + 1024);
    for (name, value) in fields {
        let part =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        file.name, file.mime_type
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_fields_and_its_file() {
        let bytes = [0, 255, 13, 10];
        let file = Upload { name: "voice.ogg", mime_type: "audio/ogg", bytes: &bytes };
        let (kind, body) = form(&[("model", "gpt-transcribe")], file);
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.starts_with(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-transcribe\r\n"
        )));
        assert!(text.contains("filename=\"voice.ogg\"\r\nContent-Type: audio/ogg\r\n\r\n"), "{text}");
        assert!(body.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
        assert!(body.windows(4).any(|window| window == bytes));
    }
}
