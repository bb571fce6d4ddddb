//! A checked reader of FlatBuffers (<https://flatbuffers.dev/internals/>): whatever an offset says, reading stays
//! inside the file.
//!
//! A table begins with the distance back to its vtable; that lists its own length, the table's length, and for each
//! field the field's distance from the table's begin, 0 for a field left out. Vectors, strings and tables in fields
//! are distances forward; a vector begins with its length.

/// A table in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
}

/// A vector of scalars, or of distances to tables and strings.
#[derive(Clone, Copy)]
pub(super) struct Vector<'a> {
    bytes: &'a [u8],
    at: usize,
    len: usize,
}

/// The `N` bytes at a position.
fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The position that a distance at `at` leads to.
fn follow(bytes: &[u8], at: usize) -> Option<usize> {
    at.checked_add(u32::from_le_bytes(get(bytes, at)?) as usize)
}

impl<'a> Table<'a> {
    /// The table that the buffer begins with.
    pub(super) fn root(bytes: &'a [u8]) -> Option<Table<'a>> {
        Table::new(bytes, follow(bytes, 0)?)
    }

    fn new(bytes: &'a [u8], at: usize) -> Option<Table<'a>> {
        let back = i32::from_le_bytes(get(bytes, at)?);
        let vtable = usize::try_from(at as i64 - i64::from(back)).ok()?;
        get::<4>(bytes, vtable)?;
        Some(Table { bytes, at, vtable })
    }

    /// Where a field's value lies; None where it was left out.
    fn field(&self, index: usize) -> Option<usize> {
        let entry = 4 + 2 * index;
        if entry + 2 > usize::from(u16::from_le_bytes(get(self.bytes, self.vtable)?)) {
            return None;
        }
        match u16::from_le_bytes(get(self.bytes, self.vtable + entry)?) {
            0 => None,
            distance => Some(self.at + usize::from(distance)),
        }
    }

    fn scalar<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        get(self.bytes, self.field(index)?)
    }

    /// A byte, 0 where it was left out.
    pub(super) fn u8(&self, index: usize) -> u8 {
        self.scalar(index).map_or(0, u8::from_le_bytes)
    }

    /// An integer, 0 where it was left out.
    pub(super) fn i32(&self, index: usize) -> i32 {
        self.i32_or(index, 0)
    }

    /// An integer, with the schema's default.
    pub(super) fn i32_or(&self, index: usize, default: i32) -> i32 {
        self.scalar(index).map_or(default, i32::from_le_bytes)
    }

    /// A float, 0 where it was left out.
    pub(super) fn f32(&self, index: usize) -> f32 {
        self.scalar(index).map_or(0.0, f32::from_le_bytes)
    }

    /// A table in a field.
    pub(super) fn table(&self, index: usize) -> Option<Table<'a>> {
        Table::new(self.bytes, follow(self.bytes, self.field(index)?)?)
    }

    /// A vector in a field; empty where it was left out.
    pub(super) fn vector(&self, index: usize) -> Vector<'a> {
        let vector = || Vector::new(self.bytes, follow(self.bytes, self.field(index)?)?);
        vector().unwrap_or(Vector { bytes: &[], at: 0, len: 0 })
    }

    /// A string in a field; empty where it was left out or is no UTF-8.
    pub(super) fn string(&self, index: usize) -> &'a str {
        std::str::from_utf8(self.vector(index).bytes(1)).unwrap_or("")
    }
}

impl<'a> Vector<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Option<Vector<'a>> {
        let len = u32::from_le_bytes(get(bytes, at)?) as usize;
        Some(Vector { bytes, at: at + 4, len })
    }

    /// The elements' bytes, if they are all inside the buffer; else none.
    pub(super) fn bytes(&self, element: usize) -> &'a [u8] {
        let end = self.len.checked_mul(element).and_then(|len| self.at.checked_add(len));
        end.and_then(|end| self.bytes.get(self.at..end)).unwrap_or(&[])
    }

    /// Elements as integers.
    pub(super) fn i32s(&self) -> Vec<i32> {
        self.bytes(4).as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect()
    }

    /// Elements as long integers.
    pub(super) fn i64s(&self) -> Vec<i64> {
        self.bytes(8).as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
    }

    /// Elements as floats.
    pub(super) fn f32s(&self) -> Vec<f32> {
        self.bytes(4).as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// The number of elements that are tables.
    pub(super) fn tables_len(&self) -> usize {
        self.bytes(4).len() / 4
    }

    /// Elements as tables; None for one that is not inside the buffer.
    pub(super) fn tables(self) -> impl Iterator<Item = Option<Table<'a>>> {
        (0..self.tables_len()).map(move |i| Table::new(self.bytes, follow(self.bytes, self.at + 4 * i)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of an i32, a left-out field and a string, written by hand.
    const BUFFER: [u8; 34] = [
        16, 0, 0, 0, // root table at 16
        10, 0, 12, 0, 4, 0, 0, 0, 8, 0, // vtable at 4: its length, the table's length, three fields
        0, 0, // alignment
        12, 0, 0, 0, // table at 16, vtable 12 before
        7, 0, 0, 0, // field 0
        4, 0, 0, 0, // field 2: 4 further
        2, 0, 0, 0, b'h', b'i', // string
    ];

    #[test]
    fn fields_present_and_left_out() {
        let table = Table::root(&BUFFER).unwrap();
        assert_eq!(table.i32(0), 7);
        assert_eq!(table.i32_or(1, 3), 3);
        assert_eq!(table.string(2), "hi");
        assert_eq!(table.i32(99), 0);
        assert!(table.table(1).is_none());
        assert!(table.vector(3).i32s().is_empty());
    }

    #[test]
    fn no_damage_leads_outside() {
        for at in 0..BUFFER.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = BUFFER;
                damaged[at] = value;
                for length in [BUFFER.len(), at] {
                    let Some(table) = Table::root(&damaged[..length]) else { continue };
                    for field in 0..4 {
                        table.i32(field);
                        table.string(field);
                        table.vector(field).tables().for_each(drop);
                        table.table(field).map(|table| table.u8(0));
                    }
                }
            }
        }
    }
}
