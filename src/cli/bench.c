#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bench_eval.h"
#include "bench_report.h"
#include "library.h"
#include "method_choice.h"
#include "model_choice.h"
#include "settings.h"

/* What is measured and what it is measured on. */
struct bench {
    const struct settings *settings;
    struct vitlrp_model *model;     /* owned */
    struct vitlrp_session *session; /* owned */
    float *input;                   /* owned */
    float *logits;                  /* owned */
    float *pixels;                  /* owned */
    double *samples; /* owned: [2 + 2 BENCH_METHODS][runs]: GEMM rate, forward, each method's first
                        class with its forward pass and a further class of the same pass */
    struct bench_result result;
};

static enum status open_model(struct bench *bench, const struct console *console,
                              struct error *err) {
    struct vitlrp_error detail;
    struct vitlrp_architecture architecture;
    if (bench->settings->model_path != NULL) {
        return model_choose(bench->settings, console, &bench->model, err);
    }
    vitlrp_architecture_init(&architecture);
    if (bench->settings->heads > 0) {
        architecture.heads = bench->settings->heads;
    }
    return from_library(vitlrp_model_random(&architecture, &bench->model, &detail), &detail, err);
}

/* A fixed picture of no meaning: waves, so that no value is special. */
static void fill_input(float *input, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input[i] = (float) ((double) (i * 2654435761U % 1024U) / 512.0 - 1.0);
    }
}

static enum status open_session(struct bench *bench, struct error *err) {
    struct vitlrp_error detail;
    struct vitlrp_session_options options;
    struct bench_result *result = &bench->result;
    int32_t crop = bench->settings->preprocess.crop;
    vitlrp_model_info_init(&result->model);
    vitlrp_model_describe(bench->model, &result->model);
    TRY(session_choose(bench->settings, bench->model, crop > 0 ? crop : result->model.image_height,
                       crop > 0 ? crop : result->model.image_width, &options, err));
    options.attributions = 2;
    TRY(from_library(vitlrp_session_open(bench->model, &options, &bench->session, &detail), &detail,
                     err));
    vitlrp_session_info_init(&result->session);
    vitlrp_session_describe(bench->session, &result->session);
    size_t count = 3 * (size_t) result->session.input_height * (size_t) result->session.input_width;
    bench->input = mem_calloc(count, sizeof *bench->input);
    bench->pixels = mem_calloc(count, sizeof *bench->pixels);
    bench->logits = mem_calloc((size_t) result->model.classes, sizeof *bench->logits);
    bench->samples = mem_calloc((size_t) result->runs * (2 + 2 * BENCH_METHODS), sizeof(double));
    if (bench->input == NULL || bench->pixels == NULL || bench->logits == NULL ||
        bench->samples == NULL) {
        return fail(err, STATUS_NOMEM, "out of memory for the measurement");
    }
    fill_input(bench->input, count);
    return STATUS_OK;
}

/* The methods to measure: the one asked for, or all. */
static enum status choose_methods(const struct args *args, struct bench *bench, struct error *err) {
    static const char *const PRESETS[BENCH_METHODS] = {"attnlrp", "cp-lrp", "attnlrp-eps"};
    struct vitlrp_error detail;
    struct bench_result *result = &bench->result;
    for (int i = 0; i < BENCH_METHODS; i++) {
        if (bench->settings->method_given &&
            strcmp(PRESETS[i], bench->settings->method.method) != 0) {
            continue;
        }
        struct bench_method *method = &result->methods[result->method_count++];
        method->name = PRESETS[i];
        TRY(from_library(vitlrp_rules_init(&method->rules, PRESETS[i], &detail), &detail, err));
        TRY(method_rules(args, &method->rules, err));
    }
    if (result->method_count == 0) {
        return fail(err, STATUS_USAGE, "bench measures attnlrp, cp-lrp and attnlrp-eps, not %s",
                    bench->settings->method.method);
    }
    return STATUS_OK;
}

static enum status run_forward(struct bench *bench, struct error *err) {
    struct vitlrp_error detail;
    return from_library(
        vitlrp_session_forward(bench->session, bench->input, bench->logits, &detail), &detail, err);
}

