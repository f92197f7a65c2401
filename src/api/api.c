#include "api/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The two enumerations are one list, so that a cast is the whole translation. */
_Static_assert((int) STATUS_OK == (int) VITLRP_OK, "status lists differ");
_Static_assert((int) STATUS_USAGE == (int) VITLRP_USAGE, "status lists differ");
_Static_assert((int) STATUS_IO == (int) VITLRP_IO, "status lists differ");
_Static_assert((int) STATUS_FORMAT == (int) VITLRP_FORMAT, "status lists differ");
_Static_assert((int) STATUS_UNSUPPORTED == (int) VITLRP_UNSUPPORTED, "status lists differ");
_Static_assert((int) STATUS_LIMIT == (int) VITLRP_LIMIT, "status lists differ");
_Static_assert((int) STATUS_NOMEM == (int) VITLRP_NOMEM, "status lists differ");
_Static_assert((int) STATUS_MISMATCH == (int) VITLRP_MISMATCH, "status lists differ");
_Static_assert((int) STATUS_NUMERIC == (int) VITLRP_NUMERIC, "status lists differ");
_Static_assert((int) STATUS_CANCELLED == (int) VITLRP_CANCELLED, "status lists differ");
_Static_assert((int) STATUS_INTERNAL == (int) VITLRP_INTERNAL, "status lists differ");
_Static_assert(sizeof((struct error *) 0)->message == sizeof((struct vitlrp_error *) 0)->message,
               "messages of different lengths");

enum vitlrp_status api_status(enum status status, const struct error *internal,
                              struct vitlrp_error *error) {
    if (status != STATUS_OK && error != NULL) {
        error->status = (enum vitlrp_status) status;
        error->system_errno = internal->system_errno;
        memcpy(error->message, internal->message, sizeof error->message);
    }
    return (enum vitlrp_status) status;
}

enum vitlrp_status api_fail(struct vitlrp_error *error, enum vitlrp_status status,
                            const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        error->system_errno = 0;
        if (vsnprintf(error->message, sizeof error->message, format, arguments) < 0) {
            error->message[0] = '\0';
        }
        va_end(arguments);
    }
    return status;
}

const char *vitlrp_version(void) {
    return VITLRP_VERSION;
}

const char *vitlrp_status_name(enum vitlrp_status status) {
    switch (status) {
    case VITLRP_OK:
        return "ok";
    case VITLRP_USAGE:
        return "usage";
    case VITLRP_IO:
        return "io";
    case VITLRP_FORMAT:
        return "format";
    case VITLRP_UNSUPPORTED:
        return "unsupported";
    case VITLRP_LIMIT:
        return "limit";
    case VITLRP_NOMEM:
        return "nomem";
    case VITLRP_MISMATCH:
        return "mismatch";
    case VITLRP_NUMERIC:
        return "numeric";
    case VITLRP_CANCELLED:
        return "cancelled";
    case VITLRP_INTERNAL:
        return "internal";
    }
    return "unknown";
}

void vitlrp_free(void *pointer) {
    mem_free(pointer);
}
