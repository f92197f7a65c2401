#define _GNU_SOURCE
#include "fuzz/bounds.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define BASE_BYTES ((size_t) 64 << 20)
#define BYTES_PER_BYTE ((size_t) 16)
/* A quadratic pass over a grown file takes minutes; a linear one, by sanitizers and with other work
 * beside it on a slow processor, has taken more than a second. */
#define BASE_SECONDS ((size_t) 4)
#define TICK_MS 20 /* of processor time: an input costs no call of the system */
#define TICKS_PER_SECOND (1000 / TICK_MS)

static atomic_bool watching;
static atomic_size_t held_before;
static atomic_size_t most_held;
static atomic_size_t allowed_bytes;
static volatile sig_atomic_t ticks;
static volatile sig_atomic_t allowed_ticks;
static sig_atomic_t most_ticks;
static size_t most_bytes;
static size_t input_bytes;

/* Neither a lock nor memory: it may come from inside of malloc, or from a handler. */
static void stop(const char *message) {
    ssize_t written = write(STDERR_FILENO, message, strlen(message));
    (void) written;
    abort();
}

static void tick(int signal) {
    (void) signal;
    if (atomic_load(&watching) && ++ticks > allowed_ticks) {
        atomic_store(&watching, false); /* a fuzzer still has to write the input down */
        stop("bounds: the input takes more time than its size allows\n");
    }
}

void bounds_note(size_t held) {
    size_t before = atomic_load(&held_before);
    if (!atomic_load(&watching) || held <= before) {
        return;
    }
    size_t taken = held - before;
    if (taken > atomic_load(&most_held)) {
        atomic_store(&most_held, taken);
    }
    if (taken > atomic_load(&allowed_bytes)) {
        atomic_store(&watching, false);
        stop("bounds: the input takes more memory than its size allows\n");
    }
}

/* Once: a timer of the processor's time, whose handler has a stack of its own, since oneDNN's
 * kernels lend theirs (base/signals.h). */
static void start_watching(void) {
    static bool started;
    static char room[1 << 16];
    if (started) {
        return;
    }
    started = true;
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    struct sigaction action = {.sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval timer = {{0, TICK_MS * 1000}, {0, TICK_MS * 1000}};
    action.sa_handler = tick;
    if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGPROF, &action, NULL) != 0 ||
        setitimer(ITIMER_PROF, &timer, NULL) != 0) {
        stop("bounds: no timer\n");
    }
    bounds_watch_memory();
}

void bounds_begin(size_t input_size, const struct bounds *more) {
    size_t megabytes = input_size >> 20;
    input_bytes += input_size;
    start_watching();
    ticks = 0;
    size_t more_ticks = (input_size * more->seconds_per_megabyte >> 10) * TICKS_PER_SECOND >> 10;
    allowed_ticks =
        (sig_atomic_t) ((BASE_SECONDS + megabytes + more->seconds) * TICKS_PER_SECOND + more_ticks);
    atomic_store(&most_held, 0);
    atomic_store(&held_before, bounds_held());
    atomic_store(&allowed_bytes,
                 BASE_BYTES + more->bytes + (BYTES_PER_BYTE + more->bytes_per_byte) * input_size);
    atomic_store(&watching, true);
}

void bounds_end(void) {
    atomic_store(&watching, false);
    most_ticks = ticks > most_ticks ? ticks : most_ticks;
    size_t held = atomic_load(&most_held);
    most_bytes = held > most_bytes ? held : most_bytes;
}

size_t bounds_most_bytes(void) {
    return most_bytes;
}

double bounds_most_seconds(void) {
    return (double) most_ticks / TICKS_PER_SECOND;
}

size_t bounds_input_bytes(void) {
    return input_bytes;
}
