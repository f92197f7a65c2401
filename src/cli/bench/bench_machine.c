#define _GNU_SOURCE
#include "bench_machine.h"

#include <string.h>
#include <sys/resource.h>

#include "cli/library.h"
#include "cli/model_choice.h"
#include "cli/outputs.h"

#define JSON_LIMIT ((size_t) 1 << 20)

enum vitlrp_status bench_open_model(const struct settings *settings, const char *fallback,
                                    const struct console *console, struct vitlrp_model **model,
                                    struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct vitlrp_architecture architecture;
    const char *name = settings->model_path != NULL ? settings->model_path : fallback;
    if (name == NULL || strcmp(name, BENCH_RANDOM_MODEL) != 0) {
        return model_choose(settings, console, model, err);
    }
    vitlrp_architecture_init(&architecture);
    if (settings->heads > 0) {
        architecture.heads = settings->heads;
    }
    return from_library(vitlrp_model_random(&architecture, model, &detail), &detail, err);
}

enum vitlrp_status bench_session_options(const struct settings *settings,
                                         const struct vitlrp_model *model,
                                         struct vitlrp_session_options *options,
                                         struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    int32_t crop = settings->preprocess.crop;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return session_choose(settings, model, crop > 0 ? crop : info.image_height,
                          crop > 0 ? crop : info.image_width, options, err);
}

void bench_fill_input(float *input, size_t count) {
    for (size_t i = 0; i < count; i++) {
        input[i] = (float) ((double) (i * 2654435761U % 1024U) / 512.0 - 1.0);
    }
}

double bench_peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double) usage.ru_maxrss * 1024.0 : 0.0;
}

static enum vitlrp_status write_json(const json_t *object, const char *path,
                                     struct vitlrp_error *err) {
    struct text text = {.limit = JSON_LIMIT};
    if (object != NULL) {
        json_append(&text, object, 2);
        text_append_string(&text, "\n");
    }
    enum vitlrp_status status = object == NULL || text.failed
                                    ? fail(err, VITLRP_NOMEM, "out of memory for the JSON report")
                                    : output_write(path, text.data, text.length, err);
    text_free(&text);
    return status;
}

enum vitlrp_status bench_write(json_t *object, const char *json_path, const struct text *table,
                               const struct console *console, struct vitlrp_error *err) {
    enum vitlrp_status status = json_path != NULL ? write_json(object, json_path, err) : VITLRP_OK;
    bool shown = console->verbosity > 0 && (json_path == NULL || strcmp(json_path, "-") != 0);
    json_decref(object);
    if (status == VITLRP_OK && shown) {
        status = console_write(table, err);
    }
    return status;
}
