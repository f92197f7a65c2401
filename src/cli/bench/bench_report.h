/* The results of bench for people, and as JSON. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include <stdbool.h>

#include "base/json.h"
#include "base/text.h"
#include "bench_measure.h"

/* At most 100 columns wide. every_method: operations of all methods' backward passes, not of the
 * first one's only. */
void bench_append_report(struct text *out, const struct bench_result *result, bool every_method);

/* One object (data/FORMATS.md), owned by the caller; NULL: out of memory. */
json_t *bench_json(const struct bench_result *result);

#endif
