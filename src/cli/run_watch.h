/* What goes on while a batch, an evaluation or a search runs: progress on standard error, and
 * signals that end it early with what it has. */
#ifndef CLI_RUN_WATCH_H
#define CLI_RUN_WATCH_H

#include "console.h"
#include "progress.h"
#include "settings.h"
#include "vitlrp_eval.h"

struct run_watch {
    struct progress_meter meter;
    double shown_ms; /* when progress was last shown */
};

/* Listens to SIGINT, SIGTERM and SIGHUP from here on, but for those that are ignored: the first
 * ends the run when the images at hand are done, the second ends the process. */
void run_watch_start(enum progress when, const struct console *console, struct run_watch *watch);

struct vitlrp_eval_observer run_watch_observer(struct run_watch *watch);

/* The signal that came, or 0. */
int run_watch_signal(void);

/* How a program tells its shell of that signal: 128 and its number. */
enum exit_code run_watch_code(void);

/* Between the run and what is said of it: if a terminal that hung up has ended the run, what would
 * be written there goes nowhere, instead of failing. */
void run_watch_end(void);

#endif
