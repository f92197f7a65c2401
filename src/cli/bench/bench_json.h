/* The results of the verb bench for programs. */
#ifndef CLI_BENCH_JSON_H
#define CLI_BENCH_JSON_H

#include "base/json.h"
#include "bench_result.h"

/* One object (data/FORMATS.md), owned by the caller; NULL: out of memory. */
json_t *bench_json(const struct bench_result *result);

#endif
