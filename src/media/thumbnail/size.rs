//! How large a thumbnail is to be: pure arithmetic.

/// Width and height in pixels.
pub type Size = (u32, u32);

/// What a thumbnail is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The middle of the picture, in the shape that was asked for.
    Crop,
    /// The whole picture, in its own shape, covering what was asked for.
    Scale,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The least size; neither is 0.
    pub size: Size,
    /// The shape.
    pub method: Method,
    /// Whether it may move.
    pub animated: bool,
}

/// What is done to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is not larger than what was asked for.
    Original,
    /// It is made smaller, to `cover`, and of that the middle is taken, as large as `keep`.
    Shrink {
        /// The size of the whole.
        cover: Size,
        /// The size of the middle.
        keep: Size,
    },
}

/// The sizes of `scale` that are made: the specification's, one for avatars and one for large screens.
const SCALES: [Size; 5] = [(96, 96), (320, 240), (640, 480), (800, 600), (1600, 1200)];
/// What `crop` has on its longer side: the specification's 32 and 96, and more for dense screens.
const CROPS: [u32; 6] = [32, 96, 256, 512, 800, 1600];
/// A thumbnail has no more pixels than this; a picture that is so long and thin is sent as it is.
const MAX_PIXELS: u64 = 3_000_000;

impl Wanted {
    /// What is done to a picture of the size `source`. Never makes it larger, and never smaller than what was
    /// asked for; of each picture there are few sizes, since what is asked for is rounded up.
    pub fn plan(&self, source: Size) -> Plan {
        let (width, height) = self.size;
        if width >= source.0 || height >= source.1 {
            return Plan::Original;
        }
        let plan = match self.method {
            Method::Scale => scaled(self.size, source),
            Method::Crop => cropped(self.size, source),
        };
        plan.filter(|plan| plan.pixels() <= MAX_PIXELS).unwrap_or(Plan::Original)
    }
}

impl Plan {
    /// How large the whole is before its middle is taken.
    pub fn pixels(&self) -> u64 {
        match self {
            Self::Original => 0,
            Self::Shrink { cover, .. } => u64::from(cover.0) * u64::from(cover.1),
        }
    }
}

fn scaled(wanted: Size, source: Size) -> Option<Plan> {
    let size = SCALES.into_iter().find(|size| size.0 >= wanted.0 && size.1 >= wanted.1)?;
    let cover = covering(size, source).filter(|cover| *cover != source)?;
    Some(Plan::Shrink { cover, keep: cover })
}

fn cropped(wanted: Size, source: Size) -> Option<Plan> {
    let longer = wanted.0.max(wanted.1);
    let longest = CROPS.into_iter().find(|size| *size >= longer)?;
    let up = |side: u32| (u64::from(side) * u64::from(longest)).div_ceil(u64::from(longer)) as u32;
    // Rounded up it may be more than there is: then it is just what was asked for.
    let rounded = (up(wanted.0), up(wanted.1));
    let (keep, cover) = match covering(rounded, source) {
        Some(cover) => (rounded, cover),
        None => (wanted, covering(wanted, source)?),
    };
    Some(Plan::Shrink { cover, keep })
}

/// The smallest size in the shape of `source` that covers `size`; `None` if `source` itself does not.
fn covering(size: Size, source: Size) -> Option<Size> {
    let wide = |a: u32, b: u32| u64::from(a) * u64::from(b);
    if size.0 > source.0 || size.1 > source.1 {
        return None;
    }
    Some(if wide(size.0, source.1) >= wide(size.1, source.0) {
        (size.0, wide(source.1, size.0).div_ceil(u64::from(source.0)) as u32)
    } else {
        (wide(source.0, size.1).div_ceil(u64::from(source.1)) as u32, size.1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(method: Method, size: Size, source: Size) -> Plan {
        Wanted { size, method, animated: false }.plan(source)
    }

    fn shrink(cover: Size, keep: Size) -> Plan {
        Plan::Shrink { cover, keep }
    }

    #[test]
    fn the_sizes_of_the_specification_are_made_as_they_are() {
        let source = (4000, 3000);
        for size in [(320, 240), (640, 480), (800, 600)] {
            assert_eq!(plan(Method::Scale, size, source), shrink(size, size));
        }
        assert_eq!(plan(Method::Crop, (32, 32), source), shrink((43, 32), (32, 32)));
        assert_eq!(plan(Method::Crop, (96, 96), source), shrink((128, 96), (96, 96)));
    }

    #[test]
    fn what_is_asked_for_is_rounded_up_and_covered() {
        assert_eq!(plan(Method::Scale, (300, 10), (4000, 3000)), shrink((320, 240), (320, 240)));
        assert_eq!(plan(Method::Scale, (320, 240), (1000, 500)), shrink((480, 240), (480, 240)));
        assert_eq!(plan(Method::Scale, (320, 240), (500, 1000)), shrink((320, 640), (320, 640)));
        assert_eq!(plan(Method::Crop, (64, 48), (1000, 1000)), shrink((96, 96), (96, 72)));
    }

    #[test]
    fn nothing_is_made_larger() {
        for method in [Method::Scale, Method::Crop] {
            for source in [(1, 1), (200, 100), (320, 240), (5000, 100), (100, 5000)] {
                assert_eq!(plan(method, (320, 240), source), Plan::Original, "{source:?}");
            }
        }
        // Between two of our sizes: the whole picture, or just the shape that was asked for.
        assert_eq!(plan(Method::Scale, (330, 250), (500, 400)), Plan::Original);
        assert_eq!(plan(Method::Crop, (100, 100), (300, 200)), shrink((150, 100), (100, 100)));
    }

    #[test]
    fn whatever_is_asked_for_no_side_is_too_short_nor_longer_than_the_pictures() {
        let sides = [1, 2, 31, 32, 33, 95, 240, 319, 320, 700, 1201, 4000, 65_535, u32::MAX];
        let sizes: Vec<Size> = sides.iter().flat_map(|a| sides.map(|b| (*a, b))).collect();
        for (wanted, source) in sizes.iter().flat_map(|wanted| sizes.iter().map(move |source| (*wanted, *source))) {
            for method in [Method::Scale, Method::Crop] {
                let Plan::Shrink { cover, keep } = plan(method, wanted, source) else { continue };
                assert!(keep.0 >= wanted.0 && keep.1 >= wanted.1, "{method:?} {wanted:?} of {source:?}: {keep:?}");
                assert!(cover.0 >= keep.0 && cover.1 >= keep.1 && cover.0 <= source.0 && cover.1 <= source.1);
                assert!(u64::from(cover.0) * u64::from(cover.1) <= MAX_PIXELS);
            }
        }
    }
}
