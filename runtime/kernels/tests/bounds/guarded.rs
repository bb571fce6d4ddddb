//! Memory between pages that cannot be touched.

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use pages::Guarded;
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) use plain::Guarded;

#[cfg(all(target_os = "linux", not(miri)))]
mod pages {
    use std::ptr;

    /// Values at the end or at the start of their pages.
    pub(crate) struct Guarded {
        pages: *mut libc::c_void,
        bytes: usize,
        values: *mut f32,
        len: usize,
    }

    impl Guarded {
        pub(crate) fn new(values: &[f32], at_the_end: bool) -> Self {
            let page = 4096;
            let inner = size_of_val(values).max(1).next_multiple_of(page);
            let bytes = inner + 2 * page;
            // SAFETY: new pages, of which all but the first and the last may be used; the values lie in these.
            unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let pages = libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
                assert_ne!(pages, libc::MAP_FAILED);
                let start = pages.byte_add(page);
                assert_eq!(libc::mprotect(start, inner, libc::PROT_READ | libc::PROT_WRITE), 0);
                let offset = if at_the_end { inner - size_of_val(values) } else { 0 };
                let start = start.byte_add(offset).cast::<f32>();
                ptr::copy_nonoverlapping(values.as_ptr(), start, values.len());
                Guarded { pages, bytes, values: start, len: values.len() }
            }
        }

        pub(crate) fn slice(&mut self) -> &mut [f32] {
            // SAFETY: there are as many, and the borrow is exclusive.
            unsafe { std::slice::from_raw_parts_mut(self.values, self.len) }
        }
    }

    impl Drop for Guarded {
        fn drop(&mut self) {
            // SAFETY: they were mapped together, and nobody has them any more.
            unsafe { libc::munmap(self.pages, self.bytes) };
        }
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod plain {
    pub(crate) struct Guarded(Box<[f32]>);

    impl Guarded {
        pub(crate) fn new(values: &[f32], _: bool) -> Self {
            Guarded(values.into())
        }

        pub(crate) fn slice(&mut self) -> &mut [f32] {
            &mut self.0
        }
    }
}
