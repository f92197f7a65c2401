/* vitlrp: the enumerations and plain records that the public headers and the library's own layers
 * share. vitlrp.h includes it; a program includes that. vitlrp.h says how records grow.
 * Enumerations gain values at their end only.
 */
#ifndef VITLRP_TYPES_H
#define VITLRP_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* ---- Status, errors, messages ---- */

enum vitlrp_status {
    VITLRP_OK = 0,
    VITLRP_USAGE,       /* an argument is out of its documented range */
    VITLRP_IO,          /* the operating system refused: see system_errno */
    VITLRP_FORMAT,      /* a file is damaged or not what it claims to be */
    VITLRP_UNSUPPORTED, /* valid, but outside what this library handles */
    VITLRP_LIMIT,       /* larger than a resource limit */
    VITLRP_NOMEM,
    VITLRP_MISMATCH, /* two inputs that do not fit each other */
    VITLRP_NUMERIC,  /* NaN or infinity in weights, input or result */
    VITLRP_CANCELLED,
    VITLRP_INTERNAL /* a bug of the library's */
};

/* What a caller can give or ask for after a failure, where the library knows it. A message states
 * the fact only; a program adds how its own users do that. */
enum vitlrp_topic {
    VITLRP_TOPIC_NONE,
    VITLRP_TOPIC_HEADS,       /* the number of attention heads, in the model's options */
    VITLRP_TOPIC_CLASSES,     /* which classes the model has */
    VITLRP_TOPIC_EVAL_TARGET, /* VITLRP_EVAL_PREDICTED, which needs no labels */
    VITLRP_TOPIC_LIMITS,      /* a limit that the options have: of images, of models, of memory */
    VITLRP_TOPIC_RESIZE,      /* the resize of the preprocessing, which nobody knows */
    VITLRP_TOPIC_ACTIVATION,  /* the activation, in the model's options */
    VITLRP_TOPIC_POOL,        /* what the head reads, likewise */
    VITLRP_TOPIC_HEADLESS,    /* an output to explain, a head, or images to compare with */
    VITLRP_TOPIC_HEAD_ACTIVATION, /* that between the layers of a head, in the model's options */
    VITLRP_TOPIC_HEAD,            /* a head of classes, likewise */
    VITLRP_TOPIC_JOURNAL,         /* the journal, in the options of an evaluation or of texts */
    VITLRP_TOPIC_TEXT_HEADS,      /* heads of the text tower, in the options of texts */
    VITLRP_TOPIC_TOKENIZER,       /* the tokenizer's file, likewise */
    VITLRP_TOPIC_TEXT_CLEANING,   /* what is done to texts first, likewise */
    VITLRP_TOPIC_TEXTS            /* texts to compare with, or a head of classes */
};

/* Owned by the caller, overwritten by a failing call only. */
struct vitlrp_error {
    enum vitlrp_status status;
    int system_errno; /* errno of the system call that failed with VITLRP_IO, else 0 */
    enum vitlrp_topic topic;
    char message[512]; /* one line of UTF-8, always terminated: file (if any), reason, what to do */
};

/* Messages for people, in the thread that called the library. level 1 warning, 2 info, 3 debug. */
struct vitlrp_log {
    void (*write)(void *user, int level, const char *message); /* NULL: no messages */
    void *user;
};

/* The library calls it with the name of each file before it reads the file, and with the images of
 * a dataset before it reads any of them. So a program that will write files knows in time whether
 * it would overwrite a file that is read. If the callback returns a status other than OK, the call
 * ends with that status and with the message of the callback. */
struct vitlrp_inputs {
    enum vitlrp_status (*file)(void *user, const char *path, struct vitlrp_error *error);
    void *user; /* file NULL: no calls */
};

/* Gets the list of a file's tensors, as vitlrp_file_tensors makes it, while the file is opened as a
 * model, whether it makes one or not: so its container is read once. `data` is there during the
 * call only. Not called where vitlrp_file_tensors would fail. */
struct vitlrp_tensor_list {
    void (*take)(void *user, const char *data, size_t size);
    void *user; /* take NULL: no list is made */
};

/* Watches the calls of a session, in the thread that makes them. NULL is not called. */
struct vitlrp_session_observer {
    void (*progress)(void *user, size_t done,
                     size_t total); /* in an attribution that runs the model many times: after each
                                       pass, or each batch of passes, how many of how many */
    int32_t (*cancelled)(void *user); /* when a call begins and between the operations of a pass, at
                                         most fifty times a second; if it returns another value than
                                         0, the call ends with VITLRP_CANCELLED, and the session
                                         stays usable */
    void *user;
};

