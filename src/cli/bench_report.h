/* The results of the verb bench, as a table and as JSON. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vitlrp.h"

#define BENCH_METHODS 3

struct bench_method {
    const char *name;
    struct vitlrp_rules rules;
    double ms;         /* median of forward and relevance together */
    double further_ms; /* median of another class of the same forward pass */
};

struct bench_result {
    struct vitlrp_model_info model;
    struct vitlrp_session_info session;
    int32_t runs;
    double gemm_gflops; /* median of the rounds, as all of these */
    double forward_ms;
    double forward_flops;
    struct bench_method methods[BENCH_METHODS];
    size_t method_count;
    char cpu[128];      /* "" if unknown */
    double peak_memory; /* bytes resident at most, of the whole process */
};

/* Fills cpu and peak_memory. */
void bench_read_machine(struct bench_result *result);

/* Writes JSON to json_path (NULL: none, "-": standard output), and the table to standard output if
 * `table`, unless JSON went there. */
enum status bench_report(const struct bench_result *result, const char *json_path, bool table,
                         struct error *err);

#endif
