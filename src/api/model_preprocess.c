/* Preprocessing from what lies beside the weights. What nothing states is guessed, and told from
 * what is stated. */
#include "api/model_preprocess.h"

#include <math.h>
#include <string.h>

#include "api/preprocess_read.h"

/* The usual preprocessing of each framework for the trained size. */
static void guess(const struct vit_model *model, struct preprocess_read *read) {
    struct vitlrp_preprocess *out = &read->out;
    int32_t larger = read->height > read->width ? read->height : read->width;
    *out = (struct vitlrp_preprocess){
        .resize = VITLRP_RESIZE_SHORT, .crop_height = read->height, .crop_width = read->width};
    if (strncmp(model->layout, "huggingface", strlen("huggingface")) == 0) {
        preprocess_guess_huggingface(model->config_json, read);
    } else if (strcmp(model->layout, "open_clip") == 0) {
        preprocess_default_open_clip(read);
    } else if (strcmp(model->layout, "timm") == 0 || strcmp(model->layout, "jax") == 0) {
        /* timm's evaluation of the AugReg models, with which it reports the JAX ones too: crop_pct
         * 0.9, bicubic. Its DeiT models differ in mean and std; their config.json says so. */
        out->interpolation = VITLRP_BICUBIC;
        out->resize_to = (int32_t) floor(larger / 0.9);
        preprocess_normalise_by(out, PREPROCESS_HALVES, PREPROCESS_HALVES);
    } else {
        /* torchvision's, whose 256 for an input of 224 is kept in proportion. */
        out->interpolation = VITLRP_BILINEAR;
        out->resize_to = (int32_t) (((int64_t) 256 * larger + 112) / 224);
        preprocess_normalise_by(out, PREPROCESS_IMAGENET_MEAN, PREPROCESS_IMAGENET_STD);
    }
}

/* The timm object of a model, and where it stands: transformers' TimmWrapper has it in the
 * processor's file too. */
static const json_t *timm_object(const struct vit_model *model, const char **file) {
    const json_t *found = NULL;
    if (preprocess_timm_config(model->preprocessor, &found)) {
        *file = model->preprocessor_file;
    } else if (preprocess_timm_config(model->config_json, &found)) {
        *file = "config.json";
    }
    return found;
}

/* Reads the first of what may state it; read->file stays NULL if there is nothing. */
static enum vitlrp_status read_stated(const struct vit_model *model, struct preprocess_read *read,
                                      struct vitlrp_error *err) {
    const json_t *own = json_object_get(model->metadata, "preprocess");
    const char *file = NULL;
    if (model->openai_clip) {
        read->file = "OpenAI's CLIP";
        preprocess_default_open_clip(read);
        return VITLRP_OK;
    }
    const json_t *timm = timm_object(model, &file);
    if (own != NULL) {
        read->file = "\"preprocess\" metadata";
        return preprocess_from_metadata(own, read, err);
    }
    if (timm != NULL) {
        read->file = file;
        return preprocess_from_timm(timm, read, err);
    }
    if (model->preprocessor != NULL) {
        read->file = model->preprocessor_file;
        return preprocess_from_huggingface(model->preprocessor, model->config_json, read, err);
    }
    if (model->open_clip != NULL) { /* without the key, open_clip's own defaults */
        read->file = "open_clip_config.json";
        return preprocess_from_open_clip(json_object_get(model->open_clip, "preprocess_cfg"), read,
                                         err);
    }
    if (strcmp(model->layout, "torchvision") == 0 &&
        preprocess_published(model->name, &read->out)) {
        read->file = "torchvision's published file of this name";
    }
    return VITLRP_OK;
}

/* A model reads whole patches: of an input of the size that it states, not what is behind them. */
static void leave_unread(const struct vit_config *config, struct vitlrp_preprocess *out) {
    int32_t height = out->crop_height;
    int32_t width = out->crop_width;
    if (out->resize == VITLRP_RESIZE_SQUASH && height == 0 && width == 0) {
        height = out->resize_to;
        width = out->resize_width > 0 ? out->resize_width : out->resize_to;
    }
    bool ends = config->unread_height > 0 || config->unread_width > 0;
    if (ends && height - config->unread_height == config->image_height &&
        width - config->unread_width == config->image_width) {
        out->crop_height = config->image_height;
        out->crop_width = config->image_width;
        out->unread_height = config->unread_height;
        out->unread_width = config->unread_width;
    }
}

enum vitlrp_status model_preprocess(const struct vit_model *model, const struct vitlrp_log *log,
                                    struct model_preprocess *out, struct vitlrp_error *err) {
    struct preprocess_read read = {.log = log,
                                   .model = model->name,
                                   .height = model->config.image_height,
                                   .width = model->config.image_width};
    guess(model, &read);
    enum vitlrp_status status = read_stated(model, &read, err);
    if (status != VITLRP_OK) {
        return error_prefix(err, status, read.file);
    }
    read.out.channels = model->config.grey ? 1 : 0;
    leave_unread(&model->config, &read.out);
    *out = (struct model_preprocess){.preprocess = read.out, .origin = read.file};
    return VITLRP_OK;
}

bool model_preprocess_wants_hash(const struct vit_model *model,
                                 const struct model_preprocess *found) {
    return found->origin == NULL && strcmp(model->layout, "torchvision") == 0 &&
           preprocess_published_shape(&model->config);
}

void model_preprocess_take_hash(const char *sha256, struct model_preprocess *out) {
    if (preprocess_published_hash(sha256, &out->preprocess)) {
        out->origin = "torchvision's published file of this hash";
    }
}
