//! Pictures of every kind that is read, and broken ones.

use image::{
    Delay, DynamicImage, Frame, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder, webp::WebPEncoder},
};

/// Red grows to the right, green downwards.
pub fn gradient(width: u32, height: u32) -> DynamicImage {
    let colour = |x: u32, of: u32| (x * 255 / of.max(1)) as u8;
    RgbImage::from_fn(width, height, |x, y| Rgb([colour(x, width), colour(y, height), 90])).into()
}

pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG whose EXIF data says how it is to be turned.
pub fn turned_jpeg(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    // Little-endian TIFF with one entry: tag 0x0112, a short.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif).unwrap();
    image.write_with_encoder(encoder).unwrap();
    bytes
}

/// One colour a frame.
pub fn frames(width: u32, height: u32, count: u8) -> Vec<RgbaImage> {
    (0..count).map(|n| RgbaImage::from_pixel(width, height, Rgba([n * 40, 200 - n * 40, 0, 255]))).collect()
}

pub fn gif(frames: Vec<RgbaImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for frame in frames {
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(120, 1))).unwrap();
    }
    drop(encoder);
    bytes
}

/// An animated WebP, put together from lossless pictures.
pub fn moving_webp(frames: &[RgbaImage]) -> Vec<u8> {
    let less_one = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let size = |frame: &RgbaImage| [less_one(frame.width()), less_one(frame.height())].concat();
    let head = [vec![0b0001_0010, 0, 0, 0], size(&frames[0])].concat();
    let mut body = [b"WEBP".to_vec(), chunk(b"VP8X", &head), chunk(b"ANIM", &[0; 6])].concat();
    for frame in frames {
        let mut still = Vec::new();
        frame.write_with_encoder(WebPEncoder::new_lossless(&mut still)).unwrap();
        // Behind the head of the file comes the one chunk with the picture.
        let parts = [vec![0; 6], size(frame), vec![120, 0, 0, 0], still[12..].to_vec()];
        body.extend(chunk(b"ANMF", &parts.concat()));
    }
    chunk(b"RIFF", &body)
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = vec![0; data.len() % 2];
    [name.to_vec(), (data.len() as u32).to_le_bytes().to_vec(), data.to_vec(), padding].concat()
}

/// An animated PNG, put together from still ones.
pub fn moving_png(frames: &[RgbaImage]) -> Vec<u8> {
    let stills: Vec<_> = frames.iter().map(|frame| encoded(&frame.clone().into(), ImageFormat::Png)).collect();
    let number = |number: u32| number.to_be_bytes().to_vec();
    let mut bytes = stills[0][..33].to_vec();
    bytes.extend(png_chunk(b"acTL", &[number(frames.len() as u32), number(0)].concat()));
    let mut sequence = 0;
    for (frame, still) in frames.iter().zip(&stills) {
        let place = [number(frame.width()), number(frame.height()), number(0), number(0)].concat();
        bytes.extend(png_chunk(b"fcTL", &[number(sequence), place, vec![0, 12, 0, 100, 0, 0]].concat()));
        sequence += 1;
        for data in png_data(still) {
            if std::ptr::eq(still, &stills[0]) {
                bytes.extend(png_chunk(b"IDAT", data));
            } else {
                bytes.extend(png_chunk(b"fdAT", &[number(sequence), data.to_vec()].concat()));
                sequence += 1;
            }
        }
    }
    [bytes, png_chunk(b"IEND", &[])].concat()
}

/// The contents of a PNG's data chunks.
fn png_data(png: &[u8]) -> Vec<&[u8]> {
    let mut rest = &png[8..];
    let mut data = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if &rest[4..8] == b"IDAT" {
            data.push(&rest[8..8 + length]);
        }
        rest = &rest[12 + length..];
    }
    data
}

fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), data].concat();
    [(data.len() as u32).to_be_bytes().to_vec(), named.clone(), crc(&named).to_be_bytes().to_vec()].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A PNG that says that it is larger than it is.
pub fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let png = encoded(&gradient(4, 4), ImageFormat::Png);
    let head = [width.to_be_bytes().to_vec(), height.to_be_bytes().to_vec(), png[24..29].to_vec()].concat();
    [png[..8].to_vec(), png_chunk(b"IHDR", &head), png[33..].to_vec()].concat()
}

/// The same of a JPEG.
pub fn jpeg_bomb(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = encoded(&gradient(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(4).position(|four| four[..3] == [0xff, 0xc0, 0]).expect("a baseline JPEG");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// The same of a GIF.
pub fn gif_bomb(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = gif(frames(4, 4, 2));
    bytes[6..8].copy_from_slice(&width.to_le_bytes());
    bytes[8..10].copy_from_slice(&height.to_le_bytes());
    bytes
}

/// The same of an animated WebP.
pub fn webp_bomb(side: u32) -> Vec<u8> {
    let mut bytes = moving_webp(&frames(4, 4, 2));
    let place = bytes.windows(4).position(|four| four == b"VP8X").unwrap() + 12;
    bytes[place..place + 3].copy_from_slice(&(side - 1).to_le_bytes()[..3]);
    bytes[place + 3..place + 6].copy_from_slice(&(side - 1).to_le_bytes()[..3]);
    bytes
}

/// A WebP of 4 by 4 pixels with a lossy picture in it that says that it is larger.
pub fn inner_webp_bomb(side: u16) -> Vec<u8> {
    let picture = [vec![0x30, 1, 0, 0x9d, 1, 0x2a], side.to_le_bytes().to_vec(), side.to_le_bytes().to_vec()];
    let head = vec![0, 0, 0, 0, 3, 0, 0, 3, 0, 0];
    let body = [b"WEBP".to_vec(), chunk(b"VP8X", &head), chunk(b"VP8 ", &[picture.concat(), vec![0; 500]].concat())];
    chunk(b"RIFF", &body.concat())
}

/// A GIF of 4 by 4 pixels whose frame says that it is larger.
pub fn inner_gif_bomb(side: u16) -> Vec<u8> {
    let mut bytes = gif(frames(4, 4, 1));
    let frame = bytes.windows(9).position(|nine| nine == [0x2c, 0, 0, 0, 0, 4, 0, 4, 0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&side.to_le_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&side.to_le_bytes());
    bytes
}
