#include "bench.h"

#include "base/formats.h"
#include "base/words.h"
#include "bench_measure.h"
#include "cli/args.h"
#include "cli/explanation.h"
#include "cli/machine.h"
#include "vitlrp_eval.h"

#define TEXT_LIMIT ((size_t) 1 << 16)

/* Floating-point operations of an evaluation with the defaults beyond which it is made small: so
 * many take a minute or two, those of ViT-B/16 would take hours. */
#define MOST_WORK 1e13

#define MOST_IMAGES 1000000

/* What was measured, and on what. */
struct bench_eval {
    struct vitlrp_model *model; /* owned */
    struct vitlrp_model_info info;
    struct vitlrp_eval_cost cost;
    double evaluator_ms, batched_ms, single_ms; /* an input and thread */
    char cpu[128];
};

/* The images of --limit, 0 without it. A rough count: every weight is used once for each token. */
static void choose_size(struct bench_eval *bench, int32_t limit) {
    struct vitlrp_eval_cost *cost = &bench->cost;
    cost->images = limit > 0 ? limit : cost->images;
    double points = 2.0 * cost->images * cost->methods * cost->steps;
    double work = points * 2.0 * (double) bench->info.parameters * bench->info.tokens;
    if (work > MOST_WORK) {
        cost->images = limit;
        cost->methods = 1;
    }
}

static enum vitlrp_status bench_eval_measure(const struct args *args,
                                             const struct settings *settings,
                                             const struct console *console,
                                             struct bench_eval *bench, struct vitlrp_error *err) {
    struct vitlrp_eval_cost *cost = &bench->cost;
    int32_t limit = 0;
    TRY(option_int("--limit", args->value[OPTION_LIMIT], 1, MOST_IMAGES, &limit, err));
    TRY(bench_open_model(settings, NULL, console, &bench->model, err));
    vitlrp_model_info_init(&bench->info);
    vitlrp_model_describe(bench->model, &bench->info);
    vitlrp_eval_cost_init(cost);
    cost->threads = settings->threads;
    cost->backend = settings->backend;
    cost->precision = settings->precision;
    choose_size(bench, limit);
    TRY(vitlrp_eval_measure(bench->model, cost, err));
    bench->evaluator_ms = 1e3 * cost->evaluator_seconds / (double) cost->points;
    bench->batched_ms = 1e3 * cost->plain_seconds / (double) cost->points;
    bench->single_ms = 1e3 * cost->single_seconds / (double) cost->single_points;
    machine_cpu(bench->cpu, sizeof bench->cpu);
    return VITLRP_OK;
}

static void append_side(struct text *out, const char *name, size_t inputs, double ms,
                        const struct bench_eval *bench) {
    text_printf(out, "%-18s%10zu%14.3f%14.3f%14.3f\n", name, inputs, ms, ms / bench->batched_ms,
                ms / bench->single_ms);
}

static void append_report(struct text *out, const struct bench_eval *bench) {
    const struct vitlrp_eval_cost *cost = &bench->cost;
    text_printf(out, "%s: input %dx%d, %d tokens, dim %d, %d block%s\n", bench->info.name,
                bench->info.image_width, bench->info.image_height, bench->info.tokens,
                bench->info.dim, bench->info.depth, bench->info.depth == 1 ? "" : "s");
    text_printf(out, "%s; %s, %s, %d thread%s\n",
                bench->cpu[0] != '\0' ? bench->cpu : "unknown processor", cost->backend,
                word_of(WORDS_PRECISION, cost->precision), cost->threads,
                cost->threads == 1 ? "" : "s, an image on each");
    text_printf(out, "%d image%s, %d method%s, %d steps\n\n", cost->images,
                cost->images == 1 ? "" : "s", cost->methods, cost->methods == 1 ? "" : "s",
                cost->steps);
    text_printf(out, "%-18s%10s%14s%14s%14s\n", "", "inputs", "ms an input", "to batches",
                "to single");
    append_side(out, "evaluator", cost->points, bench->evaluator_ms, bench);
    append_side(out, "plain batches", cost->points, bench->batched_ms, bench);
    append_side(out, "single passes", cost->single_points, bench->single_ms, bench);
}

static json_t *json_result(const struct bench_eval *bench) {
    const struct vitlrp_eval_cost *cost = &bench->cost;
    return json_pack(
        "{s:s, s:o, s:[ii], s:i, s:i, s:i, s:i, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:f, s:f, "
        "s:f, s:s, s:s, s:i, s:s, s:s}",
        "format", FORMAT_BENCH_EVALUATION, "model", json_text(bench->info.name), "input_size",
        bench->info.image_width, bench->info.image_height, "tokens", bench->info.tokens, "images",
        cost->images, "methods", cost->methods, "steps", cost->steps, "inputs",
        (json_int_t) cost->points, "evaluator_seconds", cost->evaluator_seconds, "plain_seconds",
        cost->plain_seconds, "ratio", bench->evaluator_ms / bench->batched_ms, "single_inputs",
        (json_int_t) cost->single_points, "single_seconds", cost->single_seconds, "evaluator_ms",
        bench->evaluator_ms, "plain_ms", bench->batched_ms, "single_ms", bench->single_ms,
        "evaluator_per_single", bench->evaluator_ms / bench->single_ms, "plain_per_single",
        bench->batched_ms / bench->single_ms, "backend", cost->backend, "precision",
        word_of(WORDS_PRECISION, cost->precision), "threads", cost->threads, "cpu", bench->cpu,
        "version", vitlrp_version());
}

enum exit_code bench_eval_main(const struct args *args, const struct settings *settings,
                               const struct console *console) {
    struct vitlrp_error err;
    struct bench_eval bench = {0};
    enum exit_code code =
        console_check(bench_eval_measure(args, settings, console, &bench, &err), CODE_INPUT, &err);
    if (code == CODE_DONE) {
        struct text table = {.limit = TEXT_LIMIT};
        append_report(&table, &bench);
        code = console_check(
            bench_write(json_result(&bench), args->value[OPTION_JSON], &table, console, &err),
            CODE_OUTPUT, &err);
        text_free(&table);
    }
    vitlrp_model_close(bench.model);
    return code;
}