/* ---- Photographs and preprocessing ---- */

enum vitlrp_resize {
    VITLRP_RESIZE_SHORT,  /* short side to resize_to, keeping the aspect ratio */
    VITLRP_RESIZE_SQUASH, /* height to resize_to, width to resize_width */
    VITLRP_RESIZE_NONE,
    VITLRP_RESIZE_COVER,  /* keeping the aspect ratio, until the height is resize_to or more and the
                             width is resize_width or more: timm's for inputs that are no squares */
    VITLRP_RESIZE_UNKNOWN /* the model's files ask for something else, and a warning of the log said
                             for what; nothing is prepared before there is another value */
};

/* Pillow's filters. */
enum vitlrp_interpolation {
    VITLRP_BILINEAR,
    VITLRP_BICUBIC,
    VITLRP_LANCZOS,
    VITLRP_BOX,
    VITLRP_HAMMING
};

/* Where a centre crop begins if the pixels left over are odd in number. */
enum vitlrp_crop_offset {
    VITLRP_CROP_EVEN, /* half of them, rounded to the even number: torchvision, timm */
    VITLRP_CROP_FLOOR /* half of them, rounded down: Hugging Face */
};

/* Photograph to model input: resize (antialiased, bit-exact with Pillow's Image.resize), centre
 * crop, divide by 255, subtract mean, divide by std. A crop that is larger than the picture has
 * black pixels around it. Plain data, no struct_size: always filled whole by
 * vitlrp_model_preprocess. */
struct vitlrp_preprocess {
    enum vitlrp_resize resize;
    int32_t resize_to; /* pixels */
    enum vitlrp_interpolation interpolation;
    int32_t crop_height; /* 0: no crop */
    int32_t crop_width;
    float mean[3];
    float std[3];
    int32_t resize_width; /* of SQUASH and COVER; 0: resize_to */
    enum vitlrp_crop_offset crop_offset;
    int32_t channels; /* of the model input: 1 (grey, Pillow's "L"), or 0, which are red, green and
                         blue; one has the first mean and std */
    int32_t unread_height; /* what is centred has so many more rows below the crop, */
    int32_t unread_width;  /* and columns right of it, which no patch of the model reads */
};

/* A tensor in memory, as a safetensors file describes one. */
struct vitlrp_tensor {
    const char *name;
    const char *type;     /* of its elements: "F32", "F16", "BF16" or "F64" */
    const int64_t *shape; /* [rank] */
    size_t rank;
    const void *data; /* in the order of the shape, the last index fastest; little-endian */
    size_t size;      /* of data, in bytes */
};

/* Where the model input lies on the photograph, in photograph pixels (fractions possible). It
 * reaches beyond the photograph where there was black around it. */
struct vitlrp_geometry {
    int32_t image_width, image_height; /* the upright photograph */
    int32_t input_width, input_height; /* the model input */
    double left, top, width, height;   /* the part of the photograph that the input shows */
};

/* What a picture may cost. A picture beyond a limit is LIMIT, before anything is allocated for it.
 * All values are positive. SECURITY.md has the reasons of the defaults. */
struct vitlrp_image_limits {
    size_t max_file_bytes;     /* default 256 MiB */
    int32_t max_side;          /* default 262144 pixels */
    int64_t max_pixels;        /* default 178956970, as Pillow's */
    size_t max_codec_bytes;    /* of JPEG's own buffers, beside the picture; default 1 GiB */
    int32_t max_jpeg_scans;    /* default 100 */
    int32_t max_jpeg_warnings; /* that do not mean wrong pixels; default 100 */
    int64_t max_whole_pixels;  /* of all pictures but baseline JPEG and PNG that is not interlaced;
                                  default 100 million */
    int64_t reserved[3];       /* 0 */
};

/* ---- Models ---- */

/* What a weights file may cost, to read and to compute with. A model or an input beyond a
 * limit is LIMIT, before the work. All values are positive. An operation is an addition or a
 * multiplication in a product; an attention weight counts as 128 more. */
