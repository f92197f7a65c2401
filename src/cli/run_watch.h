/* A long run as its user meets it: progress, and signals that end it in good order. */
#ifndef CLI_RUN_WATCH_H
#define CLI_RUN_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "console.h"
#include "settings.h"
#include "vitlrp_eval.h"

struct progress_meter {
    bool json;     /* one object a line */
    bool enabled;  /* says anything at all */
    bool rewrites; /* the line is overwritten: a terminal */
    size_t total;
    size_t before; /* that an earlier run has done: they took no time of this one */
    double start_ms;
};

/* auto: only for several images, on a terminal to which no report goes as well. */
struct progress_meter progress_start(enum progress when, const struct console *console,
                                     size_t total);

void progress_show(const struct progress_meter *meter, size_t done, size_t failed);

struct run_watch {
    struct progress_meter meter;
    double shown_ms; /* when progress was last shown */
    bool begun;      /* it was told of once */
};

/* SIGINT, SIGTERM and SIGHUP, up to 0: they end a run in order. Others end the process at once:
 * SIGQUIT and SIGXCPU are for whoever wants its memory as it is. */
extern const int RUN_WATCH_ENDING[];

/* Whoever started the program with a signal ignored wants it to continue: nohup does, and a shell
 * for what it runs in the background. */
bool run_watch_heeds(int number);

/* Listens to those that are heeded from here on: the first ends the run within a pass of the images
 * at hand, the second ends the process. */
void run_watch_start(enum progress when, const struct console *console, struct run_watch *watch);

struct vitlrp_eval_observer run_watch_observer(struct run_watch *watch);

/* Listens likewise, for a run that shows its progress itself; the observer of its sessions. */
struct vitlrp_session_observer run_watch_listen(void);

/* A signal that ends the run has come, or waits: passes hold signals back from their threads, and
 * where all threads compute it would wait for the end of a pass. */
bool run_watch_is_ending(void);

/* The signal that came, or 0. */
int run_watch_signal(void);

/* How a program reports that signal to its shell: 128 and its number. */
enum exit_code run_watch_code(void);

/* Of a failure, which it reports, or of a pass that the signal has ended, which it does not. */
enum exit_code run_watch_check(enum vitlrp_status status, enum exit_code stage,
                               const struct vitlrp_error *err);

/* Says that a signal has ended the run, if that is its code. */
void run_watch_tell(const struct console *console, enum exit_code code);

/* Between the run and what is said of it: if a terminal that hung up has ended the run, what would
 * be written there goes nowhere, instead of failing. */
void run_watch_end(void);

#endif
