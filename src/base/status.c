#define _POSIX_C_SOURCE 200809L
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/print_plain.h"
#include "base/text.h"

/* Whatever a message quotes from a file, it stays one line that a terminal can be given: words of
 * libraries (jansson's "near") hold bytes of their input. */
static void record(struct vitlrp_error *err, enum vitlrp_status status, int system_errno,
                   const char *format, va_list arguments) {
    char text[sizeof err->message];
    err->status = status;
    err->system_errno = system_errno;
    err->topic = VITLRP_TOPIC_NONE;
    if (print_plain_list(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    text_escape_line(err->message, sizeof err->message, text);
}

#undef fail /* of the analyser */
#undef fail_limit

enum vitlrp_status fail(struct vitlrp_error *err, enum vitlrp_status status, const char *format,
                        ...) {
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        record(err, status, 0, format, arguments);
        va_end(arguments);
    }
    return status;
}

enum vitlrp_status fail_limit(struct vitlrp_error *err, const char *format, ...) {
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        record(err, VITLRP_LIMIT, 0, format, arguments);
        va_end(arguments);
        err->topic = VITLRP_TOPIC_LIMITS;
    }
    return VITLRP_LIMIT;
}

enum vitlrp_status fail_errno(struct vitlrp_error *err, int system_errno, const char *format, ...) {
    enum vitlrp_status status = system_errno == ENOMEM ? VITLRP_NOMEM : VITLRP_IO;
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        record(err, status, system_errno, format, arguments);
        va_end(arguments);
        char reason[128];
        size_t used = strlen(err->message);
        print_errno(reason, sizeof reason, system_errno);
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return status;
}

enum vitlrp_status error_prefix(struct vitlrp_error *err, enum vitlrp_status status,
                                const char *prefix) {
    if (err == NULL || status == VITLRP_OK) {
        return status;
    }
    char name[200];
    char joined[sizeof name + sizeof ": " + sizeof err->message];
    text_escape_name(name, sizeof name, prefix);
    snprintf(joined, sizeof joined, "%s: %s", name, err->message);
    text_escape_line(err->message, sizeof err->message, joined);
    return status;
}

enum vitlrp_status error_topic(struct vitlrp_error *err, enum vitlrp_status status,
                               enum vitlrp_topic topic) {
    if (err != NULL && status != VITLRP_OK) {
        err->topic = topic;
    }
    return status;
}

enum vitlrp_status error_forward(struct vitlrp_error *err, const struct vitlrp_error *from) {
    if (err != NULL) {
        *err = *from;
    }
    return from->status;
}

bool error_is_systemic(enum vitlrp_status status, const struct vitlrp_error *err) {
    int number = status == VITLRP_IO ? err->system_errno : 0;
    return status == VITLRP_NOMEM || status == VITLRP_INTERNAL || number == EMFILE ||
           number == ENFILE;
}

enum vitlrp_status reserved_check(const void *reserved, size_t size, const char *what,
                                  struct vitlrp_error *err) {
    const unsigned char *bytes = reserved;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return fail(err, VITLRP_USAGE,
                        "the %s have a reserved field that is not zero: not initialised, or of a "
                        "newer header than this library",
                        what);
        }
    }
    return VITLRP_OK;
}
