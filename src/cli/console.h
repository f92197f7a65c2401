/* What the command says to people: one line each on standard error, and reports on standard output.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

/* What a script may rely on; README lists them. */
enum exit_code {
    CODE_DONE = 0,
    CODE_ITEMS = 1, /* finished, some items failed */
    CODE_USAGE = 2,
    CODE_INPUT = 3,  /* the model, or the only input, is unusable */
    CODE_OUTPUT = 4, /* an output or the system failed */
    CODE_LIMIT = 5,  /* a limit or memory */
    CODE_INTERNAL = 70
};

struct console {
    int verbosity;     /* 0 errors only, 1 normal, 2 info, 3 debug */
    bool stdout_taken; /* by data that was asked for: reports stay away */
};

/* "vitlrp: MESSAGE" on standard error. Messages and reports are escaped here (base/text.h). */
void console_error(const char *message);

/* What the library leaves to the program: the option that its users have for it; "" if none. */
const char *console_hint(enum vitlrp_topic topic);

/* The same of a failure, with the option that helps where the library knows of one. */
void console_fail(const struct vitlrp_error *err);

/* "vitlrp: warning: ..." unless quiet. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_warn(const struct console *console, const char *format, ...);

/* "vitlrp: ..." unless quiet: what is no warning, and worth knowing at once. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_tell(const struct console *console, const char *format, ...);

/* Writes the text to standard output. IO if that is closed or full. */
enum vitlrp_status console_write(const struct text *text, struct vitlrp_error *err);

/* A vitlrp_log callback over a const struct console. */
void console_log(void *console, int level, const char *message);

/* Of two steps that are both taken: the code of the first that failed. */
enum exit_code exit_code_first(enum exit_code first, enum exit_code second);

/* CODE_DONE for VITLRP_OK; otherwise prints the error and returns its exit code: its own for usage,
 * limits and bugs, else `stage` (CODE_INPUT or CODE_OUTPUT). */
enum exit_code console_check(enum vitlrp_status status, enum exit_code stage,
                             const struct vitlrp_error *err);

/* Of one output among several that are all tried: the code of the first that failed. A shortage of
 * memory meets the others too, so it is printed once. */
enum exit_code console_check_also(enum exit_code before, enum vitlrp_status status,
                                  enum exit_code stage, const struct vitlrp_error *err);

#endif
