#include "bench_report.h"

#include <stdio.h>
#include <string.h>

#include "base/formats.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "bench_measure.h"
#include "cli/explanation.h"

/* ---- For people ---- */

#define MEGABYTE 1048576.0

/* Decimals of a column: those of the forward pass' number, so that small models show something. */
static int decimals(double forward) {
    return forward < 0.1 ? 4 : forward < 10.0 ? 3 : 1;
}

/* ---- One variant ---- */

static void append_job(struct text *out, const char *name, const struct bench_job *job,
                       const struct bench_variant *variant) {
    int ms = decimals(variant->forward.ms);
    text_printf(out, "%-26s%10.*f%10.2f%10.*f%10.1f%11.*f%9.2fx\n", name, ms, job->ms,
                job->per_forward, decimals(variant->forward.gflop), job->gflop,
                job->gflop / job->ms * 1e3, ms, job->gflop / variant->gemm_gflops * 1e3,
                job->per_floor);
}

static void append_jobs(struct text *out, const struct bench_result *result,
                        const struct bench_variant *variant) {
    text_printf(out, "%-26s%10s%10s%10s%10s%11s%10s\n", "", "ms", "forwards", "GFLOP", "GFLOP/s",
                "floor, ms", "to floor");
    text_printf(out, "%-26s%10s%10s%10s%10.1f\n", "matrix product (GEMM)", "", "", "",
                variant->gemm_gflops);
    append_job(out, "forward", &variant->forward, variant);
    for (size_t i = 0; i < result->method_count; i++) {
        char name[48];
        snprintf(name, sizeof name, "forward + %s", result->methods[i].name);
        append_job(out, name, &variant->methods[i].first, variant);
        append_job(out, "  each further class", &variant->methods[i].further, variant);
    }
}

static double total_ms(const struct bench_operation *operations, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += operations[i].ms;
    }
    return sum;
}

/* Four columns; `blank` wide where nothing is counted. */
static void append_operation(struct text *out, const struct bench_operation *operation,
                             double total, double gemm_gflops, int blank) {
    int ms = total < 10.0 ? 3 : 2;
    double gflops = operation->gflop / operation->ms * 1e3;
    text_printf(out, "%9.*f%7.1f %%", ms, operation->ms, 100.0 * operation->ms / total);
    if (operation->gflop > 0.0) {
        text_printf(out, "%9.1f%7.0f %%", gflops, 100.0 * gflops / gemm_gflops);
    } else {
        text_printf(out, "%*s", blank, "");
    }
}

static void append_operations(struct text *out, const struct bench_result *result,
                              const struct bench_variant *variant, size_t method) {
    const struct bench_operation *forward = variant->operations;
    const struct bench_operation *backward = variant->methods[method].operations;
    double forward_ms = total_ms(forward, result->operation_count);
    double backward_ms = total_ms(backward, result->operation_count);
    text_printf(out, "\n%-12s     forward%28sbackward, %s\n", "", "", result->methods[method].name);
    text_printf(out, "%-12s%9s%9s%9s%9s%13s%9s%9s%9s\n", "operation", "ms", "share", "GFLOP/s",
                "of GEMM", "ms", "share", "GFLOP/s", "of GEMM");
    for (size_t i = 0; i < result->operation_count; i++) {
        text_printf(out, "%-12s", forward[i].name);
        append_operation(out, &forward[i], forward_ms, variant->gemm_gflops, 18);
        text_append_string(out, "    ");
        append_operation(out, &backward[i], backward_ms, variant->gemm_gflops, 0);
        text_append_string(out, "\n");
    }
    text_printf(out, "%-12s%9.*f%40.*f\n", "sum", forward_ms < 10.0 ? 3 : 2, forward_ms,
                backward_ms < 10.0 ? 3 : 2, backward_ms);
}

/* What the library's line has in brackets: whose kernels multiply. */
static void append_path(struct text *out, const char *library) {
    const char *kernels = strrchr(library, '(');
    if (kernels != NULL) {
        text_printf(out, "products: %.*s\n", (int) strcspn(kernels + 1, ")"), kernels + 1);
    }
}

static void append_variant(struct text *out, const struct bench_result *result,
                           const struct bench_variant *variant, bool every_method) {
    const struct vitlrp_session_info *session = &variant->session;
    text_printf(out, "\n%s, %s, %s kernels, %d thread%s\n", session->backend,
                word_of(WORDS_PRECISION, session->precision), session->instruction_set,
                session->threads, session->threads == 1 ? "" : "s");
    append_path(out, variant->library);
    append_jobs(out, result, variant);
    for (size_t i = 0; i < (every_method ? result->method_count : 1); i++) {
        append_operations(out, result, variant, i);
    }
    text_printf(out, "session opened in %.0f ms; first forward %.1f ms, %.2f of the median\n",
                variant->session_open_ms, variant->first_forward_ms,
                variant->first_forward_ms / variant->forward.ms);
}

