//! A wall clock that a test moves by hand, preloaded into a server (`LD_PRELOAD`).
//!
//! Redis dates and expires sessions by its own clock, so a test of "30 days later" has to move that
//! clock. libfaketime can't: it calls into jemalloc, which asks for the time while it starts. This
//! one allocates nothing: the time is read from eight bytes of a mapped file, milliseconds since
//! the epoch, which the test rewrites. The monotonic clock stays real, so timers go on.

#![no_std]

use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanos: i64,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    micros: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(
        address: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
}

const CLOCK_REALTIME: c_int = 0;
const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;

/// The mapped milliseconds; null before `init`, and where no file is named.
static MILLIS: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());

extern "C" fn init() {
    // Safety: called once by the loader, before any thread; the file outlives the process's need.
    unsafe {
        let path = getenv(c"SESSION_TEST_CLOCK".as_ptr());
        if path.is_null() {
            return;
        }
        let file = open(path, 0);
        if file < 0 {
            return;
        }
        let mapped = mmap(null_mut(), 8, PROT_READ, MAP_SHARED, file, 0);
        if mapped as isize != -1 {
            MILLIS.store(mapped.cast(), Ordering::Relaxed);
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static INIT: extern "C" fn() = init;

fn millis() -> Option<i64> {
    let mapped = MILLIS.load(Ordering::Relaxed);
    // Safety: either null or a mapping that is never undone.
    unsafe { mapped.as_ref() }.map(|millis| millis.load(Ordering::Relaxed))
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    match millis() {
        Some(millis) if clock == CLOCK_REALTIME => {
            let (seconds, nanos) = (millis / 1000, millis % 1000 * 1_000_000);
            unsafe { time.write(Timespec { seconds, nanos }) };
            0
        }
        _ => unsafe { syscall(SYS_CLOCK_GETTIME, clock as c_long, time) as c_int },
    }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut c_void) -> c_int {
    let mut now = Timespec { seconds: 0, nanos: 0 };
    unsafe {
        clock_gettime(CLOCK_REALTIME, &mut now);
        time.write(Timeval { seconds: now.seconds, micros: now.nanos / 1000 });
    }
    0
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(out: *mut i64) -> i64 {
    let mut now = Timespec { seconds: 0, nanos: 0 };
    unsafe {
        clock_gettime(CLOCK_REALTIME, &mut now);
        if !out.is_null() {
            out.write(now.seconds);
        }
    }
    now.seconds
}
