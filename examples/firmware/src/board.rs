//! What is asked of the board itself: how many instructions something takes, and how much stack there was used.

use core::ptr;

/// Counts down with the processor's clock, modulo 2^24.
const SYSTICK: *mut u32 = 0xe000_e010 as *mut u32;
/// Of QEMU's boards, whose processor, with `-icount shift=0`, does an instruction in a nanosecond: 25 MHz.
const INSTRUCTIONS_A_TICK: u32 = 40;

/// What `work` gives, and how many instructions it took, to a tick; fewer than 670 million.
pub fn instructions<T>(work: impl FnOnce() -> T) -> (T, u32) {
    const MOST: u32 = 0x00ff_ffff;
    // SAFETY: every Cortex-M4 and M7 has this timer there; nobody else uses it.
    let now = || unsafe { ptr::read_volatile(SYSTICK.add(2)) };
    // SAFETY: as above.
    unsafe {
        ptr::write_volatile(SYSTICK.add(1), MOST);
        ptr::write_volatile(SYSTICK.add(2), 0);
        // On, no interrupt, the processor's clock.
        ptr::write_volatile(SYSTICK, 0b101);
    }
    let start = now();
    let result = work();
    (result, (start.wrapping_sub(now()) & MOST) * INSTRUCTIONS_A_TICK)
}

/// The most bytes of stack that have been in use since the start: those that no longer hold what start-up code has painted.
pub fn stack() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, mut word) = (&raw const _stack_start, &raw const _stack_end);
    // SAFETY: the linker script puts both at the ends of the memory that is painted.
    while word < top && unsafe { ptr::read_volatile(word) } == cortex_m_rt::STACK_PAINT_VALUE {
        word = word.wrapping_add(1);
    }
    top as usize - word as usize
}
