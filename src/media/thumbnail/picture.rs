//! Pictures: what a file is, what its decoding takes, and a smaller one made of it. Blocks, and takes what memory
//! `Picture::cost` says; who calls this sees to both.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
};

use image::{
    AnimationDecoder, DynamicImage, Frame, Frames, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader,
    Limits, RgbaImage,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        jpeg::JpegEncoder,
        png::{PngDecoder, PngEncoder},
        webp::WebPDecoder,
    },
    imageops::FilterType,
    metadata::{LoopCount, Orientation},
};

use super::{
    jpeg::is_sequential,
    size::{Plan, Size},
    webp::largest_frame,
};

/// The decoding of one picture takes no more memory than this, bytes.
pub const MEMORY: u64 = 256 << 20;
/// A picture's file has no more bytes than this.
pub const MAX_FILE: u64 = 64 << 20;
/// A picture has no more pixels than this: decoding takes time as well.
const MAX_PIXELS: u64 = 100_000_000;
/// The frames of a picture that moves have no more pixels than this together.
const MAX_MOVING_PIXELS: u64 = 150_000_000;
/// A thumbnail that moves has no more pixels than this in all its frames, nor about as many bytes.
const MAX_MOVING_OUTPUT: u64 = 24 << 20;
/// What a file's head takes, with a colour profile and other data in it, bytes.
const HEAD_MEMORY: u64 = 8 << 20;
/// How much of a JPEG is looked at to see how it is built.
const JPEG_HEAD: u64 = 1 << 20;
/// Of 100.
const JPEG_QUALITY: u8 = 82;
/// From 1 to 30: how roughly colours are chosen for a GIF.
const GIF_SPEED: i32 = 20;
/// A colour profile with more bytes than this is left out of a thumbnail.
const MAX_PROFILE: usize = 8 << 10;

/// Why there is no thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no picture of a kind that we read.
    NotAPicture,
    /// It ends early, or is broken otherwise.
    Damaged,
    /// Its decoding would take too much.
    TooLarge,
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            ImageError::Unsupported(_) => Self::NotAPicture,
            _ => Self::Damaged,
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(_: std::io::Error) -> Self {
        Self::Damaged
    }
}

/// What is known of a picture before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is, whatever its uploader called it.
    pub format: ImageFormat,
    /// Its size as it is shown, turned as its EXIF data says.
    pub size: Size,
    /// Whether it may have more than one frame.
    pub animated: bool,
    /// Bytes of memory that its decoding takes at the most.
    pub cost: u64,
}

/// A thumbnail's bytes, and what they are.
pub struct Made {
    /// JPEG, PNG or GIF.
    pub format: ImageFormat,
    /// The whole file.
    pub bytes: Vec<u8>,
}

type Reader = BufReader<File>;

/// Looks at the head of a file.
pub fn look(mut file: File, length: u64) -> Result<Picture, Refusal> {
    if length > MAX_FILE {
        return Err(Refusal::TooLarge);
    }
    let mut head = Vec::new();
    (&mut file).take(32).read_to_end(&mut head)?;
    let format = image::guess_format(&head).map_err(|_| Refusal::NotAPicture)?;
    file.seek(SeekFrom::Start(0))?;
    let per_pixel = match format {
        ImageFormat::Jpeg => {
            head.clear();
            (&mut file).take(JPEG_HEAD).read_to_end(&mut head)?;
            file.seek(SeekFrom::Start(0))?;
            if is_sequential(&head) { 4 } else { 12 }
        }
        ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP => 8,
        _ => return Err(Refusal::NotAPicture),
    };
    let inner = match format {
        ImageFormat::WebP => largest_frame(BufReader::new(file.try_clone()?))?.ok_or(Refusal::TooLarge)?,
        _ => 0,
    };
    file.seek(SeekFrom::Start(0))?;
    let animated = is_animated(format, file.try_clone()?)?;
    file.seek(SeekFrom::Start(0))?;
    let mut decoder = decoder(format, file, limits(HEAD_MEMORY))?;
    let (width, height) = decoder.dimensions();
    let pixels = inner.max(u64::from(width) * u64::from(height));
    // Frames that are built on each other, and one that is being made smaller.
    let per_pixel = if animated { 20 } else { per_pixel };
    let cost = length + pixels * per_pixel;
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if pixels > MAX_PIXELS || cost > MEMORY {
        return Err(Refusal::TooLarge);
    }
    let size = if turned(decoder.orientation()?) { (height, width) } else { (width, height) };
    Ok(Picture { format, size, animated, cost })
}

fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}

fn decoder(format: ImageFormat, file: File, limits: Limits) -> Result<impl ImageDecoder, Refusal> {
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    reader.limits(limits);
    Ok(reader.into_decoder()?)
}

/// Whether a picture may move: of a GIF only its decoding tells.
fn is_animated(format: ImageFormat, file: File) -> Result<bool, Refusal> {
    Ok(match format {
        ImageFormat::Gif => true,
        ImageFormat::Png => PngDecoder::with_limits(BufReader::new(file), limits(HEAD_MEMORY))?.is_apng()?,
        ImageFormat::WebP => WebPDecoder::new(BufReader::new(file))?.has_animation(),
        _ => false,
    })
}

