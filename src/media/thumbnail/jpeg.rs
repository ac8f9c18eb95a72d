//! Looks at how a JPEG is built, since that decides how much memory its decoding takes: a decoder that has to see
//! several scans before it knows a pixel keeps all coefficients.

/// Whether all of the picture is in one scan, so that it can be decoded line by line.
pub fn is_sequential(bytes: &[u8]) -> bool {
    scan(bytes).unwrap_or(false)
}

/// Walks the segments up to the first scan; `None` where they end too early.
fn scan(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    let mut components = None;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        let marker = *rest.get(at + 1)?;
        rest = rest.get(at + 2..)?;
        match marker {
            // Fill bytes, stuffed zeros and markers that stand alone.
            0xff => rest = bytes.get(bytes.len() - rest.len() - 1..)?,
            0x00 | 0x01 | 0xd0..=0xd9 => {}
            _ => {
                let length = usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
                let segment = rest.get(2..length)?;
                match marker {
                    0xc0 | 0xc1 => components = segment.get(5).copied(),
                    // Tables, not frames.
                    0xc4 | 0xc8 | 0xcc => {}
                    0xc2..=0xcf => return Some(false),
                    0xda => return Some(components.is_some() && segment.first().copied() == components),
                    _ => {}
                }
                rest = rest.get(length..)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(frame: u8, in_frame: u8, in_scan: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 6, 0xff, 0xc2, 0, 0];
        bytes.extend([0xff, frame, 0, 8, 8, 0, 1, 0, 1, in_frame]);
        bytes.extend([0xff, 0xff, 0xda, 0, 3, in_scan, 1, 2, 3]);
        bytes
    }

    #[test]
    fn one_scan_with_all_components_is_sequential() {
        assert!(is_sequential(&jpeg(0xc0, 3, 3)));
        assert!(is_sequential(&jpeg(0xc1, 1, 1)));
        assert!(!is_sequential(&jpeg(0xc0, 3, 1)));
        assert!(!is_sequential(&jpeg(0xc2, 3, 3)));
        let whole = jpeg(0xc0, 3, 3);
        for length in 0..whole.len() - 4 {
            assert!(!is_sequential(&whole[..length]), "{length}");
        }
    }
}
