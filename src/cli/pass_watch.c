#define _POSIX_C_SOURCE 200809L
#include "pass_watch.h"

#include <stdio.h>
#include <unistd.h>

#include "base/work_rate.h"
#include "machine.h"
#include "run_watch.h"

/* By then the passes' time is known. */
#define TELL_SECONDS 0.5

/* Nothing is shown of what is over before. */
#define FIRST_MS 1000.0

/* Between two lines on a terminal, and elsewhere. */
#define TERMINAL_MS 200.0
#define ELSEWHERE_MS 30000.0

#define LINE_WIDTH 60
#define LINE_LIMIT 160

struct pass_watch pass_watch_open(enum progress when, const struct console *console) {
    bool wanted = when == PROGRESS_ALWAYS || (when == PROGRESS_AUTO && console->verbosity > 0);
    return (struct pass_watch){.console = console,
                               .enabled = wanted,
                               .rewrites = isatty(STDERR_FILENO) == 1,
                               .for_what = " for a map"};
}

void duration_text(double seconds, char out[DURATION_LIMIT]) {
    if (seconds < 100.0) {
        snprintf(out, DURATION_LIMIT, "%.0f s", seconds < 1.0 ? 1.0 : seconds);
    } else if (seconds < 100.0 * 60.0) {
        snprintf(out, DURATION_LIMIT, "%.0f min", seconds / 60.0);
    } else {
        snprintf(out, DURATION_LIMIT, "%.0f h", seconds / 3600.0);
    }
}

/* The time of the whole: by the passes that are told, else what was expected. */
static double whole_seconds(const struct pass_watch *watch, double seconds) {
    return watch->done > 0 ? seconds * (double) watch->total / (double) watch->done
                           : watch->expected_s;
}

static void tell(struct pass_watch *watch) {
    char whole[DURATION_LIMIT];
    double seconds = (clock_ms() - watch->start_ms) * 1e-3;
    double expected = whole_seconds(watch, seconds);
    if (watch->is_told || seconds < TELL_SECONDS || expected <= 0.0) {
        return;
    }
    watch->is_told = true;
    if (expected > TOLD_SECONDS) {
        duration_text(expected, whole);
        console_tell(watch->console, "%s takes about %s%s", watch->what, whole, watch->for_what);
    }
}

/* What is done by passes that are told is timed by them, everything else by the clock. */
static void append_state(const struct pass_watch *watch, double seconds, char out[LINE_LIMIT]) {
    char passed[DURATION_LIMIT];
    char left[DURATION_LIMIT];
    duration_text(seconds, passed);
    if (watch->done > 0) {
        double share = (double) watch->done / (double) watch->total;
        duration_text(whole_seconds(watch, seconds) - seconds, left);
        snprintf(out, LINE_LIMIT, "%s: %.0f %%, about %s left", watch->what, 100.0 * share, left);
    } else if (watch->expected_s > seconds) {
        duration_text(watch->expected_s, left);
        snprintf(out, LINE_LIMIT, "%s: %s of about %s", watch->what, passed, left);
    } else {
        snprintf(out, LINE_LIMIT, "%s: %s", watch->what, passed);
    }
}

static void show(struct pass_watch *watch) {
    char line[LINE_LIMIT];
    double now = clock_ms();
    double pause = watch->rewrites ? TERMINAL_MS : ELSEWHERE_MS;
    double first = watch->rewrites ? FIRST_MS : ELSEWHERE_MS;
    if (!watch->enabled || now - watch->start_ms < first || now - watch->shown_ms < pause) {
        return;
    }
    watch->shown_ms = now;
    append_state(watch, (now - watch->start_ms) * 1e-3, line);
    if (watch->rewrites) {
        fprintf(stderr, "%-*.*s\r", LINE_WIDTH, LINE_WIDTH, line);
        watch->is_shown = true;
    } else {
        fprintf(stderr, "vitlrp: %s\n", line);
    }
}

static void take_progress(void *user, size_t done, size_t total) {
    struct pass_watch *watch = user;
    watch->done = done;
    watch->total = total;
}

/* The session asks some fifty times a second: the clock of this watch. A signal that waits for the
 * end of the pass gets it. */
static int32_t tick(void *user) {
    tell(user);
    show(user);
    return run_watch_is_ending() ? 1 : 0;
}

struct vitlrp_session_observer pass_watch_observer(struct pass_watch *watch) {
    return (struct vitlrp_session_observer){
        .progress = take_progress, .cancelled = watch->enabled ? tick : NULL, .user = watch};
}

void pass_watch_begin(struct pass_watch *watch, const char *what, double expected_s) {
    watch->what = what;
    watch->start_ms = clock_ms();
    watch->expected_s = expected_s;
    watch->done = watch->total = 0;
}

void pass_watch_end(struct pass_watch *watch) {
    if (watch->is_shown) {
        fprintf(stderr, "%*s\r", LINE_WIDTH, "");
    }
    watch->is_shown = false;
}