/// Whether width and height change places.
fn turned(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

impl Picture {
    /// What a decoder may take beside the picture itself: a frame may say that it is larger than the whole.
    fn limits(&self) -> Limits {
        limits(HEAD_MEMORY + self.cost / 4 * 3)
    }

    fn limited<D: ImageDecoder>(&self, mut decoder: D) -> Result<D, Refusal> {
        decoder.set_limits(self.limits())?;
        Ok(decoder)
    }

    /// Makes a picture that stands still: a JPEG, or a PNG where one can see through it.
    pub fn still(&self, file: File, plan: Plan) -> Result<Made, Refusal> {
        let mut decoder = decoder(self.format, file, self.limits())?;
        let orientation = decoder.orientation()?;
        let profile = decoder.icc_profile().ok().flatten().filter(|profile| is_useful(profile));
        let image = DynamicImage::from_decoder(decoder)?;
        encode(apply(image, plan, orientation), profile)
    }

    /// Makes a GIF of all frames; `TooLarge` if they are too many, or too large together.
    pub fn moving(&self, file: File, plan: Plan) -> Result<Made, Refusal> {
        let file = BufReader::new(file);
        let (frames, repeat) = match self.format {
            ImageFormat::Gif => frames_of(self.limited(GifDecoder::<Reader>::new(file)?)?),
            ImageFormat::Png => frames_of(PngDecoder::with_limits(file, self.limits())?.apng()?),
            ImageFormat::WebP => frames_of(self.limited(WebPDecoder::new(file)?)?),
            _ => return Err(Refusal::NotAPicture),
        };
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
        encoder.set_repeat(repeat)?;
        let (mut read, mut written) = (0, 0);
        for frame in frames {
            let frame = match frame {
                Ok(frame) => frame,
                // What came before the damage moves as well as it can.
                Err(_) if written > 0 => break,
                Err(error) => return Err(error.into()),
            };
            read += area(frame.buffer());
            let delay = frame.delay();
            let image = apply(frame.into_buffer().into(), plan, Orientation::NoTransforms).into_rgba8();
            written += area(&image);
            if read > MAX_MOVING_PIXELS || written > MAX_MOVING_OUTPUT {
                return Err(Refusal::TooLarge);
            }
            encoder.encode_frame(Frame::from_parts(image, 0, 0, delay))?;
        }
        drop(encoder);
        if written == 0 { Err(Refusal::Damaged) } else { Ok(Made { format: ImageFormat::Gif, bytes }) }
    }
}

fn frames_of<'a>(decoder: impl AnimationDecoder<'a>) -> (Frames<'a>, Repeat) {
    let repeat = match decoder.loop_count() {
        LoopCount::Infinite => Repeat::Infinite,
        LoopCount::Finite(times) => Repeat::Finite(u16::try_from(times.get()).unwrap_or(u16::MAX)),
    };
    (decoder.into_frames(), repeat)
}

fn area(image: &RgbaImage) -> u64 {
    u64::from(image.width()) * u64::from(image.height())
}

/// Makes a picture smaller, then turns it, then takes its middle: each step has less to do than the one before.
fn apply(image: DynamicImage, plan: Plan, orientation: Orientation) -> DynamicImage {
    match plan {
        Plan::Original => {
            let mut image = image;
            image.apply_orientation(orientation);
            image
        }
        Plan::Shrink { cover, keep } => {
            let mut image = shrink(image, if turned(orientation) { (cover.1, cover.0) } else { cover });
            image.apply_orientation(orientation);
            image.crop_imm((cover.0 - keep.0) / 2, (cover.1 - keep.1) / 2, keep.0, keep.1)
        }
    }
}

/// Quickly to twice the size, then carefully: the careful way over a whole photograph takes seconds.
fn shrink(mut image: DynamicImage, (width, height): Size) -> DynamicImage {
    // What can't be seen must not colour what can.
    if let DynamicImage::ImageRgba8(pixels) = &mut image {
        scale_colours(pixels, |colour, alpha| (colour * alpha + 127) / 255);
    }
    if image.width() > 2 * width && image.height() > 2 * height {
        image = image.thumbnail_exact(2 * width, 2 * height);
    }
    let mut image = image.resize_exact(width, height, FilterType::CatmullRom);
    if let DynamicImage::ImageRgba8(pixels) = &mut image {
        scale_colours(pixels, |colour, alpha| (colour * 255 + alpha / 2).checked_div(alpha).unwrap_or(0).min(255));
    }
    image
}

fn scale_colours(pixels: &mut RgbaImage, scale: impl Fn(u32, u32) -> u32) {
    for pixel in pixels.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        if alpha < u8::MAX {
            let scaled = |colour: u8| scale(u32::from(colour), u32::from(alpha)) as u8;
            pixel.0 = [scaled(red), scaled(green), scaled(blue), alpha];
        }
    }
}

/// A profile of RGB pictures, which is what we write, and not one as large as the thumbnail.
fn is_useful(profile: &[u8]) -> bool {
    profile.len() <= MAX_PROFILE && profile.get(16..20) == Some(b"RGB ")
}

fn encode(image: DynamicImage, profile: Option<Vec<u8>>) -> Result<Made, Refusal> {
    let mut bytes = Vec::new();
    let seen_through = image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
    let format = if seen_through {
        write(PngEncoder::new(&mut bytes), &image.into_rgba8().into(), profile)?;
        ImageFormat::Png
    } else {
        write(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), &image.into_rgb8().into(), profile)?;
        ImageFormat::Jpeg
    };
    Ok(Made { format, bytes })
}

fn write(mut encoder: impl ImageEncoder, image: &DynamicImage, profile: Option<Vec<u8>>) -> Result<(), Refusal> {
    if let Some(profile) = profile {
        // Without it the colours are a little off, which is better than no picture.
        let _ = encoder.set_icc_profile(profile);
    }
    Ok(image.write_with_encoder(encoder)?)
}
