#define _POSIX_C_SOURCE 200809L
#include "run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/formats.h"
#include "machine.h"

/* ---- Progress ---- */

struct progress_meter progress_start(enum progress when, const struct console *console,
                                     size_t total) {
    bool terminal = isatty(STDERR_FILENO) == 1;
    bool report_beside = isatty(STDOUT_FILENO) == 1 && !console->stdout_taken;
    bool wanted = when == PROGRESS_ALWAYS || when == PROGRESS_JSON ||
                  (when == PROGRESS_AUTO && total > 1 && terminal && !report_beside &&
                   console->verbosity > 0);
    return (struct progress_meter){
        .json = when == PROGRESS_JSON,
        .enabled = wanted,
        .rewrites = terminal,
        .total = total,
        .start_ms = clock_ms(),
    };
}

/* "47 s", "12 min", "3 h 20 min": nobody counts the seconds of days. */
static void write_time(double seconds, char *out, size_t size) {
    if (seconds < 600.0) {
        snprintf(out, size, "%.0f s", seconds);
    } else if (seconds < 3600.0) {
        snprintf(out, size, "%.0f min", seconds / 60.0);
    } else if (seconds < 3.6e8) {
        int minutes = (int) (seconds / 60.0);
        snprintf(out, size, "%d h %d min", minutes / 60, minutes % 60);
    } else {
        snprintf(out, size, "years");
    }
}

void progress_show(const struct progress_meter *meter, size_t done, size_t failed) {
    if (!meter->enabled) {
        return;
    }
    double seconds = (clock_ms() - meter->start_ms) * 1e-3;
    double rate = seconds > 0.0 ? (double) (done - meter->before) / seconds : 0.0;
    double left = rate > 0.0 ? (double) (meter->total - done) / rate : 0.0;
    if (meter->json) {
        fprintf(stderr,
                "{\"format\":\"" FORMAT_PROGRESS
                "\",\"done\":%zu,\"total\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"rate\":%.4g}\n",
                done, meter->total, failed, seconds, rate);
        return;
    }
    const char *end = meter->rewrites && done < meter->total ? "\r" : "\n";
    char time_left[32];
    write_time(left, time_left, sizeof time_left);
    fprintf(stderr, "%zu/%zu images, %zu failed, %.1f images/s, %s left  %s", done, meter->total,
            failed, rate, time_left, end);
}

/* ---- Signals ---- */

/* Between two lines of progress. */
#define SHOW_EVERY_MS 150.0

#define CODE_SIGNAL 128

/* A handler has no other way to report; threads of a run read it. */
static atomic_int caught_signal;

/* By now the default action is back in place, so that what is raised here ends the process. */
static void catch_signal(int number) {
    int none = 0;
    if (!atomic_compare_exchange_strong(&caught_signal, &none, number)) {
        raise(number);
    }
}

const int RUN_WATCH_ENDING[] = {SIGINT, SIGTERM, SIGHUP, 0};

bool run_watch_heeds(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN;
}

static void listen_to(int number) {
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = (int) SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    if (run_watch_heeds(number)) {
        sigaction(number, &action, NULL);
    }
}

void run_watch_start(enum progress when, const struct console *console, struct run_watch *watch) {
    /* The report comes at the end, so that it does not meet the progress on a terminal. */
    struct console quiet_stdout = *console;
    quiet_stdout.stdout_taken = true;
    *watch = (struct run_watch){.meter = progress_start(when, &quiet_stdout, 2)};
    run_watch_listen();
}

bool run_watch_is_ending(void) {
    sigset_t waiting;
    bool found = caught_signal != 0;
    sigemptyset(&waiting);
    sigpending(&waiting);
    for (const int *number = RUN_WATCH_ENDING; *number != 0 && !found; number++) {
        found = sigismember(&waiting, *number) == 1 && run_watch_heeds(*number);
    }
    return found;
}

static int32_t is_cancelled(void *user) {
    (void) user;
    return run_watch_is_ending() ? 1 : 0;
}

struct vitlrp_session_observer run_watch_listen(void) {
    for (const int *number = RUN_WATCH_ENDING; *number != 0; number++) {
        listen_to(*number);
    }
    return (struct vitlrp_session_observer){.cancelled = is_cancelled};
}

static void watch_show(void *user, size_t done, size_t total, size_t failed) {
    struct run_watch *watch = user;
    double now = clock_ms();
    if (!watch->begun &&
        done > 1) { /* a run that is resumed tells what there is before it begins */
        watch->meter.before = done;
        watch->meter.start_ms = now;
    }
    watch->begun = true;
    if (done == total || now - watch->shown_ms >= SHOW_EVERY_MS) {
        watch->shown_ms = now;
        watch->meter.total = total;
        progress_show(&watch->meter, done, failed);
    }
}

struct vitlrp_eval_observer run_watch_observer(struct run_watch *watch) {
    return (struct vitlrp_eval_observer){
        .progress = watch_show, .cancelled = is_cancelled, .user = watch};
}

int run_watch_signal(void) {
    return caught_signal;
}

enum exit_code run_watch_code(void) {
    return (enum exit_code)(CODE_SIGNAL + caught_signal);
}

enum exit_code run_watch_check(enum vitlrp_status status, enum exit_code stage,
                               const struct vitlrp_error *err) {
    return status == VITLRP_CANCELLED && caught_signal != 0 ? run_watch_code()
                                                            : console_check(status, stage, err);
}

void run_watch_tell(const struct console *console, enum exit_code code) {
    if (caught_signal != 0 && code == run_watch_code()) {
        console_warn(console, "stopped; what was done is written");
    }
}

/* True for a terminal that has hung up: whatever is done with it fails. */
static bool is_gone(int descriptor) {
    return isatty(descriptor) == 0 && errno == EIO;
}

void run_watch_end(void) {
    int nowhere = caught_signal == SIGHUP ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (nowhere < 0) {
        return;
    }
    for (int descriptor = STDOUT_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (is_gone(descriptor)) {
            dup2(nowhere, descriptor);
        }
    }
    close(nowhere);
}
