//! Thumbnails: their sizes and shapes, pictures that are turned, seen through or that move, and hostile ones.

mod make;

use image::{AnimationDecoder, DynamicImage, ImageFormat, Rgba, RgbaImage, codecs::gif::GifDecoder};
use make::{
    encoded, frames, gif, gif_bomb, gradient, inner_gif_bomb, inner_webp_bomb, jpeg_bomb, moving_png, moving_webp,
    png_bomb, turned_jpeg, webp_bomb,
};
use reqwest::{Method, Response};

use crate::{
    common::{TestClient, TestServer},
    media::{download, files, header, upload},
};

async fn ask(client: &TestClient, address: &str, query: &str) -> Response {
    client.request(Method::GET, &format!("/v1/media/thumbnail/{address}?{query}")).send().await.unwrap()
}

/// A thumbnail that has to come: its bytes and its type, which has to be what they are.
async fn thumbnail(client: &TestClient, address: &str, query: &str) -> (Vec<u8>, ImageFormat) {
    let answer = ask(client, address, query).await;
    let headers = answer.headers().clone();
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap().to_vec();
    assert_eq!(status, 200, "{query}: {}", String::from_utf8_lossy(&bytes));
    let format = image::guess_format(&bytes).unwrap();
    assert_eq!(header(&headers, "content-type"), format.to_mime_type());
    assert!(header(&headers, "content-disposition").starts_with("inline; filename=\"thumbnail."));
    assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
    assert!(header(&headers, "content-security-policy").starts_with("sandbox;"));
    assert!(header(&headers, "cache-control").contains("immutable"));
    (bytes, format)
}

async fn picture(client: &TestClient, address: &str, query: &str) -> DynamicImage {
    let (bytes, format) = thumbnail(client, address, query).await;
    image::load_from_memory_with_format(&bytes, format).unwrap()
}

