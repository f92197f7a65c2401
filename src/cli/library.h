/* Failures of the library as failures of the command. */
#ifndef CLI_LIBRARY_H
#define CLI_LIBRARY_H

#include <stddef.h>

#include "base/status.h"
#include "vitlrp.h"

/* The library's status, with its error in *err. */
enum vitlrp_status from_library(enum vitlrp_status status, const struct vitlrp_error *detail,
                                struct vitlrp_error *err);

/* Processors that this process may run on, at least 1. */
size_t available_processors(void);

/* Milliseconds of a clock that only goes forward. */
double clock_ms(void);

#endif
