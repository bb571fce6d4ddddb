//! What kernels touch: their maps, scratch and vectors as places in the arena, in bytes.

use mobilenet_kernels::layout::{ByteMap, Map, Order, padded};
use mobilenet_kernels::quantised;
use mobilenet_kernels::quantised::layer::Dequantise;

use super::memory::{Holds, Span};
use super::{ByteKernel, Kernel};

/// Where a map lies, in bytes, be it of floats or of bytes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) height: usize,
    row_len: usize,
    order: Order,
}

/// What a kernel reads, writes and uses, as places in the arena.
pub(super) struct Uses {
    pub(super) input: Option<Place>,
    /// A map, where the output is one.
    pub(super) output: Option<Place>,
    pub(super) scratch: Vec<(Holds, [usize; 2])>,
    /// Output rows at a time.
    pub(super) strip: usize,
}

impl Place {
    fn floats(map: &Map) -> Place {
        let size = size_of::<f32>();
        Place {
            offset: map.offset * size,
            height: map.height,
            row_len: map.row_len() * size,
            order: map.order,
        }
    }

    fn bytes(map: &ByteMap) -> Place {
        Place { offset: map.offset, height: map.height, row_len: map.row_len(), order: map.order }
    }

    /// Rows that there is room for.
    fn slots(&self) -> usize {
        match self.order {
            Order::Plane => self.height,
            Order::Rows { slots, .. } => slots,
        }
    }

    pub(super) fn end(&self) -> usize {
        self.offset + self.slots() * self.row_len
    }

    /// Rows that are in memory at once.
    pub(super) fn kept(&self) -> usize {
        self.slots().min(self.height)
    }

    /// Where the rows lie.
    pub(super) fn spans(&self) -> Vec<Span> {
        let rows = self.kept();
        let (slots, first) = match self.order {
            Order::Plane => (rows, 0),
            // Of a ring that is shorter than the map every slot is taken, whichever row is in it.
            Order::Rows { slots, .. } if slots <= rows => (slots, 0),
            Order::Rows { slots, first } => (slots, first),
        };
        let span = |slot: usize, row: usize, rows: usize| Span {
            offset: self.offset + slot * self.row_len,
            len: rows * self.row_len,
            row,
            rows,
        };
        let before_the_end = rows.min(slots - first);
        let mut spans = vec![span(first, 0, before_the_end)];
        if before_the_end < rows {
            spans.push(span(0, before_the_end, rows - before_the_end));
        }
        spans
    }
}

impl Uses {
    fn new(input: Option<Place>, output: Option<Place>) -> Uses {
        let strip = output.map_or(1, |output| output.height);
        Uses { input, output, scratch: Vec::new(), strip }
    }

    /// A layer of floats that works by strips.
    fn by_floats(self, strip: usize, scratch: usize, len: usize) -> Uses {
        let scratch = vec![(Holds::Scratch, [scratch, len].map(|words| words * size_of::<f32>()))];
        Uses { strip, scratch, ..self }
    }

    /// A layer of bytes that works by strips.
    fn by_bytes(mut self, strip: usize, scratch: usize, len: usize) -> Uses {
        self.scratch.push((Holds::Scratch, [scratch, len]));
        Uses { strip, ..self }
    }

    /// A layer of bytes that has row sums, if it has.
    fn with_sums(mut self, sums: Option<usize>, len: usize) -> Uses {
        self.scratch.extend(sums.map(|at| (Holds::Sums, [at, len])));
        self
    }
}