struct vitlrp_model_limits {
    uint64_t max_bytes;     /* of the file, and of its weights in memory; default 4 GiB */
    size_t max_table_bytes; /* of the part that lists the tensors: a safetensors header, a pickle,
                               the directory of a zip archive, the headers of its arrays; default
                               16 MiB */
    size_t max_tensors;     /* default 4096 */
    size_t max_zip_entries; /* default 10000 */
    size_t max_pickle_opcodes; /* default 1 million; a hundredth of it on the pickle's stack and a
                                  tenth in its memo */
    size_t max_json_bytes;     /* of memory that the values of a JSON text in it or beside it take;
                                  default 128 MiB */
    int64_t max_tokens;        /* of an input; default 20000 */
    int64_t max_operations; /* of a forward pass, and a thousand times as many for all passes of a
                               method over an image; default 20 million million */
    int64_t reserved[1];    /* 0 */
};

/* Which weights of a training's checkpoint: those of its last step, or their average over the
 * training (EMA; also DINO's teacher). */
enum vitlrp_weights {
    VITLRP_WEIGHTS_AUTO, /* the average, where the file has one */
    VITLRP_WEIGHTS_EMA,  /* the average */
    VITLRP_WEIGHTS_RAW   /* those of the last step */
};

/* What the outputs of a model are. */
enum vitlrp_outputs {
    VITLRP_OUTPUTS_CLASSES,   /* a logit for each class */
    VITLRP_OUTPUTS_FEATURE,   /* the model has no head: the numbers that a head would read */
    VITLRP_OUTPUTS_EMBEDDING, /* a projection, to be compared with others by its cosine */
    VITLRP_OUTPUTS_LIKENESS   /* one: how alike a feature is to references, from -1 to 1 */
};

/* What a model is made of. */
enum vitlrp_model_kind {
    VITLRP_MODEL_IMAGE,      /* a classifier, or an encoder of images alone */
    VITLRP_MODEL_IMAGE_TEXT, /* an encoder of images whose outputs are compared with the embeddings
                                of texts (vitlrp_words.h) */
    VITLRP_MODEL_PROMPTS     /* the same with texts: they are its classes */
};

/* How the probability of a class follows from the logits. */
enum vitlrp_probability {
    VITLRP_PROBABILITY_STATED,  /* as the model's files state, else by the number of classes */
    VITLRP_PROBABILITY_SOFTMAX, /* exp(logit) / the sum of all: one class is right */
    VITLRP_PROBABILITY_SIGMOID, /* 1 / (1 + exp(-logit)): each class by itself, any number is right
                                 */
    VITLRP_PROBABILITY_NONE     /* outputs are no probabilities: values, features */
};

/* The activation of the MLPs. */
enum vitlrp_activation {
    VITLRP_ACTIVATION_STATED, /* what the model's files state */
    VITLRP_GELU,              /* by the error function */
    VITLRP_GELU_TANH,
    VITLRP_QUICK_GELU, /* x sigmoid(1.702 x) */
    VITLRP_SILU
};

/* How a text tower reads a text, where no file states it. */
enum vitlrp_text_tower {
    VITLRP_TEXT_TOWER_STATED, /* what the model's files state, else a guess */
    VITLRP_TEXT_TOWER_CLIP,   /* each token sees those before it; the token that ends it is read */
    VITLRP_TEXT_TOWER_SIGLIP  /* each token sees all, the last one is read */
};

/* What the head reads. */
enum vitlrp_pool {
    VITLRP_POOL_STATED,   /* what the model's files state */
    VITLRP_POOL_CLS,      /* the first token */
    VITLRP_POOL_MEAN,     /* the mean of the patches */
    VITLRP_POOL_CLS_MEAN, /* the first token, then the mean of the patches */
    VITLRP_POOL_MAP,      /* attention with a learned query */
    VITLRP_POOL_POOLER    /* the first token through the pooler of the file: a layer, then tanh */
};

/* Who states a fact about a model. */
enum vitlrp_fact_source {
    VITLRP_FACT_USER,    /* the options */
    VITLRP_FACT_FILE,    /* a key of a file */
    VITLRP_FACT_CLASS,   /* the default of the class that a file names, or of the layout's code */
    VITLRP_FACT_TABLE,   /* the table of published models */
    VITLRP_FACT_TENSORS, /* names and shapes of the tensors */
    VITLRP_FACT_GUESS    /* nobody: it is what most models have */
};

/* Arithmetic of the products with the weights of the blocks, and of attention's with BF16 and
 * BF16X3; everything else is float32. */
