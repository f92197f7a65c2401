#define _POSIX_C_SOURCE 200809L
#include "run_watch.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "library.h"

/* Between two lines of progress. */
#define SHOW_EVERY_MS 150.0

/* A handler has no other way to tell; threads of a run read it. */
static atomic_int caught_signal;

static void catch_signal(int number) {
    caught_signal = number;
}

void run_watch_start(enum progress when, const struct console *console, struct run_watch *watch) {
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = (int) SA_RESETHAND};
    /* The report comes at the end, so that it does not meet the progress on a terminal. */
    struct console quiet_stdout = *console;
    quiet_stdout.stdout_taken = true;
    *watch = (struct run_watch){.meter = progress_start(when, &quiet_stdout, 2)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int32_t is_cancelled(void *user) {
    (void) user;
    return caught_signal != 0;
}

static void show(void *user, size_t done, size_t total, size_t failed) {
    struct run_watch *watch = user;
    double now = clock_ms();
    if (done == total || now - watch->shown_ms >= SHOW_EVERY_MS) {
        watch->shown_ms = now;
        watch->meter.total = total;
        progress_show(&watch->meter, done, failed);
    }
}

struct vitlrp_eval_observer run_watch_observer(struct run_watch *watch) {
    return (struct vitlrp_eval_observer){
        .progress = show, .cancelled = is_cancelled, .user = watch};
}

int run_watch_signal(void) {
    return caught_signal;
}
