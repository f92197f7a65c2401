/* Which token is which: those in front (CLS), then the patches of the input in reading order. */
#ifndef VIT_TOKENS_H
#define VIT_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/model/model.h"
#include "vit/tokens/embed.h"

struct token_layout {
    struct patch_grid grid;
    size_t prefix;       /* tokens in front of the patches */
    size_t patches;      /* of the grid */
    size_t count;        /* prefix + patches */
    size_t patch_pixels; /* values of a patch, all channels */
    int32_t input_height, input_width;
    size_t longest; /* tokens of a text, at most; `count` is then what texts of one pass have room
                       for, each on average. 0: the input is an image */
};

/* Input sizes 0: as trained. MISMATCH if they are no multiple of the patch. A text tower's input is
 * a line of tokens, `input_width` of them. */
enum vitlrp_status tokens_lay_out(const struct vit_model *model, int32_t input_height,
                                  int32_t input_width, struct token_layout *out,
                                  struct vitlrp_error *err);

#endif