enum vitlrp_precision {
    VITLRP_PRECISION_FP32,
    VITLRP_PRECISION_MIXED, /* bytes and bfloat16 for the gamma rule's two products with |W| in the
                               MLPs, float32 for the rest. Maps differ from fp32 by less than 1e-3
                               (relative L2) */
    VITLRP_PRECISION_BF16,  /* bfloat16, forward and backward */
    VITLRP_PRECISION_BF16X3 /* floats as the sums of two bfloat16, and three products for each:
                               maps within 1e-4 of fp32. For processors with AMX */
};

/* ---- Relevance and methods ---- */

enum vitlrp_attention_rule {
    VITLRP_ATTENTION_ATTNLRP, /* relevance flows through the softmax (AttnLRP) */
    VITLRP_ATTENTION_CP,      /* attention weights are constants (CP-LRP) */
    VITLRP_ATTENTION_SHARE /* as AttnLRP, and the softmax gets attention_share of the relevance of
                              its product with the values, not the half */
};

/* Kinds of linear layers that have a gamma of their own: VITLRP_ROLE_CONV (patch embedding), _QKV,
 * _PROJ, _FC1, _FC2, _HEAD; more may follow. */
enum vitlrp_role {
#define VITLRP_ROLE(constant, name, text) VITLRP_ROLE_##constant,
#include "vitlrp_roles.def"
#undef VITLRP_ROLE
    VITLRP_ROLE_COUNT
};

/* Room for the gammas of roles to come. */
#define VITLRP_ROLES_MAX 16

/* Rule parameters. A gamma is 0 (LRP-0), positive, or INFINITY (z+ like). See vit/RULES.md. */
struct vitlrp_rules {
    enum vitlrp_attention_rule attention;
    float gamma[VITLRP_ROLES_MAX]; /* by enum vitlrp_role; 0 beyond the last */
    float epsilon;                 /* stabiliser of the layers whose gamma is 0; 0: none */
    float attention_share;         /* 0 to 1; of VITLRP_ATTENTION_SHARE */
};

/* What is explained: the sum of weight * logit[output]. One target of weight 1 explains a class; a
 * second one of weight -1 contrasts it with another. */
struct vitlrp_target {
    int32_t output;
    float weight;
};

/* Relevance absorbed by one kind of operation: what enters it from the output side minus what
 * leaves it. */
struct vitlrp_ledger_entry {
    int32_t block;    /* -1 outside the blocks */
    const char *kind; /* "head", "norm", "fc2", "fc1", "norm2", "proj", "softmax", "qkv", "norm1",
                         "position", "cls", "conv"; "embed_norm", "norm_pre", "attn_norm",
                         "mlp_norm", "fc_norm", "logit_bias", "edit" */
    double absorbed;
};

/* What of a class is explained, z being its logit and L the logarithm of the sum of exp(logit) over
 * all other classes. Those beside the logit need outputs of which one is right (SOFTMAX). */
enum vitlrp_score {
    VITLRP_SCORE_LOGIT,    /* z */
    VITLRP_SCORE_LOG_ODDS, /* z - L, which is log(p / (1 - p)) of its probability p */
    VITLRP_SCORE_CONTRAST  /* z - L / 2 */
};

/* Where a hidden unit of a block sits. */
enum vitlrp_site {
    VITLRP_SITE_FC1,   /* a neuron of the MLP, after its activation or gate: what fc2 reads */
    VITLRP_SITE_HEAD,  /* an attention head: its outputs, as proj reads them */
    VITLRP_SITE_STREAM /* a dimension of the residual stream that leaves the block */
};

/* A hidden unit; its name is BLOCK:SITE:INDEX, "4:fc1:367". */
struct vitlrp_unit {
    enum vitlrp_site site;
    int32_t block, index; /* from 0 */
};

/* What an evaluation takes away. */
enum vitlrp_eval_units {
    VITLRP_UNITS_PATCH, /* patches of the picture */
    VITLRP_UNITS_FC1,   /* hidden neurons of the MLPs, as VITLRP_SITE_FC1 */
    VITLRP_UNITS_HEAD   /* attention heads, as VITLRP_SITE_HEAD */
};

/* Units of one model, in any order; the caller's. */
struct vitlrp_unit_list {
    const struct vitlrp_unit *units;
    size_t count;
};

/* What hidden units of a site have, for every block: arrays [depth, units of a block] of the
 * caller; NULL ones are not filled. a is a unit's value at a token, for a head its outputs; R = a *
 * G its relevance there, for a head summed over its outputs. Of the last block only tokens that
 * leave it count: CLS alone where the model reads no other. A token is a place in the sequence that
 * the model sees, CLS first; of equal ones the first. */
