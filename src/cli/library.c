#define _GNU_SOURCE
#include "library.h"

#include <sched.h>

#include "base/clock.h"

static enum vitlrp_status status_of(enum vitlrp_status status) {
    switch (status) {
    case VITLRP_OK:
        return VITLRP_OK;
    case VITLRP_USAGE:
        return VITLRP_USAGE;
    case VITLRP_IO:
        return VITLRP_IO;
    case VITLRP_FORMAT:
        return VITLRP_FORMAT;
    case VITLRP_UNSUPPORTED:
        return VITLRP_UNSUPPORTED;
    case VITLRP_LIMIT:
        return VITLRP_LIMIT;
    case VITLRP_NOMEM:
        return VITLRP_NOMEM;
    case VITLRP_MISMATCH:
        return VITLRP_MISMATCH;
    case VITLRP_NUMERIC:
        return VITLRP_NUMERIC;
    case VITLRP_CANCELLED:
        return VITLRP_CANCELLED;
    case VITLRP_INTERNAL:
        break;
    }
    return VITLRP_INTERNAL;
}

enum vitlrp_status from_library(enum vitlrp_status status, const struct vitlrp_error *detail,
                                struct vitlrp_error *err) {
    if (status == VITLRP_OK) {
        return VITLRP_OK;
    }
    return fail(err, status_of(status), "%s", detail->message);
}

double clock_ms(void) {
    return clock_seconds() * 1e3;
}

size_t available_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (size_t) count;
}
