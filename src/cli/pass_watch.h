/* A long pass as its user meets it: an estimate once, and how far it is, on a line that is written
 * over on a terminal, and on one now and then elsewhere. */
#ifndef CLI_PASS_WATCH_H
#define CLI_PASS_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "console.h"
#include "settings.h"
#include "vitlrp.h"

struct pass_watch {
    const struct console *console;
    bool enabled;
    bool rewrites;        /* the line is overwritten: a terminal */
    bool is_shown;        /* a line stands there, to be cleared */
    bool is_told;         /* how long it will take */
    const char *what;     /* is done; a string that lives on */
    const char *for_what; /* behind the time that it takes: " for a map" */
    double start_ms;
    double shown_ms;    /* when the line was last written */
    double expected_s;  /* the whole; 0: unknown */
    size_t done, total; /* passes, 0 while nobody tells */
};

/* auto: unless quiet. */
struct pass_watch pass_watch_open(enum progress when, const struct console *console);

/* The observer of a session; the watch outlives it. */
struct vitlrp_session_observer pass_watch_observer(struct pass_watch *watch);

/* Around a call of the session. */
void pass_watch_begin(struct pass_watch *watch, const char *what, double expected_s);
void pass_watch_end(struct pass_watch *watch);

/* "45 s", "8 min", "3 h". */
#define DURATION_LIMIT 32
void duration_text(double seconds, char out[DURATION_LIMIT]);

#endif
