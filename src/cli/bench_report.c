#define _GNU_SOURCE
#include "bench_report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "console.h"
#include "json_report.h"
#include "outputs.h"

#define REPORT_LIMIT ((size_t) 1 << 20)
#define MEGABYTE 1048576.0

/* The model name in /proc/cpuinfo, if there is such a file; file_read refuses it, as its size is
 * told as 0, and its beginning is all that is needed. */
static void read_cpu(char *out, size_t size) {
    char head[4096];
    int descriptor = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (descriptor < 0) {
        return;
    }
    ssize_t got = read(descriptor, head, sizeof head - 1);
    close(descriptor);
    if (got <= 0) {
        return;
    }
    head[got] = '\0';
    const char *line = strstr(head, "model name");
    const char *colon = line != NULL ? strchr(line, ':') : NULL;
    if (colon != NULL) {
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(out, size, "%.*s", (int) strcspn(colon, "\n"), colon);
    }
}

void bench_read_machine(struct bench_result *result) {
    struct rusage usage;
    read_cpu(result->cpu, sizeof result->cpu);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        result->peak_memory = (double) usage.ru_maxrss * 1024.0;
    }
}

static double forward_gflops(const struct bench_result *result) {
    return result->forward_flops / (result->forward_ms * 1e6);
}

static void append_table(struct text *out, const struct bench_result *result) {
    const struct vitlrp_model_info *model = &result->model;
    const struct vitlrp_session_info *session = &result->session;
    text_printf(out, "%s: input %dx%d, %d tokens, dim %d, %d blocks\n", model->name,
                session->input_width, session->input_height, session->tokens, model->dim,
                model->depth);
    text_printf(out, "%s, %d threads, %s, %s kernels, fp32\n",
                result->cpu[0] != '\0' ? result->cpu : "unknown processor", session->threads,
                session->backend, session->instruction_set);
    text_printf(out, "medians of %d interleaved rounds\n\n", result->runs);
    text_printf(out, "%-24s %9s %9s %9s\n", "", "ms", "forwards", "GFLOP/s");
    text_printf(out, "%-24s %9s %9s %9.1f\n", "matrix product", "", "", result->gemm_gflops);
    text_printf(out, "%-24s %9.1f %9.2f %9.1f  %.0f %% of the matrix product\n", "forward",
                result->forward_ms, 1.0, forward_gflops(result),
                100.0 * forward_gflops(result) / result->gemm_gflops);
    for (size_t i = 0; i < result->method_count; i++) {
        const struct bench_method *method = &result->methods[i];
        char name[48];
        snprintf(name, sizeof name, "forward + %s", method->name);
        text_printf(out, "%-24s %9.1f %9.2f\n", name, method->ms, method->ms / result->forward_ms);
        text_printf(out, "%-24s %9.1f %9.2f\n", "  each further class", method->further_ms,
                    method->further_ms / result->forward_ms);
    }
    text_printf(out, "\nmemory: %.1f MB weights, %.1f MB session, %.1f MB peak of the process\n",
                (double) model->weight_bytes / MEGABYTE, (double) session->bytes / MEGABYTE,
                result->peak_memory / MEGABYTE);
}

static json_t *json_methods(const struct bench_result *result) {
    json_t *list = json_object();
    for (size_t i = 0; i < result->method_count; i++) {
        const struct bench_method *method = &result->methods[i];
        json_t *entry = json_pack(
            "{s:f, s:f, s:f, s:f, s:o}", "attribution_ms", method->ms, "attribution_per_forward",
            method->ms / result->forward_ms, "further_class_ms", method->further_ms,
            "further_class_per_forward", method->further_ms / result->forward_ms, "parameters",
            json_rules(&method->rules, result->session.precision));
        if (json_object_set_new(list, method->name, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_result(const struct bench_result *result) {
    const struct vitlrp_model_info *model = &result->model;
    const struct vitlrp_session_info *session = &result->session;
    return json_pack(
        "{s:o, s:[ii], s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:o, s:I, s:I, s:I, s:s, s:s, s:i, s:s, "
        "s:s}",
        "model", json_text(model->name), "input_size", session->input_width, session->input_height,
        "tokens", session->tokens, "runs", result->runs, "gemm_gflops", result->gemm_gflops,
        "forward_ms", result->forward_ms, "forward_gflop", result->forward_flops * 1e-9,
        "forward_gflops", forward_gflops(result), "forward_per_gemm",
        forward_gflops(result) / result->gemm_gflops, "methods", json_methods(result),
        "weight_bytes", (json_int_t) model->weight_bytes, "session_bytes",
        (json_int_t) session->bytes, "peak_memory_bytes", (json_int_t) result->peak_memory,
        "backend", session->backend, "instruction_set", session->instruction_set, "threads",
        session->threads, "cpu", result->cpu, "version", vitlrp_version());
}

static enum status write_json(const struct bench_result *result, const char *path,
                              struct error *err) {
    struct text text = {.limit = REPORT_LIMIT};
    json_t *object = json_result(result);
    if (object != NULL) {
        json_append(&text, object, 2);
        text_append_string(&text, "\n");
    }
    enum status status = object == NULL || text.failed
                             ? fail(err, STATUS_NOMEM, "out of memory for the JSON report")
                             : output_write(path, text.data, text.length, err);
    json_decref(object);
    text_free(&text);
    return status;
}

enum status bench_report(const struct bench_result *result, const char *json_path, bool table,
                         struct error *err) {
    if (json_path != NULL) {
        TRY(write_json(result, json_path, err));
    }
    if (!table || (json_path != NULL && strcmp(json_path, "-") == 0)) {
        return STATUS_OK;
    }
    struct text text = {.limit = REPORT_LIMIT};
    append_table(&text, result);
    enum status status = console_write(&text, err);
    text_free(&text);
    return status;
}