struct vitlrp_unit_values {
    enum vitlrp_site site;
    const float *baseline; /* [depth, width, 2] of CLS and of all other tokens, width being the
                              columns of the site (of heads: all their outputs): R = (a - baseline)
                              * G; NULL: 0 */
    float *relevance;      /* sum over tokens of R */
    float *relevance_max;  /* largest R of a token, and where */
    int32_t *relevance_token;
    float *activation;     /* sum over tokens of a, of a head of the norm of its outputs */
    float *activation_max; /* the largest, and where */
    int32_t *activation_token;
    float *activation_mean; /* [depth, units, 2]: at CLS, and the mean over all other tokens; 0
                               where there is none */
    float *column_mean;     /* [depth, width, 2]: likewise of a, for each column as of `baseline` */
    const void *reserved[2];
};

/* Relevance on its way through a block, in logits. Each half is a branch and a shortcut, whose
 * relevance is what arrives behind them; what a branch absorbs is the difference to what comes out
 * of it at its beginning. Halves of blocks that add both branches at once (parallel, with
 * LayerScale) are NAN. */
struct vitlrp_block_flow {
    double entering; /* of the stream */
    double heads;    /* of what proj reads */
    double attention_branch, attention_shortcut;
    double mlp_hidden; /* of what fc2 reads */
    double mlp_branch, mlp_shortcut;
    double leaving; /* of the stream */
    double reserved[2];
};

/* By which of its values a unit chooses its images ("From attribution maps to human-understandable
 * explanations through concept relevance propagation", Achtibat et al. 2023, section 3.3). */
enum vitlrp_concept_kind {
    VITLRP_CONCEPT_RELEVANCE, /* relevance maximization: its share of its block's relevance */
    VITLRP_CONCEPT_ACTIVATION /* activation maximization: its largest activation of a token */
};

/* A kind as a member of a set of them. */
#define VITLRP_CONCEPT_KIND_BIT(kind) (UINT32_C(1) << (kind))

/* Where the relevance of a conditional map begins. */
enum vitlrp_unit_seed {
    VITLRP_SEED_CLASS, /* the explained classes: what of their relevance goes through the units */
    VITLRP_SEED_ACTIVATION /* the units' values: what makes them large, of no class */
};

/* Units of one site and block, and their conditional map. */
struct vitlrp_unit_group {
    enum vitlrp_site site;
    int32_t block;
    const int32_t *indices; /* [count]; NULL: all units of the block */
    size_t count;
    float *pixels;    /* [3, input_height, input_width]; NULL: not wanted */
    float *patches;   /* [grid_height, grid_width]; NULL: likewise */
    double relevance; /* out: what the map divides: R of the units, or the sum of their values */
    double sum;       /* out: of the map; the rest is absorbed below the units */
    const void *reserved[2];
};

/* What becomes of a hidden value x in every pass: factor * x + constant. */
struct vitlrp_edit {
    struct vitlrp_unit unit; /* VITLRP_SITE_FC1 or VITLRP_SITE_HEAD; index -1: every one there */
    float factor;            /* 0: what the unit says is gone */
    const float *constant; /* of the CLS token and of the other tokens: [2] for a neuron, [d, 2] for
                              a head of d outputs; NULL: 0 */
};

/* Which patches the copies of attnlrp-masked show. */
enum vitlrp_masks {
    VITLRP_MASKS_RANDOM, /* each with a random probability, in `samples` copies */
    VITLRP_MASKS_HALVES  /* a random half of them, and the other half: two copies */
};

/* The options that a method reads, as flags. */
enum vitlrp_method_reads {
    VITLRP_READS_RULES = 1,
    VITLRP_READS_HEAD_FUSION = 2, /* and discard_ratio */
    VITLRP_READS_SAMPLES = 4,
    VITLRP_READS_NOISE = 8,
    VITLRP_READS_SEED = 16,
    VITLRP_READS_SCORE = 32,
    VITLRP_READS_MASKS = 64
};

enum vitlrp_head_fusion { VITLRP_FUSE_MEAN, VITLRP_FUSE_MAX, VITLRP_FUSE_MIN };

/* What to run, and how. A method reads only what vitlrp_method_info.reads says. */
struct vitlrp_method_options {
    size_t struct_size;
    const char *method; /* a name of the table */
    struct vitlrp_rules rules;
    enum vitlrp_head_fusion head_fusion;
    double discard_ratio; /* share of the smallest attention entries left out, 0 <= ratio < 1 */
    int32_t samples;      /* 1 to 1000000 */
    double noise;         /* standard deviation as a share of the input's range */
    uint64_t seed;
    enum vitlrp_score score;
    enum vitlrp_masks masks;
};

