#include "vit/tokens/tokens.h"

#include "vit/model/weights.h"

enum vitlrp_status tokens_lay_out(const struct vit_model *model, int32_t input_height,
                                  int32_t input_width, struct token_layout *out,
                                  struct vitlrp_error *err) {
    const struct vit_config *config = &model->config;
    int32_t height = input_height > 0 ? input_height : config->image_height;
    int32_t width = input_width > 0 ? input_width : config->image_width;
    if (height % config->patch_height != 0 || width % config->patch_width != 0) {
        return fail(err, VITLRP_MISMATCH,
                    "an input of %d x %d pixels is not a multiple of the model's %d x %d patches "
                    "(width x height)",
                    width, height, config->patch_width, config->patch_height);
    }
    if (vit_has_bias_tables(config) &&
        (height != config->image_height || width != config->image_width)) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "an input of %d x %d pixels (width x height): relative position biases are not "
                    "resampled, so this model takes %d x %d only",
                    width, height, config->image_width, config->image_height);
    }
    *out = (struct token_layout){.grid = {.rows = (size_t) (height / config->patch_height),
                                          .columns = (size_t) (width / config->patch_width),
                                          .patch_height = (size_t) config->patch_height,
                                          .patch_width = (size_t) config->patch_width,
                                          .grey = config->grey},
                                 .prefix = (size_t) config->prefix,
                                 .input_height = height,
                                 .input_width = width};
    out->patch_pixels = embed_patch_pixels(&out->grid);
    out->patches = out->grid.rows * out->grid.columns;
    out->count = out->prefix + out->patches;
    if (config->vocabulary > 0) {
        out->patch_pixels = (size_t) config->dim; /* a row of the table of tokens */
        out->longest = (size_t) config->grid_width;
    }
    return VITLRP_OK;
}