/* ---- All of them ---- */

static void append_ratios(struct text *out, const struct bench_result *result, const char *name,
                          double (*ratio)(const struct bench_variant *variant, size_t method),
                          size_t method) {
    text_printf(out, "%-26s", name);
    for (size_t i = 0; i < result->variant_count; i++) {
        text_printf(out, "%18.2f", ratio(&result->variants[i], method));
    }
    text_append_string(out, "\n");
}

static double gemm_ratio(const struct bench_variant *variant, size_t method) {
    (void) method;
    return variant->gemm_per_first;
}

static double forward_ratio(const struct bench_variant *variant, size_t method) {
    (void) method;
    return variant->forward.per_first;
}

static double first_ratio(const struct bench_variant *variant, size_t method) {
    return variant->methods[method].first.per_first;
}

static double further_ratio(const struct bench_variant *variant, size_t method) {
    return variant->methods[method].further.per_first;
}

static void append_comparison(struct text *out, const struct bench_result *result) {
    text_printf(out, "\n%-26s", "time, to the first's");
    for (size_t i = 0; i < result->variant_count; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s %s", result->variants[i].session.backend,
                 word_of(WORDS_PRECISION, result->variants[i].session.precision));
        text_printf(out, "%18s", name);
    }
    text_append_string(out, "\n");
    append_ratios(out, result, "matrix product (GEMM)", gemm_ratio, 0);
    append_ratios(out, result, "forward", forward_ratio, 0);
    for (size_t i = 0; i < result->method_count; i++) {
        char name[48];
        snprintf(name, sizeof name, "forward + %s", result->methods[i].name);
        append_ratios(out, result, name, first_ratio, i);
        append_ratios(out, result, "  each further class", further_ratio, i);
    }
}

static void append_memory(struct text *out, const struct bench_result *result) {
    text_printf(out, "\nmodel %s in %.0f ms\n",
                strcmp(result->model.layout, BENCH_RANDOM_MODEL) == 0 ? "made" : "opened",
                result->model_open_ms);
    text_printf(out, "memory: %.1f MB weights, %.1f MB peak of the process\nsession: ",
                (double) result->model.weight_bytes / MEGABYTE, result->peak_memory / MEGABYTE);
    for (size_t i = 0; i < BENCH_CLASS_COUNTS; i++) {
        const struct bench_class_bytes *entry = &result->class_bytes[i];
        text_printf(out, "%s%.1f MB to explain %d class%s", i == 0 ? "" : ", ",
                    (double) entry->bytes / MEGABYTE, entry->classes,
                    entry->classes == 1 ? "" : "es");
    }
    text_append_string(out, "\n");
}

void bench_append_report(struct text *out, const struct bench_result *result, bool every_method) {
    const struct vitlrp_model_info *model = &result->model;
    const struct vitlrp_session_info *session = &result->variants[0].session;
    text_printf(out, "%s: input %dx%d, %d tokens, dim %d, %d block%s\n", model->name,
                session->input_width, session->input_height, session->tokens, model->dim,
                model->depth, model->depth == 1 ? "" : "s");
    text_printf(out,
                "%s; %d interleaved round%s: medians of times, and of the rounds' own ratios\n",
                result->cpu[0] != '\0' ? result->cpu : "unknown processor", result->runs,
                result->runs == 1 ? "" : "s");
    for (size_t i = 0; i < result->variant_count; i++) {
        append_variant(out, result, &result->variants[i], every_method);
    }
    if (result->variant_count > 1) {
        append_comparison(out, result);
    }
    append_memory(out, result);
    text_append_string(
        out, "floor: the operations of the products at the rate of this run's matrix product\n");
}

/* ---- The same as JSON ---- */

