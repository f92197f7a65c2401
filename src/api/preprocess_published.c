/* The preprocessing of torchvision's ten published ViTs, which no file states. Their names end in
 * the first digits of the file's hash, so a name that has them is not there by chance. */
#include <string.h>

#include "api/preprocess_read.h"

#define HASH_DIGITS 8 /* in the names */

struct published {
    const char *name;
    int32_t resize, crop;
    enum vitlrp_interpolation interpolation;
};

static const struct published PUBLISHED[] = {
    {"vit_b_16-c867db91", 256, 224, VITLRP_BILINEAR},
    {"vit_b_32-d86f8d99", 256, 224, VITLRP_BILINEAR},
    {"vit_l_16-852ce7e3", 242, 224, VITLRP_BILINEAR},
    {"vit_l_32-c7638314", 256, 224, VITLRP_BILINEAR},
    {"vit_b_16_swag-9ac1b537", 384, 384, VITLRP_BICUBIC},
    {"vit_b_16_lc_swag-4e70ced5", 224, 224, VITLRP_BICUBIC},
    {"vit_l_16_swag-4f3808c9", 512, 512, VITLRP_BICUBIC},
    {"vit_l_16_lc_swag-4d563306", 224, 224, VITLRP_BICUBIC},
    {"vit_h_14_swag-80465313", 518, 518, VITLRP_BICUBIC},
    {"vit_h_14_lc_swag-c1eb923e", 224, 224, VITLRP_BICUBIC},
};

static void take_row(const struct published *row, struct vitlrp_preprocess *out) {
    *out = (struct vitlrp_preprocess){.resize = VITLRP_RESIZE_SHORT,
                                      .resize_to = row->resize,
                                      .interpolation = row->interpolation,
                                      .crop_height = row->crop,
                                      .crop_width = row->crop};
    preprocess_normalise_by(out, PREPROCESS_IMAGENET_MEAN, PREPROCESS_IMAGENET_STD);
}

bool preprocess_published(const char *path, struct vitlrp_preprocess *out) {
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof PUBLISHED[0]; i++) {
        if (strncmp(name, PUBLISHED[i].name, strlen(PUBLISHED[i].name)) == 0) {
            take_row(&PUBLISHED[i], out);
            return true;
        }
    }
    return false;
}

bool preprocess_published_shape(const struct vit_config *config) {
    bool is_base = config->dim == 768 && config->depth == 12 && config->patch_width % 16 == 0;
    bool is_large = config->dim == 1024 && config->depth == 24 && config->patch_width % 16 == 0;
    bool is_huge = config->dim == 1280 && config->depth == 32 && config->patch_width == 14;
    return config->classes == 1000 && (is_base || is_large || is_huge);
}

bool preprocess_published_hash(const char *sha256, struct vitlrp_preprocess *out) {
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof PUBLISHED[0]; i++) {
        if (strncmp(sha256, strrchr(PUBLISHED[i].name, '-') + 1, HASH_DIGITS) == 0) {
            take_row(&PUBLISHED[i], out);
            return true;
        }
    }
    return false;
}
