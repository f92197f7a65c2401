#include "model_input.h"

#include "base/words.h"

void model_input_choose(const struct settings *settings, const struct vitlrp_model *model,
                        struct vitlrp_preprocess *out) {
    vitlrp_model_preprocess(model, out);
    preprocess_change(&settings->preprocess, out);
}

enum vitlrp_status model_input_check(const struct vitlrp_preprocess *chosen,
                                     struct vitlrp_error *err) {
    struct vitlrp_geometry unused;
    return vitlrp_preprocess_plan(chosen, 1, 1, &unused, err);
}

static void append_resize(struct text *out, const struct vitlrp_preprocess *preprocess) {
    int32_t height = preprocess->resize_to;
    int32_t width = preprocess->resize_width > 0 ? preprocess->resize_width : height;
    switch (preprocess->resize) {
    case VITLRP_RESIZE_SHORT:
        text_printf(out, "short side to %d", height);
        break;
    case VITLRP_RESIZE_SQUASH:
        if (width == height) {
            text_printf(out, "both sides to %d", height);
        } else {
            text_printf(out, "to %dx%d", width, height);
        }
        break;
    case VITLRP_RESIZE_COVER:
        text_printf(out, "to cover %dx%d", width, height);
        break;
    case VITLRP_RESIZE_NONE:
        text_append_string(out, "no resize");
        return;
    case VITLRP_RESIZE_UNKNOWN:
        text_append_string(out, "unknown resize (--resize)");
        return;
    }
    text_printf(out, ", %s", word_of(WORDS_INTERPOLATION, preprocess->interpolation));
}

void model_input_append(struct text *out, const struct vitlrp_preprocess *preprocess) {
    const float *mean = preprocess->mean;
    const float *std = preprocess->std;
    append_resize(out, preprocess);
    if (preprocess->crop_height > 0) {
        text_printf(out, ", centre crop %dx%d", preprocess->crop_width + preprocess->unread_width,
                    preprocess->crop_height + preprocess->unread_height);
    }
    if (preprocess->unread_height > 0 || preprocess->unread_width > 0) {
        text_printf(out, ", of which patches read %dx%d", preprocess->crop_width,
                    preprocess->crop_height);
    }
    text_printf(out, ", mean %.4g %.4g %.4g, std %.4g %.4g %.4g", (double) mean[0],
                (double) mean[1], (double) mean[2], (double) std[0], (double) std[1],
                (double) std[2]);
}

/* The options that could correct a guess, as far as they are not given. */
static void append_open_options(struct text *out, const struct preprocess_changes *changes) {
    const struct {
        const char *option;
        bool given;
    } options[] = {{"--resize", changes->resize_given},
                   {"--interpolation", changes->interpolation_given},
                   {"--mean", changes->mean_given},
                   {"--std", changes->std_given}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!options[i].given) {
            text_printf(out, "%s%s", out->length == 0 ? "" : ", ", options[i].option);
        }
    }
}

static void warn_of_guess(const struct settings *settings,
                          const struct vitlrp_preprocess *preprocess,
                          const struct console *console) {
    struct text open = {.limit = 256};
    struct text what = {.limit = 512};
    append_open_options(&open, &settings->preprocess);
    model_input_append(&what, preprocess);
    if (open.length > 0 && !open.failed && !what.failed) {
        console_warn(console,
                     "nothing states how the model's pictures are prepared, so it is guessed: %s "
                     "(%s change it)",
                     what.data, open.data);
    }
    text_free(&open);
    text_free(&what);
}

void model_input_warn(const struct settings *settings, const struct vitlrp_model *model,
                      const struct vitlrp_preprocess *chosen, const struct console *console) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    if (vitlrp_model_preprocess_origin(model) == NULL) {
        warn_of_guess(settings, chosen, console);
    }
    if (chosen->crop_height > 2 * (int64_t) info.image_height ||
        chosen->crop_width > 2 * (int64_t) info.image_width) {
        console_warn(console,
                     "an input of %dx%d is more than twice the %dx%d that the model was trained "
                     "at: its position embeddings may not carry that far",
                     chosen->crop_width, chosen->crop_height, info.image_width, info.image_height);
    }
}
