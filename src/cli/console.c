#include "console.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"

#define STDOUT_DESCRIPTOR 1

#define LINE_LIMIT 1200 /* a message with everything in it escaped, and a hint */

/* The one place that writes messages: one line, and nothing in it that a terminal obeys, whatever
 * the caller has quoted. */
static void say(const char *kind, const char *message, const char *hint) {
    char line[LINE_LIMIT];
    text_escape_line(line, sizeof line, message);
    fprintf(stderr, "vitlrp: %s%s%s\n", kind, line, hint);
}

void console_error(const char *message) {
    say("", message, "");
}

static void say_unless_quiet(const struct console *console, const char *kind, const char *format,
                             va_list arguments) {
    char message[600];
    if (console->verbosity > 0 && vsnprintf(message, sizeof message, format, arguments) >= 0) {
        say(kind, message, "");
    }
}

void console_warn(const struct console *console, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_unless_quiet(console, "warning: ", format, arguments);
    va_end(arguments);
}

void console_tell(const struct console *console, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say_unless_quiet(console, "", format, arguments);
    va_end(arguments);
}

enum vitlrp_status console_write(const struct text *text, struct vitlrp_error *err) {
    struct text shown = {.limit = SIZE_MAX};
    text_append_terminal(&shown, text->data, text->length);
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, text_check(text, "the report", err), cleanup);
    TRY_GOTO(status, text_check(&shown, "the report", err), cleanup);
    if (shown.length > 0) {
        status = file_write_descriptor(STDOUT_DESCRIPTOR, shown.data, shown.length, err);
    }

cleanup:
    text_free(&shown);
    return error_prefix(err, status, "standard output");
}

void console_log(void *console, int level, const char *message) {
    const struct console *to = console;
    if (level <= to->verbosity) {
        say(level == 1 ? "warning: " : "", message, "");
    }
}

static enum exit_code exit_code_of(enum vitlrp_status status, enum exit_code stage) {
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

const char *console_hint(enum vitlrp_topic topic) {
    switch (topic) {
    case VITLRP_TOPIC_HEADS:
        return " (--heads)";
    case VITLRP_TOPIC_ACTIVATION:
        return " (--activation)";
    case VITLRP_TOPIC_POOL:
        return " (--pool)";
    case VITLRP_TOPIC_CLASSES:
        return " (`vitlrp info --classes` lists them)";
    case VITLRP_TOPIC_EVAL_TARGET:
        return " (--target predicted needs none)";
    case VITLRP_TOPIC_LIMITS:
        return " (--limits NAME=NUMBER sets it; `vitlrp -vV` lists them)";
    case VITLRP_TOPIC_RESIZE:
        return " (--resize)";
    case VITLRP_TOPIC_HEADLESS:
        return " (--class N, --head FILE or --like IMAGE)";
    case VITLRP_TOPIC_HEAD_ACTIVATION:
        return " (--head-activation)";
    case VITLRP_TOPIC_HEAD:
        return " (--head FILE)";
    case VITLRP_TOPIC_JOURNAL:
        return " (--journal FOLDER names another one)";
    case VITLRP_TOPIC_TEXT_HEADS:
        return " (--text-heads)";
    case VITLRP_TOPIC_TOKENIZER:
        return " (--tokenizer FILE)";
    case VITLRP_TOPIC_TEXT_CLEANING:
        return " (--text-cleaning)";
    case VITLRP_TOPIC_TEXTS:
        return " (--text PROMPT, --head FILE)";
    case VITLRP_TOPIC_NONE:
        break;
    }
    return "";
}

void console_fail(const struct vitlrp_error *err) {
    say("", err->message, console_hint(err->topic));
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

enum exit_code console_check_also(enum exit_code before, enum vitlrp_status status,
                                  enum exit_code stage, const struct vitlrp_error *err) {
    if (status == VITLRP_NOMEM && before == CODE_LIMIT) {
        return before;
    }
    return exit_code_first(before, console_check(status, stage, err));
}
