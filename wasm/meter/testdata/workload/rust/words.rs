// A filter that uses the standard library's strings, maps and sorting.
use std::collections::BTreeMap;

static mut VISIT: [u8; 8192] = [0; 8192];
static mut HEAP: [u8; 1 << 17] = [0; 1 << 17];
static mut USED: usize = 0;

// Class restored has a fixed memory, so the allocator works in a fixed room; a
// filter begins each visit with an empty one.
struct Arena;
unsafe impl std::alloc::GlobalAlloc for Arena {
    unsafe fn alloc(&self, l: std::alloc::Layout) -> *mut u8 {
        let at = (USED + l.align() - 1) & !(l.align() - 1);
        if at + l.size() > 1 << 17 {
            return core::ptr::null_mut();
        }
        USED = at + l.size();
        (core::ptr::addr_of_mut!(HEAP) as *mut u8).add(at)
    }
    unsafe fn dealloc(&self, _: *mut u8, _: std::alloc::Layout) {}
}
#[global_allocator]
static ARENA: Arena = Arena;

#[no_mangle]
pub extern "C" fn suodi_abi() -> i32 { 1 }

#[no_mangle]
pub extern "C" fn suodi_visit() -> i32 { unsafe { core::ptr::addr_of!(VISIT) as i32 } }

#[no_mangle]
pub extern "C" fn suodi_filter(n: i32) -> i64 {
    unsafe { USED = 0 };
    let visit = unsafe { &*core::ptr::addr_of!(VISIT) };
    let text: String = visit[..n as usize].iter().map(|b| *b as char).collect::<String>().to_lowercase();
    let mut counts = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        *counts.entry(word).or_insert(0u32) += 1;
    }
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by_key(|x| (x.1, x.0.len()));
    (list.iter().map(|x| x.1 as i64 * x.0.len() as i64).sum::<i64>() & 0xffffff) << 8
}