async fn refused(client: &TestClient, address: &str, query: &str) -> (u16, String) {
    let answer = ask(client, address, query).await;
    let status = answer.status().as_u16();
    let body: serde_json::Value = answer.json().await.unwrap();
    (status, body["errcode"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn pictures_come_in_the_sizes_of_the_specification_and_are_never_made_larger() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let original = encoded(&gradient(1000, 500), ImageFormat::Png);
    let address = upload(&alice, "image/png", None, original.clone()).await;
    for (query, size) in [
        ("width=32&height=32&method=crop", (32, 32)),
        ("width=96&height=96&method=crop", (96, 96)),
        ("width=320&height=240&method=scale", (480, 240)),
        ("width=640&height=480&method=scale", (960, 480)),
        ("width=300&height=200", (480, 240)),
        ("width=40&height=40&method=crop", (96, 96)),
        ("width=80&height=40&method=crop", (96, 48)),
    ] {
        let thumbnail = picture(&alice, &address, query).await;
        assert_eq!((thumbnail.width(), thumbnail.height()), size, "{query}");
    }
    for query in ["width=800&height=600&method=scale", "width=2000&height=2000&method=crop", "width=1000&height=500"] {
        assert!(thumbnail(&alice, &address, query).await.0 == original, "{query}");
    }
    // A crop is of the middle, and colours stay: red from left to right, green from top to bottom.
    let middle = picture(&alice, &address, "width=96&height=96&method=crop").await.to_rgb8();
    let [red, green, blue] = middle.get_pixel(48, 48).0;
    assert!(red.abs_diff(128) < 9 && green.abs_diff(128) < 9 && blue.abs_diff(90) < 9, "{red} {green} {blue}");
    assert!(middle.get_pixel(0, 0).0[0] > 50 && middle.get_pixel(0, 0).0[1] < 15);

    for query in ["width=0&height=5", "width=-5&height=5", "width=x&height=5", "width=5", "width=5&height=5&method=x"] {
        assert_eq!(refused(&alice, &address, query).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn every_kind_of_picture_is_read() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let bytes = encoded(&gradient(200, 200), format);
        // What its uploader calls it doesn't matter.
        let address = upload(&alice, "application/octet-stream", None, bytes).await;
        let thumbnail = picture(&alice, &address, "width=50&height=50&method=crop").await;
        assert_eq!((thumbnail.width(), thumbnail.height()), (96, 96), "{format:?}");
    }
    for deep in [
        DynamicImage::ImageRgb16(gradient(200, 200).to_rgb16()),
        DynamicImage::ImageLumaA8(gradient(200, 200).to_luma_alpha8()),
    ] {
        let address = upload(&alice, "image/png", None, encoded(&deep, ImageFormat::Png)).await;
        picture(&alice, &address, "width=50&height=50&method=crop").await;
    }
}

#[tokio::test]
async fn photographs_are_turned_as_the_camera_was_held() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    // How each orientation shows a picture of 400 by 200 whose left is dark and whose top is not green.
    for (orientation, size, dark_corner) in [
        (1, (192, 96), (0, 0)),
        (2, (192, 96), (1, 0)),
        (3, (192, 96), (1, 1)),
        (4, (192, 96), (0, 1)),
        (5, (96, 192), (0, 0)),
        (6, (96, 192), (1, 0)),
        (7, (96, 192), (1, 1)),
        (8, (96, 192), (0, 1)),
    ] {
        let bytes = turned_jpeg(&gradient(400, 200), orientation);
        let address = upload(&alice, "image/jpeg", None, bytes).await;
        let thumbnail = picture(&alice, &address, "width=90&height=90&method=scale").await.to_rgb8();
        let (width, height) = thumbnail.dimensions();
        assert_eq!((width, height), size, "{orientation}");
        let corner = thumbnail.get_pixel(dark_corner.0 * (width - 1), dark_corner.1 * (height - 1)).0;
        assert!(corner[0] < 20 && corner[1] < 20, "{orientation}: {corner:?}");
    }
}

#[tokio::test]
async fn what_can_be_seen_through_stays_so() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    // White on the left, nothing on the right, which is black where nobody sees it.
    let half = RgbaImage::from_fn(300, 300, |x, _| if x < 150 { Rgba([255; 4]) } else { Rgba([0; 4]) });
    let address = upload(&alice, "image/png", None, encoded(&half.into(), ImageFormat::Png)).await;
    let (bytes, format) = thumbnail(&alice, &address, "width=90&height=90&method=crop").await;
    assert_eq!(format, ImageFormat::Png);
    let thumbnail = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert_eq!((thumbnail.get_pixel(5, 50).0[3], thumbnail.get_pixel(90, 50).0[3]), (255, 0));
    for pixel in thumbnail.pixels().filter(|pixel| pixel.0[3] > 100) {
        assert!(pixel.0[0] > 240, "no dark seam: {pixel:?}");
    }
}

#[tokio::test]
async fn pictures_move_only_for_who_wants_that() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let frames = frames(200, 150, 4);
    let first = frames[0].get_pixel(0, 0).0;
    for (name, bytes) in [("gif", gif(frames.clone())), ("webp", moving_webp(&frames)), ("png", moving_png(&frames))] {
        let address = upload(&alice, "image/gif", None, bytes.clone()).await;
        let still = "width=90&height=90&method=crop";
        for query in [still.to_owned(), format!("{still}&animated=false")] {
            let (shown, format) = thumbnail(&alice, &address, &query).await;
            assert_eq!(format, ImageFormat::Jpeg, "{name}");
            let pixel = image::load_from_memory(&shown).unwrap().to_rgb8().get_pixel(9, 9).0;
            assert!(pixel[0].abs_diff(first[0]) < 9 && pixel[1].abs_diff(first[1]) < 9, "{name}: {pixel:?}");
        }
        let (shown, format) = thumbnail(&alice, &address, &format!("{still}&animated=true")).await;
        assert_eq!(format, ImageFormat::Gif, "{name}");
        let decoder = GifDecoder::new(std::io::Cursor::new(shown)).unwrap();
        let shown: Vec<_> = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(shown.len(), 4, "{name}");
        assert_eq!(shown[0].buffer().dimensions(), (96, 96));
        assert_eq!(shown[0].delay().numer_denom_ms(), (120, 1), "{name}");
        assert!(shown[3].buffer().get_pixel(9, 9).0[0].abs_diff(120) < 9, "{name}");

        // No smaller one is wanted: the file itself, unless that moves and must not.
        let large = "width=800&height=600&method=scale";
        assert!(thumbnail(&alice, &address, &format!("{large}&animated=true")).await.0 == bytes, "{name}");
        let (shown, format) = thumbnail(&alice, &address, large).await;
        assert_eq!(format, ImageFormat::Jpeg, "{name}");
        assert_eq!(image::load_from_memory(&shown).unwrap().width(), 200, "{name}");
    }
    // What can't move doesn't.
    let address = upload(&alice, "image/png", None, encoded(&gradient(200, 200), ImageFormat::Png)).await;
    let (_, format) = thumbnail(&alice, &address, "width=32&height=32&method=crop&animated=true").await;
    assert_eq!(format, ImageFormat::Jpeg);
}

#[tokio::test]
async fn a_thumbnail_is_made_once_and_kept() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let address = upload(&alice, "image/png", None, encoded(&gradient(1500, 1500), ImageFormat::Png)).await;
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (alice, address) = (alice.clone(), address.clone());
            tokio::spawn(async move { thumbnail(&alice, &address, "width=32&height=32&method=crop").await.0 })
        })
        .collect();
    let mut shown = Vec::new();
    for asked in asked {
        shown.push(asked.await.unwrap());
    }
    assert!(shown.iter().all(|one| *one == shown[0]));
    let made = files(&server, "thumbnails");
    assert_eq!(made.len(), 1);
    let date = std::fs::metadata(&made[0]).unwrap().modified().unwrap();

    server.restart().await;
    let alice = alice.at(server.base_url());
    let tag = header(ask(&alice, &address, "width=30&height=30&method=crop").await.headers(), "etag");
    let request = alice.request(Method::GET, &format!("/v1/media/thumbnail/{address}?width=32&height=32&method=crop"));
    assert_eq!(request.header("if-none-match", &tag).send().await.unwrap().status(), 304);
    assert_eq!(std::fs::metadata(&made[0]).unwrap().modified().unwrap(), date);

    // Whoever asks for all shapes there are gets them, but does not fill the disk.
    for width in 1..40 {
        picture(&alice, &address, &format!("width={width}&height=96&method=crop")).await;
    }
    assert_eq!(files(&server, "thumbnails").len(), 24);
    assert!(files(&server, "incoming").is_empty());
}

