#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/formats.h"
#include "library.h"

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

void progress_show(const struct progress_meter *meter, size_t done, size_t failed) {
    if (!meter->enabled) {
        return;
    }
    double seconds = (clock_ms() - meter->start_ms) * 1e-3;
    double rate = seconds > 0.0 ? (double) done / seconds : 0.0;
    double left = rate > 0.0 ? (double) (meter->total - done) / rate : 0.0;
    if (meter->json) {
        fprintf(stderr,
                "{\"format\":\"" FORMAT_PROGRESS
                "\",\"done\":%zu,\"total\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"rate\":%.4g}\n",
                done, meter->total, failed, seconds, rate);
        return;
    }
    const char *end = meter->rewrites && done < meter->total ? "\r" : "\n";
    fprintf(stderr, "%zu/%zu images, %zu failed, %.1f images/s, %.0f s left  %s", done,
            meter->total, failed, rate, left, end);
}
