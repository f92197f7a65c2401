/* What bench measures, its results, and how samples and the machine enter them. */
#ifndef CLI_BENCH_MEASURE_H
#define CLI_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"
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
    char library[128]; /* that multiplies, and for which instructions */
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
    struct vitlrp_method_options options;
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

/* The median of values[i]; with `against`, of values[i] / against[i]: rounds follow each other, so
 * that a machine that slows down does not move a ratio within a round. scratch [count] is
 * overwritten. */
double samples_median(const double *values, const double *against, size_t count, double *scratch);

/* What --model NAME means here: not a file but ViT-B/16 with random weights. */
#define BENCH_RANDOM_MODEL "random"

/* Opens the model of --model; without one, `fallback`, which is BENCH_RANDOM_MODEL or NULL for the
 * built-in model. *model is owned: vitlrp_model_close. */
enum vitlrp_status bench_open_model(const struct settings *settings, const char *fallback,
                                    const struct console *console, struct vitlrp_model **model,
                                    struct vitlrp_error *err);

/* The session options of the settings, for the input size that they choose. */
enum vitlrp_status bench_session_options(const struct settings *settings,
                                         const struct vitlrp_model *model,
                                         struct vitlrp_session_options *options,
                                         struct vitlrp_error *err);

/* A picture of no meaning, the same every time, in which no value is special. */
void bench_fill_input(float *input, size_t count);

/* Writes the object (which it takes; NULL: out of memory) to the file json_path (NULL: none, "-":
 * standard output), and the table to standard output unless JSON went there or the console is
 * quiet. */
enum vitlrp_status bench_write(json_t *object, const char *json_path, const struct text *table,
                               const struct console *console, struct vitlrp_error *err);

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

/* Measures everything, into a zeroed record; bench->result is valid until bench_close. */
enum vitlrp_status bench_measure(const struct args *args, const struct settings *settings,
                                 const struct console *console, struct bench *bench,
                                 struct vitlrp_error *err);

/* After a failure too. */
void bench_close(struct bench *bench);

#endif