/* ---- Pictures ---- */

enum vitlrp_style {
    VITLRP_STYLE_OVERLAY, /* the map over the photograph */
    VITLRP_STYLE_HEAT,    /* the map alone */
    VITLRP_STYLE_PANEL    /* photograph, map, overlay, colour bar and caption */
};

/* How a map is enlarged. No way leaves the range of the map's values around a pixel: BICUBIC is a
 * monotone cubic (Fritsch, Butland 1984). */
enum vitlrp_upsample { VITLRP_UPSAMPLE_NEAREST, VITLRP_UPSAMPLE_BILINEAR, VITLRP_UPSAMPLE_BICUBIC };

/* What the values of a map mean. */
enum vitlrp_map_kind {
    VITLRP_MAP_SIGNED,  /* for and against: zero has the middle colour */
    VITLRP_MAP_UNSIGNED /* more and less, none against: from the least to the largest value. A map
                           with a negative value is drawn as a signed one */
};

/* What lies under the map in an overlay. */
enum vitlrp_underlay {
    VITLRP_UNDERLAY_GREY,   /* the photograph in light grey: every colour is the map's */
    VITLRP_UNDERLAY_COLOUR, /* the photograph */
    VITLRP_UNDERLAY_NONE    /* nothing: the map alone */
};

/* How the part with the largest values is shown. */
enum vitlrp_top_as {
    VITLRP_TOP_MASK, /* the rest is dark and grey */
    VITLRP_TOP_BLUR, /* the rest is blurred */
    VITLRP_TOP_BOX   /* a box lies around it */
};

enum vitlrp_colormap_kind {
    VITLRP_COLORMAP_DIVERGING,  /* two sides around a neutral middle, which is zero */
    VITLRP_COLORMAP_SEQUENTIAL, /* from dark to light */
    VITLRP_COLORMAP_RAINBOW     /* shows edges where the map has none */
};

enum vitlrp_picture_format { VITLRP_PICTURE_PNG, VITLRP_PICTURE_JPEG, VITLRP_PICTURE_SVG };

/* ---- Evaluation ---- */

/* What replaces a patch that is removed: VITLRP_REPLACE_ZERO (0 after normalisation),
 * _BLACK, _MEAN (the image's mean colour), _BLUR, _NOISE, _ROAD (noisy linear imputation, Rong et
 * al., ICML 2022), _DONOR (patches of another image of the set, so for evaluations only); more may
 * follow. */
enum vitlrp_replacement {
#define VITLRP_REPLACEMENT(constant, name, text) VITLRP_REPLACE_##constant,
#include "vitlrp_replacements.def"
#undef VITLRP_REPLACEMENT
};

/* Room for the replacements of a set in records: more than there are. */
#define VITLRP_REPLACEMENTS_MAX 16

/* A replacement as a member of a set of them. */
#define VITLRP_REPLACEMENT_BIT(replacement) (UINT32_C(1) << (replacement))

enum vitlrp_eval_target {
    VITLRP_EVAL_PREDICTED, /* explain the predicted class */
    VITLRP_EVAL_LABEL      /* explain the label; images whose label the model does not know are left
                              out */
};

/* What a set of patches does. */
enum vitlrp_patch_goal {
    VITLRP_GOAL_SUFFICES, /* with all other patches taken away, the model still decides for the
                             class */
    VITLRP_GOAL_FLIPS     /* without the set, it no longer does */
};

/* Any thread of a run calls these functions, but only one at a time. NULL is not called. */
struct vitlrp_eval_observer {
    void (*progress)(void *user, size_t done, size_t total, size_t failed); /* after every image */
    int32_t (*cancelled)(void *user); /* before every image and between the operations of a pass, at
                                         most fifty times a second in each thread; if it returns
                                         another value than 0, it is not asked again, no more images
                                         begin, and those at work end without a result */
    void *user;
};

/* A mean over n images with its 95 % bootstrap interval; NAN for n = 0. */
struct vitlrp_statistic {
    double mean, lo, hi;
    size_t n;
};

/* What bf16 changes, over the audited images: value in bf16 - value in fp32. NAN for n = 0. */
struct vitlrp_audit {
    double mean, mean_abs, max_abs; /* of the differences */
    double per_half_width; /* |mean|, to half the width of the metric's interval over all images */
    size_t n;
};

#endif
