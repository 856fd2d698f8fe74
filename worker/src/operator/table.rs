//! Tables that people read: columns as wide as their widest cell, two spaces between.

/// Puts rows under a header. The last column is as long as it wants to be.
pub(super) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(std::array::from_fn(|place| row[place].as_str())));
    std::iter::once(line(header)).chain(body).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_line_up_whatever_they_hold() {
        let rows = [["é".to_owned(), "long cell".to_owned()], ["three".to_owned(), "x".to_owned()]];
        assert_eq!(render(["a", "b"], &rows), "a      b\né      long cell\nthree  x");
    }
}
