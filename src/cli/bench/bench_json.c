#include "bench_json.h"

#include "base/formats.h"
#include "cli/json_report.h"

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

static json_t *json_parameters(const struct vitlrp_rules *rules, enum vitlrp_precision precision) {
    const struct vitlrp_method_info info = {.reads = VITLRP_READS_RULES};
    const struct vitlrp_method_options options = {.rules = *rules};
    return json_method_parameters(&info, &options, precision);
}

static json_t *json_measured(const struct bench_result *result, const struct bench_variant *variant,
                             size_t index) {
    const struct bench_method_result *method = &variant->methods[index];
    const struct bench_job *first = &method->first;
    const struct bench_job *further = &method->further;
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "attribution_ms", first->ms,
        "attribution_per_forward", first->per_forward, "attribution_gflop", first->gflop,
        "attribution_per_floor", first->per_floor, "attribution_per_first", first->per_first,
        "further_class_ms", further->ms, "further_class_per_forward", further->per_forward,
        "further_class_gflop", further->gflop, "further_class_per_floor", further->per_floor,
        "further_class_per_first", further->per_first, "backward_operations",
        json_operations(method->operations, result->operation_count, variant->gemm_gflops),
        "parameters", json_parameters(&result->methods[index].rules, variant->session.precision));
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
        "{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, "
        "s:I}",
        "backend", session->backend, "precision", json_precision_name(session->precision),
        "instruction_set", session->instruction_set, "threads", session->threads, "gemm_gflops",
        variant->gemm_gflops, "gemm_per_first", variant->gemm_per_first, "forward_ms", forward->ms,
        "forward_gflop", forward->gflop, "forward_gflops", forward->gflop / forward->ms * 1e3,
        "forward_per_gemm", 1.0 / forward->per_floor, "forward_per_floor", forward->per_floor,
        "forward_per_first", forward->per_first, "session_open_ms", variant->session_open_ms,
        "first_forward_ms", variant->first_forward_ms, "first_forward_per_forward",
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
