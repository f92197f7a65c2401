#include "api/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum vitlrp_status api_status(enum vitlrp_status status, const struct vitlrp_error *internal,
                              struct vitlrp_error *error) {
    if (status != VITLRP_OK && error != NULL) {
        error->status = status;
        error->system_errno = internal->system_errno;
        memcpy(error->message, internal->message, sizeof error->message);
    }
    return status;
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
