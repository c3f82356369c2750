// The memory manager of a filter: it hands out the rest of the one page, and
// takes nothing back, because the host puts memory and globals back to their
// first values after each visit (class restored). What does not fit traps, and
// the visit is answered by the fail mode. AssemblyScript's own managers grow
// the memory, which a filter may not.
//
// Before a block stands its size; before an object two words for a collector,
// the number of its class and its size, as the language wants it.

const OBJECT: usize = 16;
const END: usize = 65536;

// A block's address is a multiple of 16, with its size in the 4 bytes before.
// @ts-ignore: decorator
@lazy let next: usize = ((__heap_base + 4 + 15) & ~15) - 4;

// @ts-ignore: decorator
@unsafe @global
function __alloc(size: usize): usize {
  if (size > END) unreachable();
  const block = next + 4;
  next = ((block + size + 4 + 15) & ~15) - 4;
  if (block + size > END) unreachable();
  store<u32>(block - 4, size as u32);
  return block;
}

// @ts-ignore: decorator
@unsafe @global
function __realloc(old: usize, size: usize): usize {
  const before: usize = load<u32>(old - 4);
  if (size <= before) return old;
  const fresh = __alloc(size);
  memory.copy(fresh, old, before);
  return fresh;
}

// @ts-ignore: decorator
@unsafe @global
function __free(_block: usize): void {}

// @ts-ignore: decorator
@unsafe @global
function __new(size: usize, id: u32): usize {
  if (size > END) unreachable();
  const object = __alloc(OBJECT + size) + OBJECT;
  memory.fill(object, 0, size); // a class that keeps its memory has things there
  store<u32>(object - 8, id);
  store<u32>(object - 4, size as u32);
  return object;
}

// @ts-ignore: decorator
@unsafe @global
function __renew(old: usize, size: usize): usize {
  if (size > END) unreachable();
  const before: usize = load<u32>(old - 4);
  const fresh = __realloc(old - OBJECT, OBJECT + size) + OBJECT;
  if (size > before) memory.fill(fresh + before, 0, size - before);
  store<u32>(fresh - 4, size as u32);
  return fresh;
}

/** Takes everything back, as the host does after a visit. */
// @ts-ignore: decorator
@unsafe @global
function __reset(): void {
  next = ((__heap_base + 4 + 15) & ~15) - 4;
}

// What follows has nothing to do where nothing is collected.

// @ts-ignore: decorator
@unsafe @global
function __link(_parent: usize, _child: usize, _multiple: bool): void {}

// @ts-ignore: decorator
@unsafe @global
function __pin(object: usize): usize {
  return object;
}

// @ts-ignore: decorator
@unsafe @global
function __unpin(_object: usize): void {}

// @ts-ignore: decorator
@unsafe @global
function __collect(): void {}

// @ts-ignore: decorator
@unsafe @global
function __visit(_object: usize, _cookie: u32): void {}
