/* The results of the verb bench as a table for people. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include <stdbool.h>

#include "base/text.h"
#include "bench_result.h"

/* At most 100 columns wide. every_method: operations of all methods' backward passes, not of the
 * first one's only. */
void bench_append_report(struct text *out, const struct bench_result *result, bool every_method);

#endif
