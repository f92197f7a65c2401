/* The rounds of the verb bench: the matrix product, a forward pass and attributions, with every
 * variant of the arithmetic, one right after the other. */
#ifndef CLI_BENCH_MEASURE_H
#define CLI_BENCH_MEASURE_H

#include "base/status.h"
#include "bench_result.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"

/* A variant under measurement. */
struct bench_lane {
    struct vitlrp_session *session; /* owned */
    double *samples;                /* owned: rows of one value for each round (bench_measure.c) */
};

struct bench {
    const struct settings *settings;
    struct vitlrp_model *model; /* owned */
    struct bench_lane lanes[BENCH_VARIANTS];
    float *input;    /* owned, as all of these */
    float *logits;   /* [classes] */
    float *pixels;   /* of the input's size */
    double *scratch; /* [runs] */
    struct bench_result result;
};

/* The attributions that the command line asks for, with their rules: one of --method, or all that
 * bench knows. USAGE for another method. */
enum vitlrp_status bench_choose_methods(const struct args *args, const struct settings *settings,
                                        struct bench_method *methods, size_t *count,
                                        struct vitlrp_error *err);

/* Measures everything; bench->result is valid until bench_close. */
enum vitlrp_status bench_measure(const struct args *args, const struct settings *settings,
                                 const struct console *console, struct bench *bench,
                                 struct vitlrp_error *err);

/* After a failure too. */
void bench_close(struct bench *bench);

#endif
