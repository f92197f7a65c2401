#include "base/library.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

/* What Pango, fontconfig and the fonts take of the address space, with the stacks and the heaps of
 * three threads. */
#define PANGO_ADDRESSES ((uint64_t) 256 << 20)
#define PANGO_STACK ((size_t) 256 << 10)

/* Such a library keeps memory to its end, and fontconfig works in threads of Pango that may be at
 * it when the process ends: no leaks of ours. LeakSanitizer asks for these by their names. */
#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_SOUGHT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_SOUGHT
#endif
#endif

#ifdef LEAKS_ARE_SOUGHT
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig.so\nleak:libpango\nleak:libglib\n";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void) {
    return "print_suppressions=0";
}
#endif

static void *do_nothing(void *context) {
    return context;
}

const char *library_pango_obstacle(void) {
    pthread_t thread;
    if (mem_addresses_left() < PANGO_ADDRESSES) {
        return "less than 256 MiB of address space are left (ulimit -v)";
    }
    if (thread_smallest_stack() < PANGO_STACK) {
        return "the stack of a thread is smaller than 256 KiB (ulimit -s)";
    }
    if (!thread_start(&thread, do_nothing, NULL)) {
        return "the system gives no threads";
    }
    pthread_join(thread, NULL);
    return NULL;
}

bool library_load(const char *soname, const char *const *names, size_t count, void *table) {
    /* Never closed: such libraries keep data for each thread, and glib cannot be unloaded. */
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    unsigned char *place = table;
    for (size_t i = 0; library != NULL && i < count; i++) {
        void *found = dlsym(library, names[i]);
        if (found == NULL) {
            return false;
        }
        /* ISO C has no conversion of a pointer to data into one to a function. */
        memcpy(place + i * sizeof found, &found, sizeof found);
    }
    return library != NULL;
}
