#include "model_choice.h"

#include "library.h"
#include "machine.h"

enum vitlrp_status model_choose(const struct settings *settings, const struct console *console,
                                struct vitlrp_model **model, struct vitlrp_error *err) {
    struct vitlrp_error detail;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = settings->heads;
    options.labels_path = settings->labels_path;
    options.limits = settings->limits.model;
    options.log.write = console_log;
    options.log.user = (void *) console;
    enum vitlrp_status status;
    if (settings->model_path != NULL) {
        status = vitlrp_model_open(settings->model_path, &options, model, &detail);
    } else {
        status = vitlrp_model_open_builtin(&options, model, &detail);
    }
    return from_library(status, &detail, err);
}

enum vitlrp_status session_choose(const struct settings *settings, const struct vitlrp_model *model,
                                  int32_t input_height, int32_t input_width,
                                  struct vitlrp_session_options *options,
                                  struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    if (input_height % info.patch_height != 0 || input_width % info.patch_width != 0) {
        int32_t near = settings->preprocess.crop / info.patch_width * info.patch_width;
        return fail(err, VITLRP_USAGE,
                    "an input of %dx%d is not a multiple of the model's %dx%d patches (use --crop "
                    "%d, say)",
                    input_width, input_height, info.patch_width, info.patch_height,
                    near > 0 ? near : info.image_width);
    }
    vitlrp_session_options_init(options);
    options->threads = settings->threads;
    options->backend = settings->backend;
    options->precision = settings->precision;
    options->max_bytes = limits_memory(&settings->limits, machine_room().with_swap);
    options->methods = settings->method.method;
    options->input_height = input_height;
    options->input_width = input_width;
    options->attributions = settings->top > 0 ? settings->top : 1;
    return VITLRP_OK;
}
