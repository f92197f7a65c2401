/* What goes on while an evaluation runs: progress on standard error, and signals that end it early
 * with what it has. */
#ifndef CLI_EVAL_WATCH_H
#define CLI_EVAL_WATCH_H

#include "console.h"
#include "progress.h"
#include "settings.h"
#include "vitlrp_eval.h"

struct eval_watch {
    struct progress_meter meter;
    double shown_ms; /* when progress was last shown */
};

/* Listens to SIGINT and SIGTERM from here on: the first ends the run when the images at hand are
 * done, the second ends the process. */
void eval_watch_start(enum progress when, const struct console *console, struct eval_watch *watch);

struct vitlrp_eval_observer eval_watch_observer(struct eval_watch *watch);

/* The signal that came, or 0. */
int eval_watch_signal(void);

#endif
