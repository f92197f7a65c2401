#define _GNU_SOURCE
#include "bench_measure.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/order.h"
#include "cli/explain_session.h"
#include "cli/machine.h"
#include "cli/method_choice.h"
#include "cli/outputs.h"

/* ---- Samples ---- */

double samples_median(const double *values, const double *against, size_t count, double *scratch) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = against != NULL ? values[i] / against[i] : values[i];
    }
    qsort(scratch, count, sizeof *scratch, order_doubles);
    return count % 2 == 1 ? scratch[count / 2]
                          : 0.5 * (scratch[count / 2 - 1] + scratch[count / 2]);
}

/* ---- The machine ---- */

enum vitlrp_status bench_open_model(const struct settings *settings, const char *fallback,
                                    const struct console *console, struct vitlrp_model **model,
                                    struct vitlrp_error *err) {
    struct vitlrp_architecture architecture;
    const char *name = settings->model_path != NULL ? settings->model_path : fallback;
    if (name == NULL || strcmp(name, BENCH_RANDOM_MODEL) != 0) {
        return model_choose(settings, console, model, err);
    }
    if (settings->activation != VITLRP_ACTIVATION_STATED || settings->pool != VITLRP_POOL_STATED ||
        settings->norm_eps > 0) {
        return fail(err, VITLRP_USAGE,
                    "--activation, --pool and --norm-eps are for a model of a file (--model)");
    }
    vitlrp_architecture_init(&architecture);
    if (settings->heads > 0) {
        architecture.heads = settings->heads;
    }
    return vitlrp_model_random(&architecture, model, err);
}

enum vitlrp_status bench_session_options(const struct settings *settings,
                                         const struct vitlrp_model *model,
                                         struct vitlrp_session_options *options,
                                         struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    int32_t crop = settings->preprocess.crop;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    TRY(session_choose(settings, model, crop > 0 ? crop : info.image_height,
                       crop > 0 ? crop : info.image_width, options, err));
    options->methods = NULL; /* attnlrp and its kin, all of which may be measured */
    return VITLRP_OK;
}

void bench_fill_input(float *input, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input[i] = (float) ((double) (i * 2654435761U % 1024U) / 512.0 - 1.0);
    }
}

/* Bytes resident at most so far, of the whole process; 0 if unknown. */
static double peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double) usage.ru_maxrss * 1024.0 : 0.0;
}

static enum vitlrp_status write_json(const json_t *object, const char *path,
                                     struct vitlrp_error *err) {
    return object == NULL ? fail(err, VITLRP_NOMEM, "out of memory for the JSON report")
                          : output_write_json(path, object, err);
}

enum vitlrp_status bench_write(json_t *object, const char *json_path, const struct text *table,
                               const struct console *console, struct vitlrp_error *err) {
    enum vitlrp_status status = json_path != NULL ? write_json(object, json_path, err) : VITLRP_OK;
    bool shown = console->verbosity > 0 && !output_is_stdout(json_path);
    json_decref(object);
    if (shown) {
        struct vitlrp_error unsaid;
        enum vitlrp_status printed = console_write(table, &unsaid);
        status = status == VITLRP_OK && printed != VITLRP_OK ? error_forward(err, &unsaid) : status;
    }
    return status;
}

/* ---- Measuring ---- */

/* Rows of a lane's samples. Those of operations follow: for the forward pass, then for the backward
 * pass of every method. */
enum { ROW_GEMM, /* ms for a GFLOP */ ROW_FORWARD, ROW_METHODS };

static size_t row_first(size_t method) {
    return ROW_METHODS + 2 * method;
}

static size_t row_further(size_t method) {
    return ROW_METHODS + 2 * method + 1;
}

/* `pass` 0: the forward pass; 1 + method: that method's backward pass. */
static size_t row_operations(const struct bench_result *result, size_t pass) {
    return ROW_METHODS + 2 * result->method_count + pass * result->operation_count;
}

static double *row_at(const struct bench *bench, size_t lane, size_t row) {
    return bench->lanes[lane].samples + row * (size_t) bench->result.runs;
}

/* ---- Choosing ---- */

enum vitlrp_status bench_choose_methods(const struct args *args, const struct settings *settings,
                                        struct bench_method *methods, size_t *count,
                                        struct vitlrp_error *err) {
    static const char *const PRESETS[BENCH_METHODS] = {"attnlrp", "cp-lrp", "attnlrp-eps"};
    *count = 0;
    for (size_t i = 0; i < BENCH_METHODS; i++) {
        if (settings->method_given && strcmp(PRESETS[i], settings->method.method) != 0) {
            continue;
        }
        struct bench_method *method = &methods[(*count)++];
        method->name = PRESETS[i];
        TRY(vitlrp_method_options_init(&method->options, PRESETS[i], err));
        TRY(method_rules(args, &method->options.rules, err));
    }
    if (*count == 0) {
        return fail(err, VITLRP_USAGE, "bench measures attnlrp, cp-lrp and attnlrp-eps, not %s",
                    settings->method.method);
    }
    return VITLRP_OK;
}

