/* A Vision Transformer in memory: its shape and its float32 weights in one canonical arrangement,
 * whatever the file called them. Immutable after loading, shared by any number of sessions. Knows
 * no images. */
#ifndef VIT_MODEL_H
#define VIT_MODEL_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "vit/math/activation.h"
#include "vit/model/origin.h"

/* What the head reads (vit/tokens/pooling.h). */
enum vit_pool {
#define POOL(constant, name) VIT_POOL_##constant,
#include "vit/model/pools.def"
    VIT_POOL_COUNT
};

/* Where a block has its norms: before its branches; behind them, x += norm(branch(x)); one before
 * both, which are added to the stream together. */
enum vit_block_form { VIT_BLOCK_PRE_NORM, VIT_BLOCK_POST_NORM, VIT_BLOCK_PARALLEL };

/* How position embeddings become those of another input size (vit/tokens/position.h). */
enum vit_resampling {
    VIT_RESAMPLE_ANTIALIASED,
    VIT_RESAMPLE_BICUBIC,
    VIT_RESAMPLE_BICUBIC_OFFSET,
    VIT_RESAMPLE_CORNERS,
    VIT_RESAMPLE_LINEAR
};

/* Rotary position embeddings (vit/tokens/rotary.h). */
enum vit_rope_form { VIT_ROPE_NONE, VIT_ROPE_AXIAL, VIT_ROPE_MIXED, VIT_ROPE_CENTRED };

/* Which token of a text the head reads. */
enum vit_text_end {
    VIT_END_LARGEST_ID, /* the first of those with the largest id, which is that of the end */
    VIT_END_FIRST_ID,   /* the first with the id of the end */
    VIT_END_LAST        /* the last, padding or not */
};

struct vit_rope {
    enum vit_rope_form form;
    bool columns_first; /* the first half of a head's pairs belongs to columns, not to rows */
    bool halves;        /* a pair is (j, j + head size / 2), not (2j, 2j + 1) */
    float theta;
    float offset;                            /* added to an index */
    float reference_rows, reference_columns; /* 0: indices are not scaled */
};

struct vit_config {
    int32_t image_height, image_width; /* trained input size */
    int32_t patch_height, patch_width;
    int32_t grid_height, grid_width;     /* patches at the trained size */
    int32_t unread_height, unread_width; /* pixels of a stated size that are in no whole patch */
    bool grey;      /* inputs have one channel instead of red, green and blue */
    int32_t prefix; /* tokens in front of the patches: CLS, if there is one, the
                       distillation token, if there is one, then registers */
    int32_t registers;
    bool distilled; /* has DeiT's distillation token */
    int32_t dim, depth, heads, mlp_dim, classes;
    bool gated; /* fc1 has 2 mlp_dim outputs, the gate's and the value's */
    bool rms;   /* RMSNorm in place of LayerNorm */
    enum vit_block_form form;
    float layer_norm_eps;
    enum vit_activation activation;
    enum vit_pool pool;
    int32_t map_heads, map_mlp_dim; /* of an attention pool; MLP 0: it has none */
    bool norm_after_pool;           /* the final norm is of what was pooled */
    int32_t taps;                   /* blocks before the last whose CLS token the head reads, too */
    int32_t compared;   /* numbers of a feature whose likeness to others are the outputs; 0: its
                           numbers are, or it has a head */
    int32_t head_width; /* between the layers of a head of two; 0: it has one */
    enum vit_activation head_activation; /* there */
    enum vit_resampling resampling;
    struct vit_rope rope;
    int32_t
        vocabulary; /* of a text tower, the tokens that it knows; 0: a tower for images. Its input
                       is a grid of one row, of as many columns as a text may have tokens */
    bool causal;    /* a token attends to itself and to those before it */
    enum vit_text_end text_end;
    int32_t end_id;   /* of VIT_END_FIRST_ID */
    uint64_t unusual; /* weights in which it differs from a plain ViT, a bit each: slot_unusual */
};

/* The members are the rows of weights.def; one that the model does without is NULL. */
struct vit_block {
#define BLOCK_WEIGHT(constant, member, ...) const float *member;
#include "vit/model/weights.def"
};

