#define _GNU_SOURCE
#include "library.h"

#include <sched.h>

#include "base/clock.h"

enum vitlrp_status from_library(enum vitlrp_status status, const struct vitlrp_error *detail,
                                struct vitlrp_error *err) {
    return status == VITLRP_OK ? VITLRP_OK : error_forward(err, detail);
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
