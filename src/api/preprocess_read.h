/* Preprocessing as files of several libraries state it: each reader knows the keys and the defaults
 * of one. What cannot be expressed is said by name, and leaves the resize unknown. */
#ifndef API_PREPROCESS_READ_H
#define API_PREPROCESS_READ_H

#include <jansson.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/status.h"
#include "vit/model/model.h"
#include "vitlrp.h"

struct preprocess_read {
    const struct vitlrp_log *log; /* may be NULL */
    const char *model;            /* its name, for messages */
    const char *file;             /* where the values stand, a constant */
    int32_t height, width;        /* the input size that the model was trained at */
    struct vitlrp_preprocess out;
};

/* Means and deviations that libraries name; [0] red. */
extern const float PREPROCESS_HALVES[3];
extern const float PREPROCESS_IMAGENET_MEAN[3], PREPROCESS_IMAGENET_STD[3];
extern const float PREPROCESS_CLIP_MEAN[3], PREPROCESS_CLIP_STD[3];

void preprocess_normalise_by(struct vitlrp_preprocess *out, const float mean[3],
                             const float std[3]);

/* Says of what the file asks for that it is not supported, and that the caller must say how
 * pictures are resized. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void preprocess_unsupported(struct preprocess_read *read, const char *format, ...);

/* The key's value; NULL where it is missing or null. */
const json_t *preprocess_stated(const json_t *object, const char *key);

/* The numbers of the channels under a key, or one for all; a missing key or null leaves them as
 * they are. MISMATCH if they are not finite, or `positive` and not above 0. */
enum vitlrp_status preprocess_read_triple(const json_t *object, const char *key, bool positive,
                                          float out[3], struct vitlrp_error *err);

/* A number of pixels, from 1; false if the value is none. */
bool preprocess_side(const json_t *value, int32_t *out);

/* Pillow's name of a filter, as torchvision, timm and open_clip spell it; NULL leaves the
 * interpolation as it is. Unsupported names are said. */
void preprocess_read_interpolation(struct preprocess_read *read, const char *name);

/* Our own "preprocess" object in a file's metadata. read->out holds what applies without a key. */
enum vitlrp_status preprocess_from_metadata(const json_t *object, struct preprocess_read *read,
                                            struct vitlrp_error *err);

/* True for a config.json of timm, old or new; *out gets the object with the preprocessing. */
bool preprocess_timm_config(const json_t *config, const json_t **out);

/* timm's pretrained_cfg, or its older config.json with the same keys at the top. */
enum vitlrp_status preprocess_from_timm(const json_t *object, struct preprocess_read *read,
                                        struct vitlrp_error *err);

/* What OpenAI's CLIP has, and open_clip where no key says otherwise. */
void preprocess_default_open_clip(struct preprocess_read *read);

/* preprocess_cfg of an open_clip_config.json; NULL has no keys. */
enum vitlrp_status preprocess_from_open_clip(const json_t *object, struct preprocess_read *read,
                                             struct vitlrp_error *err);

/* preprocessor_config.json, by its processor's class, else by config.json's model_type (config may
 * be NULL). */
enum vitlrp_status preprocess_from_huggingface(const json_t *object, const json_t *config,
                                               struct preprocess_read *read,
                                               struct vitlrp_error *err);

/* What the processor of config.json's model_type does by default, at the model's size: the best
 * guess for a Hugging Face model without a file of its own. */
void preprocess_guess_huggingface(const json_t *config, struct preprocess_read *read);

/* torchvision's for the published file that a path names; false for any other file. */
bool preprocess_published(const char *path, struct vitlrp_preprocess *out);

/* Whether a file of torchvision's names may be one of them under another name; then its hash tells,
 * which takes longer than to read it. */
bool preprocess_published_shape(const struct vit_config *config);
bool preprocess_published_hash(const char *sha256, struct vitlrp_preprocess *out);

#endif
