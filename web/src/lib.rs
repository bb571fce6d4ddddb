//! The WebAssembly half of the npm package: functions for `js/index.js` to call, on one model; more models are more instances
//! of the module.
//!
//! JavaScript writes into the buffer that [`mobilenet_input`] gives it, calls a function, and reads what [`mobilenet_output`]
//! and [`mobilenet_text`] point to: all memory belongs to this side and no pointer is ever taken from the other, so that no
//! `unsafe` block is needed. A negative number says that something is wrong, and the text says what.

mod session;

use std::cell::RefCell;

use mobilenet_runtime::{Error, Weights};
use session::{Session, Wanted, open};

thread_local! {
    static STATE: RefCell<State> =
        const { RefCell::new(State { input: Vec::new(), output: Vec::new(), text: String::new(), session: None }) };
}

/// Everything there is.
struct State {
    input: Vec<u8>,
    output: Vec<f32>,
    text: String,
    session: Option<Box<dyn Session>>,
}

impl State {
    fn load(&mut self) -> Result<usize, Error> {
        let session = open(Weights::from_bytes(&std::mem::take(&mut self.input))?)?;
        self.text = session.describe();
        self.session = Some(session);
        Ok(0)
    }

    fn run(&mut self, width: u32, height: u32, wanted: Wanted) -> Result<usize, Error> {
        let session = self.session.as_mut().ok_or_else(|| Error::Image("no model is loaded".into()))?;
        let prepared;
        let pixels = match width {
            0 => &self.input,
            _ => {
                prepared = session.prepare(&self.input, width, height)?;
                &prepared
            }
        };
        self.output.clear();
        session.run(pixels, wanted, &mut self.output)?;
        Ok(self.output.len())
    }

    /// A number for JavaScript; what is wrong goes into the text.
    fn answer(&mut self, result: Result<usize, Error>) -> i32 {
        result.map_or_else(
            |error| {
                self.text = error.to_string();
                -1
            },
            |value| value as i32,
        )
    }
}

fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(f)
}

/// Makes the input so many bytes long, and returns where it is.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_input(len: usize) -> *mut u8 {
    with(|state| {
        state.input.resize(len, 0);
        state.input.as_mut_ptr()
    })
}

/// Where the values of the last run are.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_output() -> *const f32 {
    with(|state| state.output.as_ptr())
}

/// Where the text is: what the model is, or what is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_text() -> *const u8 {
    with(|state| state.text.as_ptr())
}

/// Bytes of the text.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_text_len() -> usize {
    with(|state| state.text.len())
}

/// Takes the input for a file of packed weights. The text then has a fact a line: instruction set, name, height, width,
/// channels, classes, length of embeddings, bytes of working memory, multiply-adds; and then the labels.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_load() -> i32 {
    with(|state| {
        let result = state.load();
        state.answer(result)
    })
}

/// Runs the model on the input, and returns how many values the output has. The input is a photo of `width` x `height` pixels
/// of four bytes, cropped and resized as the weights' family does it, or where `width` is zero exactly the bytes that the
/// network takes. `wanted` is 0 for the embedding, 1 for logits, 2 for probabilities.
#[unsafe(no_mangle)]
pub extern "C" fn mobilenet_run(width: u32, height: u32, wanted: u32) -> i32 {
    let wanted = match wanted {
        0 => Wanted::Embedding,
        1 => Wanted::Logits,
        _ => Wanted::Probabilities,
    };
    with(|state| {
        let result = state.run(width, height, wanted);
        state.answer(result)
    })
}