static void add_variant(struct bench_result *result, const char *backend,
                        enum vitlrp_precision precision) {
    if (result->variant_count < BENCH_VARIANTS) {
        result->variants[result->variant_count++] =
            (struct bench_variant){.backend = backend, .precision = precision};
    }
}

/* Every chosen backend with every chosen precision. */
static void choose_variants(const struct settings *settings, struct bench_result *result) {
    bool all = strcmp(settings->backend, "all") == 0;
    const char *backend = all ? vitlrp_backend_name(0) : settings->backend;
    for (size_t b = 0; backend != NULL;) {
        if (settings->every_precision) {
            add_variant(result, backend, VITLRP_PRECISION_FP32);
            add_variant(result, backend, VITLRP_PRECISION_MIXED);
            add_variant(result, backend, VITLRP_PRECISION_BF16);
            add_variant(result, backend, VITLRP_PRECISION_BF16X3);
        } else {
            add_variant(result, backend, settings->precision);
        }
        backend = all ? vitlrp_backend_name(++b) : NULL;
    }
}

/* ---- Opening ---- */

static enum vitlrp_status run_forward(const struct bench *bench, size_t lane,
                                      struct vitlrp_error *err) {
    return vitlrp_session_forward(bench->lanes[lane].session, bench->input, bench->logits, err);
}

static enum vitlrp_status variant_options(const struct bench *bench,
                                          const struct bench_variant *variant,
                                          struct vitlrp_session_options *options,
                                          struct vitlrp_error *err) {
    struct settings settings = *bench->settings;
    settings.backend = variant->backend;
    settings.precision = variant->precision;
    return bench_session_options(&settings, bench->model, options, err);
}

static enum vitlrp_status open_lane(struct bench *bench, size_t index, struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    struct bench_variant *variant = &bench->result.variants[index];
    struct bench_lane *lane = &bench->lanes[index];
    size_t rows = row_operations(&bench->result, 1 + bench->result.method_count);
    double start = clock_ms();
    TRY(variant_options(bench, variant, &options, err));
    options.attributions = 2;
    TRY(vitlrp_session_open(bench->model, &options, &lane->session, err));
    variant->session_open_ms = clock_ms() - start;
    vitlrp_session_info_init(&variant->session);
    vitlrp_session_describe(lane->session, &variant->session);
    vitlrp_backend_describe(variant->session.backend, variant->library, sizeof variant->library);
    lane->samples = mem_calloc(rows * (size_t) bench->result.runs, sizeof *lane->samples);
    return lane->samples != NULL ? VITLRP_OK
                                 : fail(err, VITLRP_NOMEM, "out of memory for the measurement");
}

static enum vitlrp_status open_buffers(struct bench *bench, struct vitlrp_error *err) {
    const struct vitlrp_session_info *session = &bench->result.variants[0].session;
    size_t pixels = 3 * (size_t) session->input_height * (size_t) session->input_width;
    bench->input = mem_calloc(pixels, sizeof *bench->input);
    bench->pixels = mem_calloc(pixels, sizeof *bench->pixels);
    bench->logits = mem_calloc((size_t) bench->result.model.classes, sizeof *bench->logits);
    bench->scratch = mem_calloc((size_t) bench->result.runs, sizeof *bench->scratch);
    if (bench->input == NULL || bench->pixels == NULL || bench->logits == NULL ||
        bench->scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the measurement");
    }
    bench_fill_input(bench->input, pixels);
    return VITLRP_OK;
}

static enum vitlrp_status measure_memory(struct bench *bench, struct vitlrp_error *err) {
    static const int32_t COUNTS[BENCH_CLASS_COUNTS] = {1, 2, 10};
    struct vitlrp_session_options options;
    TRY(variant_options(bench, &bench->result.variants[0], &options, err));
    for (size_t i = 0; i < BENCH_CLASS_COUNTS; i++) {
        struct bench_class_bytes *entry = &bench->result.class_bytes[i];
        entry->classes = COUNTS[i];
        options.attributions = COUNTS[i];
        TRY(vitlrp_session_bytes(bench->model, &options, &entry->bytes, err));
    }
    return VITLRP_OK;
}

