//! Photos against what Pillow makes of them: centre square, bilinear, antialiased. Both round between the two passes of
//! the filter, not in the same way: some bytes differ by one.

use std::path::Path;

use mobilenet_runtime::{Error, Filter, Framing, Normalise, Photo, Preprocess};

const SQUARE: Preprocess = Preprocess {
    framing: Framing::Square { fraction: 1.0 },
    filter: Filter::Bilinear,
    bgr: false,
    normalise: Normalise { scale: [1.0; 4], offset: [0.0; 4] },
};

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

#[test]
fn photos_are_resized_as_pillow_does() {
    for (photo, input, shape) in [
        ("cat.png", "cat_128_rgb.u8", [128, 128, 3]),
        ("cat.png", "cat_96_gray.u8", [96, 96, 1]),
        ("hot_dog.jpg", "hot_dog_160_rgb.u8", [160, 160, 3]),
    ] {
        let found = Photo::open(testdata("photos").join(photo)).unwrap().prepare(&SQUARE, shape).unwrap();
        let expected = std::fs::read(testdata("inputs").join(input)).unwrap();
        assert_eq!(found.len(), expected.len());
        let differences = || found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        // JPEG decoders differ by a step or two before anything is resized.
        let most = differences().max().unwrap();
        assert!(most <= if photo.ends_with("jpg") { 4 } else { 1 }, "{input}: off by {most}");
        let off = differences().filter(|&d| d > 0).count();
        assert!(off * 5 < found.len(), "{input}: {off} of {} bytes differ", found.len());
    }
}

#[test]
fn grey_and_colour_go_where_the_network_wants_them() {
    let grey = Photo::from_grey(2, 1, vec![10, 20]).unwrap();
    assert_eq!(grey.prepare(&SQUARE, [1, 1, 3]).unwrap(), [10, 10, 10]);
    let colour = Photo::from_rgb(1, 1, vec![1, 2, 3]).unwrap();
    assert_eq!(colour.prepare(&SQUARE, [1, 1, 3]).unwrap(), [1, 2, 3]);
    let bgr = Preprocess { bgr: true, ..SQUARE };
    assert_eq!(colour.prepare(&bgr, [1, 1, 3]).unwrap(), [3, 2, 1]);
    assert!(colour.prepare(&SQUARE, [1, 1, 2]).is_err());
}

#[test]
fn what_is_no_photo_is_refused() {
    assert!(matches!(Photo::decode(b"not a picture"), Err(Error::Image(_))));
    assert!(matches!(Photo::decode(b""), Err(Error::Image(_))));
    assert!(matches!(Photo::open("/nowhere/at/all.png"), Err(Error::Io { .. })));
    assert!(matches!(Photo::from_rgb(2, 2, vec![0; 11]), Err(Error::Image(_))));
    assert!(matches!(Photo::from_rgb(0, 0, vec![]), Err(Error::Image(_))));
    let whole = std::fs::read(testdata("photos/cat.png")).unwrap();
    for len in (0..2000).step_by(97) {
        assert!(Photo::decode(&whole[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused() {
    // A BMP header of 100,000 x 100,000 pixels, and no pixels.
    let mut bmp = vec![0; 54];
    bmp[..2].copy_from_slice(b"BM");
    bmp[10] = 54;
    bmp[14] = 40;
    bmp[18..22].copy_from_slice(&100_000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&100_000u32.to_le_bytes());
    bmp[26] = 1;
    bmp[28] = 24;
    assert!(matches!(Photo::decode(&bmp), Err(Error::Image(_))));
}