static enum status run_relevance(struct bench *bench, const struct vitlrp_rules *rules,
                                 int32_t output, struct error *err) {
    struct vitlrp_error detail;
    struct vitlrp_relevance relevance;
    const struct vitlrp_target target = {output, 1.0F};
    vitlrp_relevance_init(&relevance);
    relevance.pixels = bench->pixels;
    return from_library(
        vitlrp_session_relevance(bench->session, &target, 1, rules, &relevance, &detail), &detail,
        err);
}

static enum status measure_forward(struct bench *bench, double *ms, struct error *err) {
    double start = clock_ms();
    TRY(run_forward(bench, err));
    *ms = clock_ms() - start;
    return STATUS_OK;
}

/* *first_ms: a forward pass and a class; *further_ms: another class of the same pass. */
static enum status measure_method(struct bench *bench, const struct vitlrp_rules *rules,
                                  double *first_ms, double *further_ms, struct error *err) {
    double start = clock_ms();
    TRY(run_forward(bench, err));
    TRY(run_relevance(bench, rules, 0, err));
    double middle = clock_ms();
    TRY(run_relevance(bench, rules, bench->result.model.classes - 1, err));
    *first_ms = middle - start;
    *further_ms = clock_ms() - middle;
    return STATUS_OK;
}

/* One round of everything. Rounds follow each other, so that a slow moment of the machine meets all
 * of them alike. */
static enum status measure_round(struct bench *bench, int32_t round, struct error *err) {
    struct vitlrp_error detail;
    const struct bench_result *result = &bench->result;
    double *samples = bench->samples + round;
    size_t runs = (size_t) result->runs;
    TRY(from_library(vitlrp_session_gemm_rate(bench->session, &samples[0], &detail), &detail, err));
    TRY(measure_forward(bench, &samples[runs], err));
    for (size_t i = 0; i < result->method_count; i++) {
        TRY(measure_method(bench, &result->methods[i].rules, &samples[(2 + 2 * i) * runs],
                           &samples[(3 + 2 * i) * runs], err));
    }
    return STATUS_OK;
}

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *) left;
    double b = *(const double *) right;
    return (a > b) - (a < b);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 == 1 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

static enum status measure(struct bench *bench, struct error *err) {
    struct bench_result *result = &bench->result;
    size_t runs = (size_t) result->runs;
    double unused[2];
    /* Untimed: first touch of memory, libraries that wake up. */
    for (size_t i = 0; i < result->method_count; i++) {
        TRY(measure_method(bench, &result->methods[i].rules, &unused[0], &unused[1], err));
    }
    for (int32_t round = 0; round < result->runs; round++) {
        TRY(measure_round(bench, round, err));
    }
    result->gemm_gflops = median(bench->samples, runs);
    result->forward_ms = median(bench->samples + runs, runs);
    for (size_t i = 0; i < result->method_count; i++) {
        result->methods[i].ms = median(bench->samples + (2 + 2 * i) * runs, runs);
        result->methods[i].further_ms = median(bench->samples + (3 + 2 * i) * runs, runs);
    }
    result->forward_flops = vitlrp_session_forward_flops(bench->session);
    return STATUS_OK;
}

static enum status run(const struct args *args, const struct console *console, struct bench *bench,
                       struct error *err) {
    bench->result.runs = bench->settings->runs;
    TRY(choose_methods(args, bench, err));
    TRY(open_model(bench, console, err));
    TRY(open_session(bench, err));
    TRY(measure(bench, err));
    bench_read_machine(&bench->result);
    return STATUS_OK;
}

static void bench_close(struct bench *bench) {
    vitlrp_session_close(bench->session);
    vitlrp_model_close(bench->model);
    mem_free(bench->input);
    mem_free(bench->logits);
    mem_free(bench->pixels);
    mem_free(bench->samples);
}

enum exit_code bench_main(const struct args *args, struct console *console) {
    struct error err;
    struct settings settings;
    struct bench bench = {.settings = &settings};
    if (args->operand_count > 0) {
        console_error("bench takes no file (--model FILE measures another model)");
        return CODE_USAGE;
    }
    enum status status = settings_read(args, &settings, &err);
    if (status == STATUS_OK && args->value[OPTION_EVAL] != NULL) {
        return bench_eval_main(args, &settings, console);
    }
    if (status == STATUS_OK) {
        status = run(args, console, &bench, &err);
    }
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(
            bench_report(&bench.result, args->value[OPTION_JSON], console->verbosity > 0, &err),
            CODE_OUTPUT, &err);
    }
    bench_close(&bench);
    return code;
}
