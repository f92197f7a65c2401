/* The memory that a sanitizer's allocator gives, which calls back. */
#include <stdatomic.h>
#include <stddef.h>

#include "fuzz/bounds.h"

/* As in sanitizer/allocator_interface.h, which gcc does not bring. */
int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*given)(const volatile void *));
size_t __sanitizer_get_current_allocated_bytes(void);

#define STEP ((size_t) 1 << 20)

/* The sum over all threads costs too much to be made for every block. */
static void taken(const volatile void *block, size_t size) {
    static atomic_size_t unseen;
    (void) block;
    if (atomic_fetch_add(&unseen, size) + size >= STEP) {
        atomic_store(&unseen, 0);
        bounds_note(bounds_held());
    }
}

static void given(const volatile void *block) {
    (void) block;
}

void bounds_watch_memory(void) {
    __sanitizer_install_malloc_and_free_hooks(taken, given);
}

size_t bounds_held(void) {
    return __sanitizer_get_current_allocated_bytes();
}