/* ms, share, and where products are counted gflop, gflops and per_gemm, by operation. */
static json_t *json_operations(const struct bench_operation *operations, size_t count,
                               double gemm_gflops) {
    json_t *object = json_object();
    double total = 0.0;
    for (size_t i = 0; i < count; i++) {
        total += operations[i].ms;
    }
    for (size_t i = 0; i < count; i++) {
        const struct bench_operation *operation = &operations[i];
        json_t *ms = json_number(operation->ms);
        json_t *share = json_number(operation->ms / total);
        double gflops = operation->gflop / operation->ms * 1e3;
        json_t *entry = operation->gflop > 0.0
                            ? json_pack("{s:o, s:o, s:f, s:o, s:o}", "ms", ms, "share", share,
                                        "gflop", operation->gflop, "gflops", json_number(gflops),
                                        "per_gemm", json_number(gflops / gemm_gflops))
                            : json_pack("{s:o, s:o}", "ms", ms, "share", share);
        if (json_object_set_new(object, operation->name, entry) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *json_measured(const struct bench_result *result, const struct bench_variant *variant,
                             size_t index) {
    const struct bench_method_result *method = &variant->methods[index];
    const struct bench_job *first = &method->first;
    const struct bench_job *further = &method->further;
    const struct json_method_facts facts = {
        .precision = word_of(WORDS_PRECISION, variant->session.precision)};
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "attribution_ms", first->ms,
        "attribution_per_forward", first->per_forward, "attribution_gflop", first->gflop,
        "attribution_per_floor", first->per_floor, "attribution_per_first", first->per_first,
        "further_class_ms", further->ms, "further_class_per_forward", further->per_forward,
        "further_class_gflop", further->gflop, "further_class_per_floor", further->per_floor,
        "further_class_per_first", further->per_first, "backward_operations",
        json_operations(method->operations, result->operation_count, variant->gemm_gflops),
        "parameters", json_method(VITLRP_READS_RULES, &result->methods[index].options, &facts));
}

static json_t *json_methods(const struct bench_result *result,
                            const struct bench_variant *variant) {
    json_t *list = json_object();
    for (size_t i = 0; i < result->method_count; i++) {
        if (json_object_set_new(list, result->methods[i].name, json_measured(result, variant, i)) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_variant(const struct bench_result *result,
                            const struct bench_variant *variant) {
    const struct vitlrp_session_info *session = &variant->session;
    const struct bench_job *forward = &variant->forward;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, "
        "s:o, "
        "s:I}",
        "backend", session->backend, "precision", word_of(WORDS_PRECISION, session->precision),
        "instruction_set", session->instruction_set, "library", variant->library, "threads",
        session->threads, "gemm_gflops", variant->gemm_gflops, "gemm_per_first",
        variant->gemm_per_first, "forward_ms", forward->ms, "forward_gflop", forward->gflop,
        "forward_gflops", forward->gflop / forward->ms * 1e3, "forward_per_gemm",
        1.0 / forward->per_floor, "forward_per_floor", forward->per_floor, "forward_per_first",
        forward->per_first, "session_open_ms", variant->session_open_ms, "first_forward_ms",
        variant->first_forward_ms, "first_forward_per_forward",
        variant->first_forward_ms / forward->ms, "forward_operations",
        json_operations(variant->operations, result->operation_count, variant->gemm_gflops),
        "methods", json_methods(result, variant), "session_bytes", (json_int_t) session->bytes);
}

static json_t *json_variants(const struct bench_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < result->variant_count; i++) {
        if (json_array_append_new(list, json_variant(result, &result->variants[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_class_bytes(const struct bench_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < BENCH_CLASS_COUNTS; i++) {
        const struct bench_class_bytes *entry = &result->class_bytes[i];
        if (json_array_append_new(list, json_pack("{s:i, s:I}", "classes", entry->classes, "bytes",
                                                  (json_int_t) entry->bytes)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *bench_json(const struct bench_result *result) {
    const struct vitlrp_model_info *model = &result->model;
    const struct vitlrp_session_info *session = &result->variants[0].session;
    json_t *variants = json_variants(result);
    json_t *object =
        json_pack("{s:s, s:o, s:[ii], s:i, s:i, s:s, s:s, s:f, s:I, s:o, s:I}", "format",
                  FORMAT_BENCH, "model", json_text(model->name), "input_size", session->input_width,
                  session->input_height, "tokens", session->tokens, "runs", result->runs, "cpu",
                  result->cpu, "version", vitlrp_version(), "model_open_ms", result->model_open_ms,
                  "weight_bytes", (json_int_t) model->weight_bytes, "session_bytes_by_classes",
                  json_class_bytes(result), "peak_memory_bytes", (json_int_t) result->peak_memory);
    /* The first variant's keys stand at the top too: where they were before there were others. */
    if (json_object_update(object, json_array_get(variants, 0)) != 0 ||
        json_object_set(object, "variants", variants) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(variants);
    return object;
}
