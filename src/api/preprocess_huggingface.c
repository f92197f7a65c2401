/* What transformers' image processors (backend "pil") make of a preprocessor_config.json. A missing
 * key means the default of the processor's class; other keys than these classes read cannot change
 * their pixels. */
#include <math.h>
#include <string.h>

#include "api/preprocess_read.h"
#include "base/json.h"

#define CONVNEXT_SQUASH_FROM 384 /* smaller sizes are cropped from a larger picture */

struct processor {
    const char *name;   /* without "ImageProcessor" */
    bool int_is_square; /* a number as size: both sides, else the short one */
    bool resizes_short; /* by default, else both sides */
    int32_t size;       /* by default */
    enum vitlrp_interpolation interpolation;
    bool crops;   /* by default */
    int32_t crop; /* by default; 0: it has none */
    const float *mean, *std;
};

static const struct processor PROCESSORS[] = {
    {"ViT", true, false, 224, VITLRP_BILINEAR, false, 0, PREPROCESS_HALVES, PREPROCESS_HALVES},
    {"DeiT", true, false, 256, VITLRP_BICUBIC, true, 224, PREPROCESS_HALVES, PREPROCESS_HALVES},
    {"Beit", true, false, 224, VITLRP_BICUBIC, false, 224, PREPROCESS_HALVES, PREPROCESS_HALVES},
    {"CLIP", false, true, 224, VITLRP_BICUBIC, true, 224, PREPROCESS_CLIP_MEAN,
     PREPROCESS_CLIP_STD},
    {"Bit", false, true, 224, VITLRP_BICUBIC, true, 224, PREPROCESS_CLIP_MEAN, PREPROCESS_CLIP_STD},
    {"Siglip", false, false, 224, VITLRP_BICUBIC, false, 0, PREPROCESS_HALVES, PREPROCESS_HALVES},
    {"DINOv3ViT", true, false, 224, VITLRP_BILINEAR, false, 0, PREPROCESS_IMAGENET_MEAN,
     PREPROCESS_IMAGENET_STD},
    {"ConvNext", false, true, 384, VITLRP_BICUBIC, false, 0, PREPROCESS_HALVES, PREPROCESS_HALVES},
};

/* Which processor AutoImageProcessor takes for a model where the file names none. */
static const struct {
    const char *model_type, *processor;
} AUTOMATIC[] = {
    {"aimv2", "CLIP"},
    {"aimv2_vision_model", "CLIP"},
    {"altclip", "CLIP"},
    {"beit", "Beit"},
    {"clip", "CLIP"},
    {"clip_vision_model", "CLIP"},
    {"convnext", "ConvNext"},
    {"convnextv2", "ConvNext"},
    {"data2vec-vision", "Beit"},
    {"deit", "DeiT"},
    {"dinov2", "Bit"},
    {"dinov2_with_registers", "Bit"},
    {"dinov3_vit", "DINOv3ViT"},
    {"metaclip_2", "CLIP"},
    {"siglip", "Siglip"},
    {"siglip_vision_model", "Siglip"},
};

/* Of a name and a length, its row; NULL if there is none. */
static const struct processor *find_processor(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof PROCESSORS / sizeof PROCESSORS[0]; i++) {
        if (strlen(PROCESSORS[i].name) == length && memcmp(PROCESSORS[i].name, name, length) == 0) {
            return &PROCESSORS[i];
        }
    }
    return NULL;
}

static const struct processor *automatic(const json_t *config) {
    const char *type = json_get_string(config, "model_type");
    const char *name = "ViT";
    for (size_t i = 0; type != NULL && i < sizeof AUTOMATIC / sizeof AUTOMATIC[0]; i++) {
        if (strcmp(type, AUTOMATIC[i].model_type) == 0) {
            name = AUTOMATIC[i].processor;
        }
    }
    return find_processor(name, strlen(name));
}

/* "CLIPImageProcessorFast" and "CLIPFeatureExtractor" are both CLIP's. */
static size_t family_length(const char *type) {
    const char *end = strstr(type, "ImageProcessor");
    end = end == NULL ? strstr(type, "FeatureExtractor") : end;
    return end == NULL ? strlen(type) : (size_t) (end - type);
}

/* null is false, whatever the class's default: a processor keeps it as Python's None. */
static enum vitlrp_status read_flag(const json_t *object, const char *key, bool *out,
                                    struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_boolean(value) && !json_is_null(value)) {
        return fail(err, VITLRP_MISMATCH, "\"%s\" must be true or false", key);
    }
    *out = value == NULL ? *out : json_is_true(value);
    return VITLRP_OK;
}

/* Height and width of {"height", "width"} or [height, width]; false for any other value. */
static bool read_pair(const json_t *value, int32_t *height, int32_t *width) {
    if (json_is_array(value)) {
        return json_array_size(value) == 2 && preprocess_side(json_array_get(value, 0), height) &&
               preprocess_side(json_array_get(value, 1), width);
    }
    return preprocess_side(json_object_get(value, "height"), height) &&
           preprocess_side(json_object_get(value, "width"), width);
}

