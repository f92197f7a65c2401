#include "console.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

#define STDOUT_DESCRIPTOR 1

void console_error(const char *message) {
    fprintf(stderr, "vitlrp: %s\n", message);
}

void console_warn(const struct console *console, const char *format, ...) {
    if (console->verbosity == 0) {
        return;
    }
    char message[600];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        fprintf(stderr, "vitlrp: warning: %s\n", message);
    }
}

enum vitlrp_status console_write(const struct text *text, struct vitlrp_error *err) {
    if (text->failed) {
        return fail(err, VITLRP_NOMEM, "out of memory for the report");
    }
    enum vitlrp_status status = VITLRP_OK;
    if (text->length > 0) {
        status = file_write_descriptor(STDOUT_DESCRIPTOR, text->data, text->length, err);
    }
    return error_prefix(err, status, "standard output");
}

void console_log(void *console, int level, const char *message) {
    const struct console *to = console;
    if (level <= to->verbosity) {
        fprintf(stderr, level == 1 ? "vitlrp: warning: %s\n" : "vitlrp: %s\n", message);
    }
}

enum exit_code exit_code_of(enum vitlrp_status status, enum exit_code stage) {
    switch (status) {
    case VITLRP_OK:
        return CODE_DONE;
    case VITLRP_USAGE:
        return CODE_USAGE;
    case VITLRP_LIMIT:
    case VITLRP_NOMEM:
        return CODE_LIMIT;
    case VITLRP_INTERNAL:
        return CODE_INTERNAL;
    case VITLRP_IO:
    case VITLRP_FORMAT:
    case VITLRP_UNSUPPORTED:
    case VITLRP_MISMATCH:
    case VITLRP_NUMERIC:
    case VITLRP_CANCELLED:
        return stage;
    }
    return CODE_INTERNAL;
}

/* What the library leaves to the program: the option that its users have for it. */
static const char *hint_of(enum vitlrp_topic topic) {
    switch (topic) {
    case VITLRP_TOPIC_HEADS:
        return " (--heads)";
    case VITLRP_TOPIC_CLASSES:
        return " (`vitlrp info --classes` lists them)";
    case VITLRP_TOPIC_EVAL_TARGET:
        return " (--target predicted needs none)";
    case VITLRP_TOPIC_NONE:
        break;
    }
    return "";
}

void console_fail(const struct vitlrp_error *err) {
    fprintf(stderr, "vitlrp: %s%s\n", err->message, hint_of(err->topic));
}

enum exit_code exit_code_first(enum exit_code first, enum exit_code second) {
    return first != CODE_DONE ? first : second;
}

enum exit_code console_check(enum vitlrp_status status, enum exit_code stage,
                             const struct vitlrp_error *err) {
    if (status != VITLRP_OK) {
        console_fail(err);
    }
    return exit_code_of(status, stage);
}