struct vit_weights {
#define EMBEDDING_WEIGHT(constant, member, ...) const float *member;
#define END_WEIGHT(constant, member, ...) const float *member;
#include "vit/model/weights.def"
    struct vit_block *blocks; /* [depth] */
};

struct pack_store;

/* Rows of a text tower's table of tokens, which is not among its weights. Any number of threads may
 * read. */
struct vit_words_source {
    enum vitlrp_status (*read)(const struct vit_words_source *source, size_t id, float *out,
                               struct vitlrp_error *err);
    const char *name; /* for messages */
};

struct vit_model {
    atomic_size_t holders;  /* the opener, and models that are made of this one; first: what follows
                               is copied to those */
    struct vit_model *base; /* held: the model whose weights it uses; NULL: its own */
    struct vit_config config;
    struct vit_weights weights;
    char *name;                     /* path of the weights' file, or the name given with them */
    const char *layout;             /* a name of LAYOUTS (vit/load/layout_tables.c), or "random" */
    const char *container;          /* "safetensors", "pytorch zip", "pytorch legacy", "npz",
                                       "memory", "none" */
    const char *stored_as;          /* "F32", "F16", "BF16" */
    bool openai_clip;               /* the container is OpenAI's CLIP */
    enum vitlrp_weights weight_set; /* which of several in the file; AUTO: there is one */
    char *ignored;                  /* owned; patterns of tensors that were left out, or NULL */
    enum vitlrp_outputs outputs;
    enum vitlrp_probability probability; /* never STATED */
    enum vitlrp_model_kind kind;
    double logit_scale; /* of cosines with texts; 0: nothing states it */
    double logit_bias;
    enum vitlrp_probability prompt_probability; /* of a model that is made of this one and texts */
    bool head_given; /* in another file: names of outputs beside the weights are not its own */
    int64_t parameters;
    struct vitlrp_model_limits limits; /* it was made within them, and is used within them */
    float *storage;                    /* all weights in one block of storage_bytes */
    size_t storage_bytes;
    struct vit_words_source *words; /* owned: mem_free; NULL: of images, or among the weights */
    const float *edits; /* of hidden values (vit/model/edited_model.h), in the storage of this model
                           or of one that it is made of; NULL: none */
    struct pack_store *packs; /* weights arranged for backends, made on demand (vit/math/packs.h) */
    struct vit_origin origin;

    /* What the checkpoint says beside its tensors, for the layers above; NULL if absent. */
    json_t *facts;                 /* what is known of it, and from where: vit/load/facts.h */
    json_t *metadata;              /* the "vitlrp" object of the safetensors metadata */
    json_t *config_json;           /* Hugging Face's or timm's config.json */
    json_t *preprocessor;          /* Hugging Face's image processor */
    const char *preprocessor_file; /* where it stands */
    json_t *open_clip;             /* open_clip_config.json */
};

/* The default limits of a checkpoint, as an initialiser. ViT-H has weights of 2.5 GB in 400
 * tensors; a zip archive has an entry per tensor and a few more; torch.save needs some 20 opcodes a
 * tensor; JSON may take 88 times its size. 2,048 pixels in patches of 16 are 16,384 tokens; ViT-H
 * at 1,024 pixels takes 12 million million operations. */
#define MODEL_LIMITS_DEFAULT                                                                       \
    {                                                                                              \
        .max_bytes = (uint64_t) 4 << 30, .max_table_bytes = (size_t) 16 << 20,                     \
        .max_tensors = 4096, .max_zip_entries = 10000, .max_pickle_opcodes = 1000000,              \
        .max_json_bytes = (size_t) 128 << 20, .max_tokens = 20000,                                 \
        .max_operations = INT64_C(20000000000000)                                                  \
    }

/* The numbers above. */
struct vitlrp_model_limits vit_load_limits_default(void);

/* USAGE if a limit is zero, or a reserved field is in use. */
enum vitlrp_status vit_load_limits_check(const struct vitlrp_model_limits *limits,
                                         struct vitlrp_error *err);

