//! Bytes as a picture.
#![no_main]

use mobilenet_runtime::{Filter, Framing, Normalise, Photo, Preprocess};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(photo) = Photo::decode(bytes) else { return };
    let framings =
        [Framing::Stretch, Framing::Central { fraction: 0.875 }, Framing::Square { fraction: 0.5 }];
    for (framing, channels) in framings.into_iter().zip([3, 1, 3]) {
        let normalise = Normalise { scale: [1.0; 4], offset: [0.0; 4] };
        let preprocess = Preprocess { framing, filter: Filter::Bilinear, bgr: channels == 3, normalise };
        // A picture of a few pixels' width may not be resized in all ways; that is said, and nothing worse.
        if let Ok(pixels) = photo.prepare(&preprocess, [17, 13, channels]) {
            assert_eq!(pixels.len(), 17 * 13 * channels);
        }
    }
});
