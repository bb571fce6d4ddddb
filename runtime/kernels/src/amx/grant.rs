//! Whether a process may use AMX: its tiles are state that Linux saves for those processes only that have asked.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

/// Bits of leaf 7 of `cpuid`, in `edx`: AMX-BF16, AMX-TILE and AMX-INT8.
const AMX: u32 = 1 << 22 | 1 << 24 | 1 << 25;

/// `arch_prctl`, its request for a part of the processor's state, and that part: the data of tiles.
const ARCH_PRCTL: u64 = 158;
const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
const XTILEDATA: u64 = 18;

/// Whether the processor multiplies tiles, and Linux lets it. Asks Linux, once, for the whole process.
pub(crate) fn is_granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| has_amx() && request())
}

#[allow(unused_unsafe, reason = "unsafe to call in the oldest Rust that this crate supports, safe in newer")]
fn has_amx() -> bool {
    // SAFETY: every x86-64 processor has `cpuid`.
    unsafe { __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & AMX == AMX }
}

fn request() -> bool {
    let failed: u64;
    // SAFETY: this system call takes two numbers, touches no memory, and changes nothing but a permission; `syscall` overwrites
    // rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => failed,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    failed == 0
}