struct vit_load_options {
    const char *head;            /* file of a head in place of the model's, or NULL */
    const char *head_activation; /* between its layers: a fact's word, or NULL */
    int32_t heads; /* 0: from the configuration, else a guess; so with the next three */
    enum vitlrp_activation activation;
    enum vitlrp_pool pool;
    enum vitlrp_probability probability; /* STATED: likewise */
    double norm_eps, logit_scale;
    const double *logit_bias;                 /* NULL: likewise, else 0 */
    const struct vitlrp_model_limits *limits; /* NULL: the default ones */
    const struct vitlrp_log *log;
    const struct vitlrp_inputs *inputs; /* NULL: nobody asks */
    enum vitlrp_weights weights;        /* which set, of a file that has several */
    const char *ignore_tensors;         /* patterns, see names_settle; NULL: none */
    const char *adapter_path;           /* folder of a LoRA adapter to merge; NULL: none */
    const char *config, *preprocessor;  /* texts that lie beside weights in memory; NULL: none */
    const char *facts;                  /* what the caller knows, as JSON; NULL: nothing */
    bool text;          /* the text tower of a model of images and texts, not the image tower:
                           heads, head, head_activation, pool, probability and facts are not its */
    int32_t text_heads; /* of it; 0: from the configuration, else a guess */
    enum vitlrp_text_tower text_tower; /* STATED: likewise */
    json_t **listing; /* of vit_model_load: gets what vit_file_tensors gives, also where the load
                       fails after it; NULL: nobody asks */
};

/* The options' limits, or the default ones. */
struct vitlrp_model_limits vit_load_limits(const struct vit_load_options *options);

/* Loads a checkpoint from a path (or a Hugging Face folder). IO if the file of the weights changed
 * meanwhile: they may be those of no file. *out is owned: vit_model_free. */
enum vitlrp_status vit_model_load(const char *path, const struct vit_load_options *options,
                                  struct vit_model **out, struct vitlrp_error *err);

/* Which tensors a file (or folder) of weights has, whether they make a model or not
 * (vit/load/listing.h). *out is owned: json_decref. */
enum vitlrp_status vit_file_tensors(const char *path, const struct vit_load_options *options,
                                    json_t **out, struct vitlrp_error *err);

/* Loads a checkpoint from memory, which is afterwards needed for its hash only. */
enum vitlrp_status vit_model_load_memory(const void *data, size_t size, const char *name,
                                         const struct vit_load_options *options,
                                         struct vit_model **out, struct vitlrp_error *err);

struct memory_tensors {
    const struct vitlrp_tensor *items;
    size_t count;
};

/* Loads a model from tensors in memory, whose data are afterwards needed for their hashes only. */
enum vitlrp_status vit_model_load_tensors(const struct memory_tensors *tensors, const char *name,
                                          const struct vit_load_options *options,
                                          struct vit_model **out, struct vitlrp_error *err);

/* A model of the given shape with seeded random weights, scaled as a trained one's so that
 * activations stay in range. */
enum vitlrp_status vit_model_random(const struct vit_config *config, uint64_t seed,
                                    struct vit_model **out, struct vitlrp_error *err);

/* A model over the weights of `base`, which it holds: its only output is the cosine of base's
 * outputs and the mean of the unit vectors of features [count, classes], outputs of base for
 * references. USAGE for a model of classes, NUMERIC if the features have no common direction. *out
 * is owned: vit_model_free. */
enum vitlrp_status vit_model_like(struct vit_model *base, const float *features, size_t count,
                                  struct vit_model **out, struct vitlrp_error *err);

/* The scale of released CLIP models, for those of which nothing states it. */
#define VIT_USUAL_LOGIT_SCALE 100.0

/* A model over the weights of `base`, which it holds: its classes are texts, given by their
 * embeddings, rows [count, classes of base] of any length, and its outputs base's scaled cosines
 * with them. USAGE for a model of classes, NUMERIC for a row without a direction. *out is owned:
 * vit_model_free. */
enum vitlrp_status vit_model_prompts(struct vit_model *base, const float *rows, size_t count,
                                     struct vit_model **out, struct vitlrp_error *err);

/* Likewise, of one text of that length: rows [count, classes of base] are parts of its embedding,
 * and may be 0; the outputs, base's scaled products with them over both lengths, add up to the
 * scaled cosine. Nothing is added to them, and none is likelier than another. */
enum vitlrp_status vit_model_words(struct vit_model *base, const float *rows, size_t count,
                                   double length, struct vit_model **out, struct vitlrp_error *err);

/* Lets go of it; the last holder releases it. NULL is ignored. */
void vit_model_free(struct vit_model *model);

#endif
