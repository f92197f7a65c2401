/* How many images may fail before a run is given up: a number of them, or a percentage. */
#ifndef CLI_BATCH_LIMIT_H
#define CLI_BATCH_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

/* A percentage of fewer images says nothing. */
#define BATCH_LIMIT_LEAST 20

struct batch_limit {
    const char *text; /* as it was given; NULL: there is no limit */
    bool is_percentage;
    double most;
};

/* "5" or "2.5%"; false for anything else. The text must outlive the limit. */
bool batch_limit_parse(const char *text, struct batch_limit *limit);

/* True if `failed` images of the `done` ones are too many. */
bool batch_limit_is_passed(const struct batch_limit *limit, size_t failed, size_t done);

#endif
