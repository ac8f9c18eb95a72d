//! What large files and pictures cost the server in memory: next to nothing, or a bounded amount.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::Method;

use crate::{
    common::TestClient,
    lifecycle::Running,
    media::{download, upload},
};

const MIB: usize = 1 << 20;

/// A field of `/proc/…/status`, bytes.
fn status(server: &Running, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<usize>().unwrap() << 10
}

/// By how much the server's memory grew at the most while `work` was done.
async fn growth<T>(server: &Running, work: impl Future<Output = T>) -> (usize, T) {
    // Sets the peak back to what is in use now.
    fs::write(format!("/proc/{}/clear_refs", server.id()), "5").unwrap();
    let before = status(server, "VmRSS");
    let done = work.await;
    (status(server, "VmHWM").saturating_sub(before), done)
}

fn request(server: &Running, client: &TestClient, line: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let token = &client.access_token;
    let head =
        format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Uploads so many MiB, piece by piece, and returns the address.
fn upload_large(server: &Running, client: &TestClient, size: usize) -> String {
    let length = format!("Content-Length: {}\r\n", size * MIB);
    let mut stream = request(server, client, "POST /_matrix/media/v3/upload", &length);
    for n in 0..size {
        stream.write_all(&vec![n as u8; MIB]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let address = answer.split_once("mxc://").expect(&answer).1;
    address.split_once('"').unwrap().0.to_owned()
}

/// Downloads it, and returns how much came.
fn download_large(server: &Running, client: &TestClient, address: &str) -> usize {
    let mut stream = request(server, client, &format!("GET /_matrix/client/v1/media/download/{address}"), "");
    let (mut piece, mut length) = (vec![0; 64 << 10], 0);
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => return length,
            count => length += count,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_pass_through_without_being_held() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path());
    let alice = server.register("alice").await;
    // The first of all makes threads and fills caches.
    let small = upload_large(&server, &alice, 1);
    download_large(&server, &alice, &small);

    let (up, address) = growth(&server, async { upload_large(&server, &alice, 100) }).await;
    let (down, length) = growth(&server, async { download_large(&server, &alice, &address) }).await;
    println!("100 MiB up: {} KiB more memory, down: {} KiB", up >> 10, down >> 10);
    assert!(length > 100 * MIB);
    assert!(up < 8 * MIB && down < 8 * MIB, "up {up}, down {down}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_pictures_at_once_take_no_more_memory_than_all_may() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path());
    let alice = server.register("alice").await;
    // 24 million pixels, 72 MB each when they are decoded; as files they are small.
    let image: DynamicImage = RgbImage::from_pixel(6_000, 4_000, image::Rgb([90, 0, 0])).into();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let mut addresses = Vec::new();
    for n in 0..6 {
        // What follows its end makes it another file.
        let bytes = [bytes.get_ref().as_slice(), &[n]].concat();
        addresses.push(upload(&alice, "image/jpeg", None, bytes).await);
    }
    let ask = |address: &String| {
        let path = format!("/v1/media/thumbnail/{address}?width=800&height=600&method=scale");
        let request = alice.request(Method::GET, &path);
        tokio::spawn(async move { request.send().await.unwrap().status() })
    };
    let (peak, ()) = growth(&server, async {
        for asked in addresses.iter().map(ask).collect::<Vec<_>>() {
            assert_eq!(asked.await.unwrap(), 200);
        }
    })
    .await;
    println!("six photographs at once: {} MiB more memory", peak / MIB);
    assert!(peak < 330 * MIB, "{peak}");
    assert_eq!(download(&alice, &addresses[0]).await.status(), 200);
}
