//! Standard output, and numbers as people read them.

use std::io::{ErrorKind, Write};

use crate::Failure;

/// Writes to standard output. A reader that has seen enough (`mnetc list | head -1`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::input(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON document to standard output.
pub(crate) fn json(document: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{document}\n"))
}

/// A heading and facts under it, a line each.
pub(crate) fn facts(heading: &str, facts: &[(&str, String)]) -> String {
    let lines = facts.iter().map(|(what, value)| format!("  {what:<12}{value}\n"));
    format!("{heading}\n{}", lines.collect::<String>())
}

/// `4,210,088`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `568.74 M`; below a hundred thousand all digits.
pub(crate) fn millions(number: u64) -> String {
    if number < 100_000 {
        return grouped(number);
    }
    let hundredths = (number + 5_000) / 10_000;
    format!("{}.{:02} M", grouped(hundredths / 100), hundredths % 100)
}

/// Bytes in the unit that gives one to four digits before the point: `73.1 KiB`, `1.20 MiB`.
pub(crate) fn bytes(bytes: usize) -> String {
    let kib = bytes as f64 / 1024.0;
    match kib {
        _ if bytes < 1024 => format!("{bytes} B"),
        _ if kib < 10.0 => format!("{kib:.2} KiB"),
        _ if kib < 1000.0 => format!("{kib:.1} KiB"),
        _ => format!("{:.2} MiB", kib / 1024.0),
    }
}

/// `12.3 %` of a whole; nothing where there is none.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => String::new(),
        _ => format!("{:.1} %", part as f64 / whole as f64 * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (4_210_088, "4,210,088")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(millions(568_740_352), "568.74 M");
        assert_eq!(millions(4_867_293_184), "4,867.29 M");
        assert_eq!(millions(13_999_999), "14.00 M");
        assert_eq!(millions(18_512), "18,512");
        for (number, text) in [(12, "12 B"), (1024, "1.00 KiB"), (74_880, "73.1 KiB"), (1 << 20, "1.00 MiB")]
        {
            assert_eq!(bytes(number), text);
        }
        assert_eq!([share(1, 8), share(0, 8), share(1, 0)], ["12.5 %", "", ""]);
    }
}
