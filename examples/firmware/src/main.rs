//! Is somebody there? Person detection in 8 bits on a Cortex-M4F or M7, from static memory. Photos come from the computer that
//! the board, or QEMU in its place, is connected to.
#![no_std]
#![no_main]

mod board;

use core::ffi::CStr;

use cortex_m_rt::entry;
use mobilenet_runtime::{Line, Model, Network, Scratch, mobilenet};
use semihosting::io::{self, Read};
use semihosting::{fs::File, println, process};

mobilenet! {
    /// TensorFlow Lite Micro's person detection: 96 x 96 grey pixels, two classes.
    struct PersonDetect = weights = "../model/person_detect.tflite"
}

/// Photos, and what TensorFlow Lite's reference kernels say to them, as testdata/expected/person_detect.tflite.json has it.
const PHOTOS: [(&str, &CStr, [i8; 2]); 4] = [
    ("person", c"../../testdata/inputs/person_gray96_96_gray.u8", [-113, 113]),
    ("no person", c"../../testdata/inputs/no_person_gray96_96_gray.u8", [77, -77]),
    ("cat", c"../../testdata/inputs/cat_96_gray.u8", [19, -19]),
    ("Grace Hopper", c"../../testdata/inputs/grace_hopper_96_gray.u8", [-114, 114]),
];

#[entry]
fn main() -> ! {
    static mut ARENA: <PersonDetect as Network>::Arena = [Line::ZERO; PersonDetect::ARENA_BYTES / 64];
    static mut PHOTO: <PersonDetect as Network>::Pixels = [0; 96 * 96];

    let model = Model::<PersonDetect>::embedded();
    let mut scratch = Scratch::from_static(ARENA);
    let mut status = 0;
    for (name, file, expected) in PHOTOS {
        if let Err(error) = read(file, PHOTO) {
            println!("{name}: {error}");
            process::exit(2);
        }
        let (output, instructions) = board::instructions(|| model.output(PHOTO, &mut scratch));
        let verdict = if output == expected { "as expected" } else { "another output than expected" };
        println!("{name}: {output:?}, {verdict}, {instructions} instructions");
        if output != expected {
            status = 1;
        }
    }
    println!("stack: {} bytes", board::stack());
    process::exit(status)
}

/// A camera would fill this memory.
fn read(file: &CStr, photo: &mut [u8]) -> io::Result<()> {
    File::open(file)?.read_exact(photo)
}