#[tokio::test]
async fn what_is_no_picture_gets_an_error() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for (content_type, bytes) in [
        ("image/png", b"not a picture at all, whatever they say".to_vec()),
        ("image/jpeg", vec![]),
        ("image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        ("image/png", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("image/jpeg", vec![0xff, 0xd8, 0xff]),
        ("image/gif", b"GIF89a".to_vec()),
        ("image/webp", b"RIFF\xff\xff\xff\xffWEBPVP8X".to_vec()),
        ("image/bmp", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0".to_vec()),
    ] {
        let address = upload(&alice, content_type, None, bytes).await;
        for _ in 0..2 {
            let refused = refused(&alice, &address, "width=32&height=32&method=crop").await;
            assert_eq!(refused, (400, "M_UNKNOWN".to_owned()), "{content_type}");
        }
    }
    assert!(files(&server, "thumbnails").is_empty());
}

#[tokio::test]
async fn pictures_that_end_early_or_are_garbled_harm_nobody() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let wanted = "width=8&height=8&method=crop";
    let whole = [
        encoded(&gradient(60, 60), ImageFormat::Jpeg),
        encoded(&gradient(60, 60), ImageFormat::Png),
        gif(frames(40, 40, 3)),
        encoded(&gradient(60, 60), ImageFormat::WebP),
        moving_webp(&frames(40, 40, 3)),
        moving_png(&frames(40, 40, 3)),
        turned_jpeg(&gradient(60, 60), 6),
    ];
    let mut tried = 0;
    for whole in whole {
        let step = (whole.len() / 25).max(1);
        let cut = (0..whole.len()).step_by(step).map(|length| whole[..length].to_vec());
        let garbled = (0..whole.len()).step_by(step).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] = !bytes[at];
            bytes
        });
        for bytes in cut.chain(garbled).collect::<Vec<_>>() {
            let address = upload(&alice, "image/png", None, bytes).await;
            for query in [wanted.to_owned(), format!("{wanted}&animated=true")] {
                let answer = ask(&alice, &address, &query).await;
                let status = answer.status();
                assert!(matches!(status.as_u16(), 200 | 400 | 413), "{status}");
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
    // The pool lives.
    let address = upload(&alice, "image/png", None, encoded(&gradient(60, 60), ImageFormat::Png)).await;
    picture(&alice, &address, wanted).await;
}

#[tokio::test]
async fn a_decompression_bomb_gets_an_error_and_not_the_memory() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for (name, bomb) in [
        ("png", png_bomb(60_000, 60_000)),
        ("png, wide", png_bomb(2_000_000_000, 2)),
        ("jpeg", jpeg_bomb(65_000, 65_000)),
        ("gif", gif_bomb(65_000, 65_000)),
        ("webp", webp_bomb(16_000)),
        ("webp, within", inner_webp_bomb(16_000)),
    ] {
        let address = upload(&alice, "image/png", None, bomb).await;
        let begin = std::time::Instant::now();
        for query in ["width=32&height=32&method=crop", "width=800&height=600&animated=true"] {
            assert_eq!(refused(&alice, &address, query).await, (413, "M_TOO_LARGE".to_owned()), "{name}");
        }
        assert!(begin.elapsed().as_secs() < 2, "{name}");
    }
    // It is small but for a frame: a browser gets it as it is, we don't decode it.
    let address = upload(&alice, "image/gif", None, inner_gif_bomb(65_000)).await;
    assert_eq!(refused(&alice, &address, "width=2&height=2").await, (413, "M_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_two_things_is_each_only_where_that_does_no_harm() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let mut bytes = encoded(&gradient(200, 200), ImageFormat::Png);
    bytes.extend_from_slice(b"<html><script>alert(1)</script></html>");
    let address = upload(&alice, "text/html", Some("page.html"), bytes.clone()).await;
    let answer = download(&alice, &address).await;
    assert_eq!(header(answer.headers(), "content-disposition"), "attachment; filename=\"page.html\"");
    // As a thumbnail it is a picture, small or as it is.
    let (shown, _) = thumbnail(&alice, &address, "width=32&height=32&method=crop").await;
    assert!(!shown.windows(7).any(|seven| seven == b"<script"));
    let (shown, format) = thumbnail(&alice, &address, "width=800&height=600").await;
    assert!(shown == bytes && format == ImageFormat::Png);
}