impl Kernel {
    pub(super) fn uses(&self) -> Uses {
        let maps =
            |input: &Map, output: &Map| Uses::new(Some(Place::floats(input)), Some(Place::floats(output)));
        // Elementwise: each value replaces itself.
        let in_place = |map: &Map| Uses { strip: 1, ..maps(map, map) };
        match self {
            Kernel::Stem(checked) => {
                let layer = checked.layer();
                let output = Some(Place::floats(&layer.output));
                Uses::new(None, output).by_floats(layer.strip, layer.lines, layer.lines_len())
            }
            Kernel::Conv(checked) => {
                let layer = checked.layer();
                maps(&layer.input, &layer.output).by_floats(layer.strip, layer.lines, layer.lines_len())
            }
            Kernel::Separable(checked) => {
                let layer = checked.layer();
                maps(&layer.input, &layer.output).by_floats(layer.strip, layer.scratch, layer.scratch_len())
            }
            Kernel::Depthwise(checked) => maps(&checked.layer().input, &checked.layer().output),
            Kernel::Pointwise(checked) => maps(&checked.layer().input, &checked.layer().output),
            Kernel::BatchNorm(checked) => in_place(&checked.layer().map),
            Kernel::Activation(checked) => in_place(&checked.layer().map),
            Kernel::Pool(checked) => Uses::new(Some(Place::floats(&checked.layer().input)), None),
            Kernel::FullyConnected(_) | Kernel::Softmax(_) => Uses::new(None, None),
            Kernel::Bytes(kernel) => kernel.uses(),
        }
    }

    /// Vectors that it writes, if it writes no map: offset and length of each.
    pub(super) fn vectors(&self, len: usize) -> Option<(Holds, Vec<[usize; 2]>)> {
        let size = size_of::<f32>();
        let floats = |offset: usize| vec![[offset * size, padded(len) * size]];
        let both = |bytes: usize, numbers: &Dequantise| {
            vec![[bytes, quantised::layout::padded(len)], [numbers.output * size, len * size]]
        };
        match self {
            Kernel::Pool(layer) => Some((Holds::Features, floats(layer.layer().output))),
            Kernel::FullyConnected(layer) => Some((Holds::Output, floats(layer.layer().output))),
            Kernel::Bytes(ByteKernel::Pool(layer, numbers)) => {
                Some((Holds::Features, both(layer.layer().output, numbers.layer())))
            }
            Kernel::Bytes(ByteKernel::FullyConnected(layer, numbers)) => {
                Some((Holds::Output, both(layer.layer().output, numbers.layer())))
            }
            _ => None,
        }
    }
}

impl ByteKernel {
    pub(super) fn uses(&self) -> Uses {
        let maps = |input: &ByteMap, output: &ByteMap| {
            Uses::new(Some(Place::bytes(input)), Some(Place::bytes(output)))
        };
        match self {
            ByteKernel::Stem(checked) => {
                let layer = checked.layer();
                Uses::new(None, Some(Place::bytes(&layer.output)))
                    .by_bytes(layer.strip, layer.lines, layer.lines_len())
                    .with_sums(layer.sums, layer.sums_len())
            }
            ByteKernel::Separable(checked) => {
                let layer = checked.layer();
                maps(&layer.input, &layer.output)
                    .by_bytes(layer.strip, layer.scratch, layer.scratch_len())
                    .with_sums(layer.sums, layer.sums_len())
            }
            ByteKernel::Depthwise(checked) => maps(&checked.layer().input, &checked.layer().output),
            ByteKernel::Pointwise(checked) => {
                let layer = checked.layer();
                maps(&layer.input, &layer.output).with_sums(layer.sums, layer.sums_len())
            }
            ByteKernel::Pool(checked, _) => Uses::new(Some(Place::bytes(&checked.layer().input)), None),
            ByteKernel::FullyConnected(..) => Uses::new(None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_wrap_around_the_end_of_their_ring() {
        let map =
            |slots, first| Place { offset: 100, height: 4, row_len: 16, order: Order::Rows { slots, first } };
        let found = |map: Place| -> Vec<[usize; 4]> {
            map.spans().iter().map(|span| [span.offset, span.len, span.row, span.rows]).collect()
        };
        assert_eq!(found(map(5, 0)), [[100, 64, 0, 4]]);
        assert_eq!(found(map(5, 4)), [[164, 16, 0, 1], [100, 48, 1, 3]]);
        assert_eq!(found(map(3, 2)), [[100, 48, 0, 3]]);
        assert_eq!(found(map(8, 2)), [[132, 64, 0, 4]]);
    }
}
