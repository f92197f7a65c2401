/* What the verb bench finds out. Times are medians of the rounds; ratios are medians of the rounds'
 * own ratios. */
#ifndef CLI_BENCH_RESULT_H
#define CLI_BENCH_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include "vitlrp.h"

enum {
    BENCH_METHODS = 3,
    BENCH_VARIANTS = 16,
    BENCH_OPERATIONS = 32, /* more than a profile has */
    BENCH_CLASS_COUNTS = 3
};

/* One kind of operation in a pass. */
struct bench_operation {
    const char *name;
    double ms;
    double gflop; /* 0: not counted */
};

/* Something that is asked for as a whole. */
struct bench_job {
    double ms;
    double gflop;
    double per_forward; /* time in forward passes */
    double per_floor;   /* time, to that of its operations at the matrix product's rate */
    double per_first;   /* time, to that of the first variant */
};

struct bench_method_result {
    struct bench_job first;   /* a forward pass and one class */
    struct bench_job further; /* another class of the same forward pass */
    struct bench_operation operations[BENCH_OPERATIONS]; /* of the first class' backward pass */
};

/* A way to compute. */
struct bench_variant {
    const char *backend; /* as chosen; the session knows what "auto" is */
    enum vitlrp_precision precision;
    struct vitlrp_session_info session;
    double session_open_ms;
    double first_forward_ms; /* of a session that has just been opened */
    double gemm_gflops;      /* rate of the matrix product */
    double gemm_per_first;   /* time, to the first variant's */
    struct bench_job forward;
    struct bench_operation operations[BENCH_OPERATIONS];
    struct bench_method_result methods[BENCH_METHODS];
};

struct bench_method {
    const char *name;
    struct vitlrp_rules rules;
};

/* Session memory by how many classes will be explained. */
struct bench_class_bytes {
    int32_t classes;
    size_t bytes;
};

struct bench_result {
    struct vitlrp_model_info model;
    double model_open_ms;
    int32_t runs;
    struct bench_method methods[BENCH_METHODS];
    size_t method_count;
    size_t operation_count;
    struct bench_variant variants[BENCH_VARIANTS];
    size_t variant_count;
    struct bench_class_bytes class_bytes[BENCH_CLASS_COUNTS]; /* of the first variant */
    char cpu[128];                                            /* "" if unknown */
    double peak_memory; /* bytes resident at most, of the whole process */
};

#endif