static void resize_both(struct vitlrp_preprocess *out, int32_t height, int32_t width) {
    out->resize = VITLRP_RESIZE_SQUASH;
    out->resize_to = height;
    out->resize_width = height == width ? 0 : width;
}

static void resize_short(struct vitlrp_preprocess *out, int32_t size) {
    out->resize = VITLRP_RESIZE_SHORT;
    out->resize_to = size;
}

/* "size", of which transformers 5 has many forms. */
static enum vitlrp_status read_size(const json_t *object, const struct processor *processor,
                                    struct preprocess_read *read, struct vitlrp_error *err) {
    static const char *const OTHERS[] = {"longest_edge", "max_height", "max_width", "min_pixels",
                                         "max_pixels"};
    const json_t *size = preprocess_stated(object, "size");
    const json_t *edge = preprocess_stated(size, "shortest_edge");
    bool is_square = processor->int_is_square;
    int32_t height = processor->size;
    int32_t width = height;
    TRY(read_flag(object, "default_to_square", &is_square, err));
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        if (preprocess_stated(size, OTHERS[i]) != NULL) {
            preprocess_unsupported(read, "\"size\" with \"%s\"", OTHERS[i]);
            return VITLRP_OK;
        }
    }
    if (size == NULL ? processor->resizes_short : edge != NULL || json_is_integer(size)) {
        const json_t *number = edge == NULL ? size : edge;
        if (size != NULL && !preprocess_side(number, &height)) {
            return fail(err, VITLRP_MISMATCH, "\"size\" must be of 1 to 65536 pixels");
        }
        if (edge == NULL && size != NULL && is_square) {
            resize_both(&read->out, height, height);
        } else {
            resize_short(&read->out, height);
        }
        return VITLRP_OK;
    }
    if (size != NULL && !read_pair(size, &height, &width)) {
        return fail(err, VITLRP_MISMATCH,
                    "\"size\" must be a size, a shortest_edge, or a height and a width");
    }
    resize_both(&read->out, height, width);
    return VITLRP_OK;
}