/* A precision that a backend does not have has become float32, which is there already. */
static bool drop_duplicate(struct bench *bench, size_t index) {
    struct bench_result *result = &bench->result;
    struct bench_lane *lane = &bench->lanes[index];
    if (!bench->settings->every_precision ||
        result->variants[index].session.precision == result->variants[index].precision) {
        return false;
    }
    vitlrp_session_close(lane->session);
    mem_free(lane->samples);
    *lane = (struct bench_lane){0};
    result->variant_count--;
    memmove(&result->variants[index], &result->variants[index + 1],
            (result->variant_count - index) * sizeof result->variants[index]);
    return true;
}

/* Opens a lane for each variant, and sees what each one's first forward pass takes. */
static enum vitlrp_status open_all(struct bench *bench, const struct console *console,
                                   struct vitlrp_error *err) {
    struct bench_result *result = &bench->result;
    double start = clock_ms();
    TRY(bench_open_model(bench->settings, BENCH_RANDOM_MODEL, console, &bench->model, err));
    result->model_open_ms = clock_ms() - start;
    vitlrp_model_info_init(&result->model);
    vitlrp_model_describe(bench->model, &result->model);
    for (size_t i = 0; i < result->variant_count; i++) {
        TRY(open_lane(bench, i, err));
        if (i == 0) {
            TRY(open_buffers(bench, err));
        }
        if (drop_duplicate(bench, i)) {
            i--;
            continue;
        }
        start = clock_ms();
        TRY(run_forward(bench, i, err));
        result->variants[i].first_forward_ms = clock_ms() - start;
    }
    return measure_memory(bench, err);
}

/* ---- Rounds ---- */

static enum vitlrp_status run_relevance(const struct bench *bench, size_t lane,
                                        const struct vitlrp_method_options *method, int32_t output,
                                        struct vitlrp_error *err) {
    struct vitlrp_relevance relevance;
    const struct vitlrp_target target = {output, 1.0F};
    vitlrp_relevance_init(&relevance);
    relevance.pixels = bench->pixels;
    return vitlrp_session_attribute(bench->lanes[lane].session, &target, 1, method, &relevance,
                                    err);
}

/* Where the operations of a pass go. */
struct profile_place {
    size_t first_row;
    bool backward;
    struct bench_operation *operations; /* NULL: only their sum is wanted */
};

