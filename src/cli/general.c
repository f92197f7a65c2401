#define _POSIX_C_SOURCE 200809L
#include "general.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "help.h"
#include "limits.h"
#include "machine.h"
#include "vitlrp.h"

#define HELP_LIMIT ((size_t) 1 << 16)

void general_guard_streams(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) == -1) {
            /* open takes the lowest free number, which is this one; opened the wrong way round, so
             * that its use is an error as before. */
            int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
            if (open("/dev/null", mode) != descriptor) {
                return;
            }
        }
    }
}

bool general_is_wanted(const struct args *args) {
    return args->value[OPTION_HELP] != NULL || args->value[OPTION_HELP_SHORT] != NULL ||
           args->value[OPTION_VERSION] != NULL;
}

/* One line, and if `full` what a report of a fault should hold. */
static void append_version(struct text *text, bool full) {
    char build[2048];
    text_printf(text, "vitlrp %s\n", vitlrp_version());
    if (full) {
        char cpu[128];
        machine_cpu(cpu, sizeof cpu);
        vitlrp_describe_build(build, sizeof build);
        struct limits limits;
        limits_init(&limits);
        text_printf(text,
                    "processor: %s, %ld threads\n%slimits: ", cpu[0] != '\0' ? cpu : "unknown",
                    sysconf(_SC_NPROCESSORS_ONLN), build);
        limits_append(&limits, text);
        text_append_string(text, "\n");
    }
}

enum exit_code general_main(const struct args *args) {
    struct vitlrp_error err;
    struct text text = {.limit = HELP_LIMIT};
    if (args->value[OPTION_HELP] != NULL) {
        help_full(&text, args);
    } else if (args->value[OPTION_HELP_SHORT] != NULL) {
        help_short(&text);
    } else {
        append_version(&text, args->verbosity > 1);
    }
    enum exit_code code = console_check(console_write(&text, &err), CODE_OUTPUT, &err);
    text_free(&text);
    return code;
}

enum exit_code general_usage(void) {
    struct text text = {.limit = HELP_LIMIT};
    help_short(&text);
    if (!text.failed) {
        fputs(text.data, stderr);
    }
    text_free(&text);
    return CODE_USAGE;
}