/* "resample" is Pillow's number of a filter. */
static enum vitlrp_status read_filter(const json_t *object, struct preprocess_read *read,
                                      struct vitlrp_error *err) {
    static const enum vitlrp_interpolation FILTERS[] = {[1] = VITLRP_LANCZOS,
                                                        [2] = VITLRP_BILINEAR,
                                                        [3] = VITLRP_BICUBIC,
                                                        [4] = VITLRP_BOX,
                                                        [5] = VITLRP_HAMMING};
    const json_t *value = json_object_get(object, "resample");
    int64_t filter = 2;
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (json_is_null(value)) {
        read->out.interpolation = VITLRP_BILINEAR;
        return VITLRP_OK;
    }
    TRY(json_get_int(object, "resample", 0, 5, &filter, err));
    if (filter == 0) {
        preprocess_unsupported(read, "resample 0 (nearest)");
    } else {
        read->out.interpolation = FILTERS[filter];
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_crop(const json_t *object, const struct processor *processor,
                                    struct preprocess_read *read, struct vitlrp_error *err) {
    const json_t *size = preprocess_stated(object, "crop_size");
    struct vitlrp_preprocess *out = &read->out;
    bool crops = processor->crops;
    TRY(read_flag(object, "do_center_crop", &crops, err));
    if (!crops) {
        return VITLRP_OK;
    }
    out->crop_height = out->crop_width = processor->crop;
    bool is_read =
        size == NULL ? processor->crop > 0 : read_pair(size, &out->crop_height, &out->crop_width);
    if (json_is_integer(size) && preprocess_side(size, &out->crop_height)) {
        out->crop_width = out->crop_height;
        is_read = true;
    }
    out->crop_offset = VITLRP_CROP_FLOOR;
    return is_read ? VITLRP_OK
                   : fail(err, VITLRP_MISMATCH,
                          "\"crop_size\" must be a size, or a height and a width");
}

/* ConvNext's resize has a crop of its own: small inputs are cut from a picture that is larger by
 * 1 / crop_pct. */
static enum vitlrp_status adapt_convnext(const json_t *object, struct preprocess_read *read,
                                         struct vitlrp_error *err) {
    struct vitlrp_preprocess *out = &read->out;
    double part = 224.0 / 256.0;
    int32_t size = out->resize_to;
    if (preprocess_stated(object, "crop_pct") != NULL) {
        TRY(json_get_number(object, "crop_pct", &part, err));
    }
    if (out->resize != VITLRP_RESIZE_SHORT || !(part > 0.1 && part <= 10.0)) {
        return fail(err, VITLRP_MISMATCH,
                    "\"size\" must be a shortest_edge, and \"crop_pct\" from 0.1 to 10");
    }
    if (size >= CONVNEXT_SQUASH_FROM) {
        resize_both(out, size, size);
        return VITLRP_OK;
    }
    if (out->crop_height != 0 && (out->crop_height != size || out->crop_width != size)) {
        preprocess_unsupported(read, "\"do_center_crop\" of another size than \"size\"");
        return VITLRP_OK;
    }
    out->resize_to = (int32_t) (size / part);
    out->crop_height = out->crop_width = size;
    out->crop_offset = VITLRP_CROP_FLOOR;
    return VITLRP_OK;
}

static enum vitlrp_status read_geometry(const json_t *object, const struct processor *processor,
                                        struct preprocess_read *read, struct vitlrp_error *err) {
    bool resizes = true;
    bool pads = false;
    TRY(read_flag(object, "do_resize", &resizes, err));
    TRY(read_flag(object, "do_pad", &pads, err));
    TRY(read_crop(object, processor, read, err));
    if (resizes) {
        TRY(read_size(object, processor, read, err));
        if (strcmp(processor->name, "ConvNext") == 0) {
            TRY(adapt_convnext(object, read, err));
        }
        TRY(read_filter(object, read, err));
    } else {
        read->out.resize = VITLRP_RESIZE_NONE;
    }
    if (pads && preprocess_stated(object, "pad_size") != NULL) {
        preprocess_unsupported(read, "\"do_pad\"");
    }
    return VITLRP_OK;
}

/* value = (v * factor - mean) / std, which is (v / 255 - mean / scale) / (std / scale). */
static void fold_factor(struct vitlrp_preprocess *out, double factor) {
    double scale = factor * 255.0;
    if (fabs(scale - 1.0) > 1e-6) {
        for (int c = 0; c < 3; c++) {
            out->mean[c] = (float) ((double) out->mean[c] / scale);
            out->std[c] = (float) ((double) out->std[c] / scale);
        }
    }
}

static enum vitlrp_status read_values(const json_t *object, struct preprocess_read *read,
                                      struct vitlrp_error *err) {
    static const float ZEROS[3] = {0, 0, 0};
    static const float ONES[3] = {1, 1, 1};
    struct vitlrp_preprocess *out = &read->out;
    double factor = 1.0 / 255.0;
    bool rescales = true;
    bool normalises = true;
    TRY(read_flag(object, "do_rescale", &rescales, err));
    TRY(read_flag(object, "do_normalize", &normalises, err));
    if (preprocess_stated(object, "rescale_factor") != NULL) {
        TRY(json_get_number(object, "rescale_factor", &factor, err));
    }
    if (rescales && !(factor > 1e-6 && factor < 1e3)) {
        return fail(err, VITLRP_MISMATCH, "\"rescale_factor\" must be above 0");
    }
    if (normalises) {
        TRY(preprocess_read_triple(object, "image_mean", false, out->mean, err));
        TRY(preprocess_read_triple(object, "image_std", true, out->std, err));
    } else {
        preprocess_normalise_by(out, ZEROS, ONES);
    }
    fold_factor(out, rescales ? factor : 1.0);
    return VITLRP_OK;
}

enum vitlrp_status preprocess_from_huggingface(const json_t *object, const json_t *config,
                                               struct preprocess_read *read,
                                               struct vitlrp_error *err) {
    const char *type = json_get_string(object, "image_processor_type");
    type = type == NULL ? json_get_string(object, "feature_extractor_type") : type;
    const struct processor *processor =
        type == NULL ? automatic(config) : find_processor(type, family_length(type));
    const struct processor *known = processor == NULL ? &PROCESSORS[0] : processor;
    read->out = (struct vitlrp_preprocess){.interpolation = known->interpolation};
    preprocess_normalise_by(&read->out, known->mean, known->std);
    if (processor == NULL) {
        preprocess_unsupported(read, "the processor \"%.60s\"", type);
        return read_values(object, read, err);
    }
    TRY(read_geometry(object, processor, read, err));
    return read_values(object, read, err);
}

void preprocess_guess_huggingface(const json_t *config, struct preprocess_read *read) {
    const struct processor *processor = automatic(config);
    struct vitlrp_preprocess *out = &read->out;
    int32_t larger = read->height > read->width ? read->height : read->width;
    *out = (struct vitlrp_preprocess){.interpolation = processor->interpolation};
    preprocess_normalise_by(out, processor->mean, processor->std);
    if (processor->crops) {
        out->crop_height = read->height;
        out->crop_width = read->width;
        out->crop_offset = VITLRP_CROP_FLOOR;
        larger = (int32_t) ((int64_t) larger * processor->size / processor->crop);
    }
    if (processor->resizes_short) {
        resize_short(out, larger);
    } else {
        resize_both(out, larger, larger);
    }
}
