#include "eval/replaced.h"

enum vitlrp_status replaced_forward(const struct replaced_input *of, struct vit_batch *batch,
                                    const uint8_t *masks, size_t count, float *logits,
                                    struct vitlrp_error *err) {
    if (of->road == NULL) {
        const struct vit_mixture mixture = {of->input, of->replacement, masks, count};
        return vit_batch_forward_mixed(batch, &mixture, logits, err);
    }
    for (size_t i = 0; i < count; i++) {
        road_impute(of->road, of->input, masks + i * of->patches, of->replacement,
                    of->imputed + i * of->pixels);
    }
    return vit_batch_forward(batch, count, of->imputed, logits, err);
}
