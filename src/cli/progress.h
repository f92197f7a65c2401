/* Progress over several images on standard error. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "console.h"
#include "settings.h"

struct progress_meter {
    bool json;     /* one object a line */
    bool enabled;  /* says anything at all */
    bool rewrites; /* the line is overwritten: a terminal */
    size_t total;
    double start_ms;
};

/* auto: only for several images, on a terminal to which no report goes as well. */
struct progress_meter progress_start(enum progress when, const struct console *console,
                                     size_t total);

void progress_show(const struct progress_meter *meter, size_t done, size_t failed);

#endif
