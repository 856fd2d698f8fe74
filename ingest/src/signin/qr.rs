//! A QR code as a picture that a page can show as it is: black on white whatever the page's colours are, since phones read
//! nothing else well.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The white around it (ISO/IEC 18004: four modules).
const QUIET: usize = 4;

/// The code of a text, as SVG. `None`: it is longer than any code.
pub(super) fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let size = width + 2 * QUIET;
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(width).enumerate() {
        let mut place = 0;
        for run in modules.chunk_by(|one, next| one == next) {
            if run[0] == Color::Dark {
                let (x, y, length) = (place + QUIET, row + QUIET, run.len());
                let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
            }
            place += run.len();
        }
    }
    Some(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>"##
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_the_three_corners_that_phones_look_for() {
        let text = "https://wa.me/33199001234?text=Connexion%20Postly%20%3A%20postly-0123456789abcdef0123456789abcdef";
        let svg = svg(text).unwrap();
        assert!(svg.len() < 20_000, "{}", svg.len());
        // The upper edges of two corners, and the lower edge of the third.
        let size: usize =
            svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let far = size - QUIET - 7;
        for edge in ["M4 4h7".to_owned(), format!("M{far} 4h7"), format!("M4 {}h7", size - QUIET - 1)] {
            assert!(svg.contains(&edge), "{edge} is not in {svg}");
        }
        assert!(super::svg(&"x".repeat(10_000)).is_none());
    }
}
