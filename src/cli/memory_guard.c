/* OpenBLAS takes a buffer when it is loaded, before main, and never returns if the address space
 * has no room for it (ulimit -v): a question that must be asked still earlier, while the program
 * loader runs. Nothing is exported; the loader finds the function. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

/* Sanitizers have not begun by then, and cannot run with a limit of the address space anyway. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GUARD_IS_OFF
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GUARD_IS_OFF
#endif
#endif

#if defined(__ELF__) && defined(__GLIBC__) && !defined(GUARD_IS_OFF)

/* Two buffers of 129 MiB on x86-64, and what the rest of the start takes. */
#define NEEDED ((size_t) 272 << 20)
#define EXIT_LIMIT 5

static void check_address_space(void) {
    static const char MESSAGE[] =
        "vitlrp: out of memory: 272 MiB of address space are needed to start (see ulimit -v)\n";
    void *room = mmap(NULL, NEEDED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        munmap(room, NEEDED);
        return;
    }
    if (write(STDERR_FILENO, MESSAGE, sizeof MESSAGE - 1) < 0) {
        _exit(EXIT_LIMIT); /* as well, and there is nowhere to say more */
    }
    _exit(EXIT_LIMIT);
}

/* Functions of this section run before the libraries' own. */
__attribute__((section(".preinit_array"),
               used)) static void (*const guard)(void) = check_address_space;

#endif
