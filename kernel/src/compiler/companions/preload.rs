//! Loaded into a compiler before it starts: makes it wait for cells, and compile each in a copy of
//! itself.
//!
//! The compiler is started on a crate that names the helpers and then includes a file. When it
//! comes to open that file, it has loaded all that cells have in common. There it stops: for each
//! request it forks, and the copy goes on with the file as it is then. It is compiled by itself,
//! not with the kernel: see `companions.rs`.
#![no_std]

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

const REQUESTS: &CStr = c"MOMENTUM_REQUESTS";
const REPLIES: &CStr = c"MOMENTUM_REPLIES";
/// The file at which the compiler stops.
const CELL: &CStr = c"MOMENTUM_CELL";
/// The file for what a copy says.
const MESSAGES: &CStr = c"MOMENTUM_MESSAGES";

const NEXT: *mut c_void = -1_isize as *mut c_void;
const WRITE_NEW: c_int = 0o1 | 0o100 | 0o1000;
const ON_PARENTS_DEATH: c_int = 1;
const KILL: usize = 9;

const READ_ONLY: c_int = 0;
const UNUSED: c_int = 4;
/// What `/proc/self/maps` is read with; longer than any of its lines.
const LINES: usize = 16 * 1024;

type Open = unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int;

#[link(name = "c")]
unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *const c_char;
    fn atoi(text: *const c_char) -> c_int;
    fn fork() -> c_int;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn read(file: c_int, bytes: *mut c_void, length: usize) -> isize;
    fn write(file: c_int, bytes: *const c_void, length: usize) -> isize;
    fn dup2(file: c_int, other: c_int) -> c_int;
    fn close(file: c_int) -> c_int;
    fn prctl(option: c_int, value: usize) -> c_int;
    fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    fn _exit(code: c_int) -> !;
}

/// # Safety
/// As the C library's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_next(c"open64", path, flags, mode) }
}

/// # Safety
/// As the C library's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_next(c"open", path, flags, mode) }
}

unsafe fn open_next(name: &CStr, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe {
        let function = dlsym(NEXT, name.as_ptr());
        if function.is_null() {
            _exit(97);
        }
        let next = core::mem::transmute::<*mut c_void, Open>(function);
        let cell = getenv(CELL.as_ptr());
        if !cell.is_null() && CStr::from_ptr(cell) == CStr::from_ptr(path) {
            serve(next);
        }
        next(path, flags, mode)
    }
}

/// Returns in a copy, once for each request.
unsafe fn serve(next: Open) {
    unsafe {
        let number = |name: &CStr| match getenv(name.as_ptr()) {
            text if text.is_null() => -1,
            text => atoi(text),
        };
        let (requests, replies) = (number(REQUESTS), number(REPLIES));
        give_back(next);
        let say = |value: c_int| write(replies, (&raw const value).cast(), size_of::<c_int>());
        loop {
            let mut request = 0_u8;
            if read(requests, (&raw mut request).cast(), 1) != 1 {
                _exit(0);
            }
            let process = fork();
            if process == 0 {
                prctl(ON_PARENTS_DEATH, KILL);
                close(requests);
                close(replies);
                let messages = next(getenv(MESSAGES.as_ptr()), WRITE_NEW, 0o600);
                dup2(messages, 2);
                close(messages);
                return;
            }
            say(process);
            let mut status = 1;
            if process > 0 {
                waitpid(process, &raw mut status, 0);
            }
            say(status);
        }
    }
}

/// Gives back the pages of files that were read to load what cells have in common. They stay in the
/// system's cache, from which a copy would take its own in any case: a fork does not pass them on.
unsafe fn give_back(open: Open) {
    unsafe {
        let maps = open(c"/proc/self/maps".as_ptr(), READ_ONLY, 0);
        if maps < 0 {
            return;
        }
        let (mut buffer, mut kept) = ([0_u8; LINES], 0);
        loop {
            let got = read(maps, (&raw mut buffer).cast::<u8>().add(kept).cast(), LINES - kept);
            let Ok(got @ 1..) = usize::try_from(got) else { break };
            let end = kept + got;
            let mut begin = 0;
            while let Some(length) = buffer[begin..end].iter().position(|&byte| byte == b'\n') {
                if let Some((start, length)) = unchanged(&buffer[begin..begin + length]) {
                    madvise(start as *mut c_void, length, UNUSED);
                }
                begin += length + 1;
            }
            buffer.copy_within(begin..end, 0);
            kept = end - begin;
        }
        close(maps);
    }
}

/// Where a mapping of a file begins and how long it is, if nothing can have been written to it: code,
/// and what is read-only from the file's beginning. Other read-only parts of a library have addresses
/// written into them when it is loaded.
fn unchanged(line: &[u8]) -> Option<(usize, usize)> {
    let mut fields = line.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    let (place, permissions, offset) = (fields.next()?, fields.next()?, fields.next()?);
    let file = fields.nth(1)? != b"0";
    let whole = permissions == b"r--p" && offset.iter().all(|&digit| digit == b'0');
    if !file || !(whole || permissions == b"r-xp") {
        return None;
    }
    let mut ends = place.split(|&byte| byte == b'-').map(hexadecimal);
    let (start, end) = (ends.next()??, ends.next()??);
    Some((start, end.checked_sub(start)?))
}

fn hexadecimal(text: &[u8]) -> Option<usize> {
    usize::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe { _exit(97) }
}