/* Reads the lane's profile; *gflop is the sum over all passes since it was started. */
static enum vitlrp_status read_profile(const struct bench *bench, size_t lane, size_t round,
                                       struct profile_place place, double *gflop,
                                       struct vitlrp_error *err) {
    struct vitlrp_profile_entry entries[2][BENCH_OPERATIONS];
    struct vitlrp_profile profile;
    vitlrp_profile_init(&profile);
    profile.forward = entries[0];
    profile.backward = entries[1];
    TRY(vitlrp_session_profile(bench->lanes[lane].session, &profile, err));
    *gflop = 0.0;
    for (size_t i = 0; i < bench->result.operation_count; i++) {
        const struct vitlrp_profile_entry *entry = &entries[place.backward ? 1 : 0][i];
        *gflop += (entries[0][i].flops + entries[1][i].flops) * 1e-9;
        if (place.operations != NULL) {
            row_at(bench, lane, place.first_row + i)[round] = entry->seconds * 1e3;
            place.operations[i].name = entry->name;
            place.operations[i].gflop = entry->flops * 1e-9;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status measure_gemm(struct bench *bench, size_t lane, size_t round,
                                       struct vitlrp_error *err) {
    double gflops;
    TRY(vitlrp_session_gemm_rate(bench->lanes[lane].session, &gflops, err));
    row_at(bench, lane, ROW_GEMM)[round] = 1e3 / gflops;
    return VITLRP_OK;
}

static enum vitlrp_status measure_forward(struct bench *bench, size_t lane, size_t round,
                                          struct vitlrp_error *err) {
    struct bench_variant *variant = &bench->result.variants[lane];
    vitlrp_session_profile_start(bench->lanes[lane].session);
    double start = clock_ms();
    TRY(run_forward(bench, lane, err));
    row_at(bench, lane, ROW_FORWARD)[round] = clock_ms() - start;
    struct profile_place place = {row_operations(&bench->result, 0), false, variant->operations};
    return read_profile(bench, lane, round, place, &variant->forward.gflop, err);
}

/* A forward pass with one class, and another class of the same pass. */
static enum vitlrp_status measure_method(struct bench *bench, size_t lane, size_t index,
                                         size_t round, struct vitlrp_error *err) {
    const struct vitlrp_method_options *options = &bench->result.methods[index].options;
    struct bench_method_result *method = &bench->result.variants[lane].methods[index];
    struct vitlrp_session *session = bench->lanes[lane].session;
    struct profile_place place = {row_operations(&bench->result, 1 + index), true,
                                  method->operations};
    vitlrp_session_profile_start(session);
    double start = clock_ms();
    TRY(run_forward(bench, lane, err));
    TRY(run_relevance(bench, lane, options, 0, err));
    row_at(bench, lane, row_first(index))[round] = clock_ms() - start;
    TRY(read_profile(bench, lane, round, place, &method->first.gflop, err));
    vitlrp_session_profile_start(session);
    start = clock_ms();
    TRY(run_relevance(bench, lane, options, bench->result.model.classes - 1, err));
    row_at(bench, lane, row_further(index))[round] = clock_ms() - start;
    place.operations = NULL;
    return read_profile(bench, lane, round, place, &method->further.gflop, err);
}

/* One round of everything: each measurement with all variants before the next. */
static enum vitlrp_status measure_round(struct bench *bench, size_t round,
                                        struct vitlrp_error *err) {
    const struct bench_result *result = &bench->result;
    for (size_t lane = 0; lane < result->variant_count; lane++) {
        TRY(measure_gemm(bench, lane, round, err));
    }
    for (size_t lane = 0; lane < result->variant_count; lane++) {
        TRY(measure_forward(bench, lane, round, err));
    }
    for (size_t i = 0; i < result->method_count; i++) {
        for (size_t lane = 0; lane < result->variant_count; lane++) {
            TRY(measure_method(bench, lane, i, round, err));
        }
    }
    return VITLRP_OK;
}

/* ---- Results ---- */

static double ratio(const struct bench *bench, const double *values, const double *against) {
    return samples_median(values, against, (size_t) bench->result.runs, bench->scratch);
}

static void conclude_job(const struct bench *bench, size_t lane, size_t row,
                         struct bench_job *job) {
    const double *times = row_at(bench, lane, row);
    job->ms = ratio(bench, times, NULL);
    job->per_forward = ratio(bench, times, row_at(bench, lane, ROW_FORWARD));
    job->per_floor = ratio(bench, times, row_at(bench, lane, ROW_GEMM)) / job->gflop;
    job->per_first = ratio(bench, times, row_at(bench, 0, row));
}

static void conclude_operations(const struct bench *bench, size_t lane, size_t pass,
                                struct bench_operation *operations) {
    size_t first = row_operations(&bench->result, pass);
    for (size_t i = 0; i < bench->result.operation_count; i++) {
        operations[i].ms = ratio(bench, row_at(bench, lane, first + i), NULL);
    }
}

static void lane_conclude(struct bench *bench, size_t lane) {
    struct bench_variant *variant = &bench->result.variants[lane];
    const double *gemm = row_at(bench, lane, ROW_GEMM);
    variant->gemm_gflops = 1e3 / ratio(bench, gemm, NULL);
    variant->gemm_per_first = ratio(bench, gemm, row_at(bench, 0, ROW_GEMM));
    conclude_job(bench, lane, ROW_FORWARD, &variant->forward);
    conclude_operations(bench, lane, 0, variant->operations);
    for (size_t i = 0; i < bench->result.method_count; i++) {
        conclude_job(bench, lane, row_first(i), &variant->methods[i].first);
        conclude_job(bench, lane, row_further(i), &variant->methods[i].further);
        conclude_operations(bench, lane, 1 + i, variant->methods[i].operations);
    }
}

enum vitlrp_status bench_measure(const struct args *args, const struct settings *settings,
                                 const struct console *console, struct bench *bench,
                                 struct vitlrp_error *err) {
    struct bench_result *result = &bench->result;
    bench->settings = settings;
    result->runs = settings->runs;
    result->operation_count = size_min(vitlrp_profile_length(), BENCH_OPERATIONS);
    TRY(bench_choose_methods(args, settings, result->methods, &result->method_count, err));
    choose_variants(settings, result);
    TRY(open_all(bench, console, err));
    TRY(measure_round(bench, 0, err)); /* thrown away: memory is touched, libraries wake up */
    for (size_t round = 0; round < (size_t) result->runs; round++) {
        TRY(measure_round(bench, round, err));
    }
    for (size_t lane = 0; lane < result->variant_count; lane++) {
        lane_conclude(bench, lane);
    }
    machine_cpu(result->cpu, sizeof result->cpu);
    result->peak_memory = peak_memory();
    return VITLRP_OK;
}

void bench_close(struct bench *bench) {
    for (size_t i = 0; i < BENCH_VARIANTS; i++) {
        vitlrp_session_close(bench->lanes[i].session);
        mem_free(bench->lanes[i].samples);
    }
    vitlrp_model_close(bench->model);
    mem_free(bench->input);
    mem_free(bench->logits);
    mem_free(bench->pixels);
    mem_free(bench->scratch);
}
