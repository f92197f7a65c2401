#include "model_input.h"

#include <string.h>

#include "base/words.h"
#include "model_facts.h"

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

/* The sides of what patches read of every input; false where they depend on the photograph. */
static bool input_sides(const struct vitlrp_preprocess *preprocess, int32_t *height,
                        int32_t *width) {
    bool is_squashed = preprocess->resize == VITLRP_RESIZE_SQUASH;
    *height = preprocess->resize_to;
    *width = preprocess->resize_width > 0 ? preprocess->resize_width : preprocess->resize_to;
    if (preprocess->crop_height > 0) {
        *height = preprocess->crop_height;
        *width = preprocess->crop_width;
    }
    return is_squashed || preprocess->crop_height > 0;
}

/* Two files that state different sizes: libraries refuse such an input, or resample the positions,
 * as is done here. A model that is made for that (DINOv2) has them differ as it is published. */
static void warn_of_sizes(const struct settings *settings, const struct vitlrp_model *model,
                          const struct vitlrp_model_info *info, int32_t height, int32_t width,
                          const struct console *console) {
    const char *origin = vitlrp_model_preprocess_origin(model);
    const char *dynamic = model_facts_value(model, "dynamic_size");
    const char *positions = model_facts_value(model, "positions");
    struct vitlrp_fact size;
    bool is_told = settings->preprocess.crop > 0 || settings->preprocess.resize_given;
    bool takes_any = (dynamic != NULL && strcmp(dynamic, "yes") == 0) ||
                     (positions != NULL && strcmp(positions, "none") == 0);
    if (origin != NULL && !is_told && !takes_any &&
        (height != info->image_height || width != info->image_width) &&
        model_facts_find(model, "image_height", &size) && size.source == VITLRP_FACT_FILE) {
        console_warn(console,
                     "%s makes inputs of %dx%d, but the model's are %dx%d (%s): it runs at %dx%d "
                     "with resampled position embeddings (--crop sets another size)",
                     origin, width, height, info->image_width, info->image_height, size.origin,
                     width, height);
    }
}

void model_input_warn(const struct settings *settings, const struct vitlrp_model *model,
                      const struct vitlrp_preprocess *chosen, const struct console *console) {
    struct vitlrp_model_info info;
    int32_t height = 0;
    int32_t width = 0;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    if (vitlrp_model_preprocess_origin(model) == NULL) {
        warn_of_guess(settings, chosen, console);
    }
    if (!input_sides(chosen, &height, &width)) {
        return;
    }
    warn_of_sizes(settings, model, &info, height, width, console);
    if (height > 2 * (int64_t) info.image_height || width > 2 * (int64_t) info.image_width) {
        console_warn(console,
                     "an input of %dx%d is more than twice the %dx%d that the model was trained "
                     "at: its position embeddings may not carry that far",
                     width, height, info.image_width, info.image_height);
    }
}
