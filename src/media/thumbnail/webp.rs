//! Looks at how large the pictures within a WebP are. The decoder makes room for each before it notices that it does
//! not fit into the whole.

use std::io::{self, Read, Seek};

/// A file has no more chunks than this.
const MAX_CHUNKS: u32 = 20_000;
/// What stands in an animation's frame before its own chunks, bytes.
const FRAME_HEAD: i64 = 16;

/// The pixels of the largest lossy picture in the file, as its own head tells; `None` if there are too many chunks.
pub fn largest_frame(mut file: impl Read + Seek) -> io::Result<Option<u64>> {
    file.seek(io::SeekFrom::Start(12))?;
    let mut largest = 0;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        if file.read_exact(&mut head).is_err() {
            return Ok(Some(largest));
        }
        let length = i64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        let mut rest = length + length % 2;
        match &head[..4] {
            b"VP8 " => {
                let mut picture = [0; 10];
                if file.read_exact(&mut picture).is_err() {
                    return Ok(Some(largest));
                }
                let side = |low, high| u64::from(u16::from_le_bytes([low, high]) & 0x3fff);
                largest = largest.max(side(picture[6], picture[7]) * side(picture[8], picture[9]));
                rest -= picture.len() as i64;
            }
            // Its chunks come next.
            b"ANMF" => rest = FRAME_HEAD,
            _ => {}
        }
        file.seek_relative(rest)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
        [name, &(data.len() as u32).to_le_bytes(), data, &vec![0; data.len() % 2]].concat()
    }

    fn picture(width: u16, height: u16) -> Vec<u8> {
        let head = [[0, 0, 0, 0x9d, 0x01, 0x2a].to_vec(), width.to_le_bytes().into(), height.to_le_bytes().into()];
        chunk(b"VP8 ", &[head.concat(), vec![0; 5]].concat())
    }

    fn file(chunks: &[Vec<u8>]) -> Cursor<Vec<u8>> {
        Cursor::new([b"RIFF\0\0\0\0WEBP".to_vec(), chunks.concat()].concat())
    }

    #[test]
    fn the_largest_is_found_wherever_it_is() {
        let frame =
            |width, height| chunk(b"ANMF", &[vec![0; 16], chunk(b"ALPH", &[1; 7]), picture(width, height)].concat());
        let found = |chunks: &[Vec<u8>]| largest_frame(file(chunks)).unwrap();
        assert_eq!(found(&[picture(30, 20)]), Some(600));
        assert_eq!(
            found(&[chunk(b"VP8X", &[0; 10]), frame(3, 3), frame(16_383, 16_383), frame(2, 2)]),
            Some(268_402_689)
        );
        assert_eq!(found(&[chunk(b"VP8L", &[9; 20])]), Some(0));
        assert_eq!(found(&vec![chunk(b"XMP ", b""); MAX_CHUNKS as usize + 1]), None);
        // Whatever its end is, there is an answer.
        let whole = file(&[chunk(b"VP8X", &[0; 10]), frame(3, 3)]).into_inner();
        for length in 0..whole.len() {
            largest_frame(Cursor::new(&whole[..length])).unwrap();
        }
        largest_frame(file(&[chunk(b"VP8 ", &[]), b"VP8 \xff\xff\xff\xff".to_vec()])).unwrap();
    }
}
