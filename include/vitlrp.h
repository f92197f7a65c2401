/* vitlrp: relevance maps for Vision Transformers, AttnLRP with the gamma rule.
 *
 * Model: weights and architecture. Immutable once open; any number of threads and sessions may
 * share it.
 * Session: all scratch memory of one line of work on a model. One thread at a time; never shared.
 * Image: decoded photograph. Immutable.
 * Benchmarks of explanations are in vitlrp_eval.h, images compared with texts in vitlrp_words.h.
 *
 * Conventions, where a function does not say otherwise:
 *   - Functions that can fail return a vitlrp_status and fill *error (owned by the caller, may be
 *     NULL). A failed call leaves what its out-parameters point to unchanged, its inputs usable.
 *   - The _init function of a record whose first field is struct_size fills it; then the caller
 *     changes fields. A record that was not initialised is VITLRP_USAGE.
 *   - Strings are UTF-8. The strings of a returned structure belong to the object that gave it, and
 *     live as long as that object.
 *   - Where a function does not say what a NULL pointer means, NULL is VITLRP_USAGE. A function
 *     without a status then does nothing and returns 0 or NULL.
 *   - close functions accept NULL. A model must outlive its sessions.
 *   - Threads: any thread may call a function. Other threads may use the same models, images,
 *     datasets and evaluations at the same time, but not the same session, and not the memory that
 *     the function writes to.
 *   - Callbacks return to the library: no exception of C++ and no longjmp may leave one, since the
 *     library is C and holds locks and memory at that time. A callback that may throw catches what
 *     it throws and keeps it until the call is over; observers and file callbacks can end a call.
 *     In a callback a program may call any function, but not for a session that is at work, and it
 *     closes nothing that the call was given.
 *   - Arrays are dense, float32, last index fastest; shapes are written [rows, columns].
 *   - No function prints, exits, depends on environment or locale, or keeps global state.
 *
 * The binary interface: its number is N of libvitlrp.so.N, 1 since version 0.2.0, and it stays. A
 * program built with the header of one version runs with the library of any later one:
 *   - Functions, enumerators and fields are added, never removed, moved or given another meaning.
 *   - A record with a struct_size grows at its end, always by fields that make it larger. Its _init
 *     notes the size that the program was compiled with. A newer library uses the defaults for the
 *     fields that the program does not know, and writes no result beyond that size. An older
 *     library refuses the record of a newer program with VITLRP_USAGE, and the message has both
 *     sizes. A function without a status fills the fields that it knows, and leaves 0 in the rest.
 *   - A record with `reserved` fields keeps its size; reserved fields can become new ones. Until
 *     then they are 0, in what a program passes (VITLRP_USAGE otherwise) and in what it gets.
 *   - All other records never change. Those that the library makes and shows (a log's message, a
 *     trial) may get longer.
 *
 * An explanation, from a photograph to the bytes of a PNG. method, relevance and look come from
 * their _init functions; relevance.patches and map.values are an array of the caller. (A test
 * compiles and runs these lines; tests/example/explain_example.c has everything around them.)
 *
 *     if (vitlrp_model_open_builtin(NULL, &model, &error) ||
 *         vitlrp_image_open("goldfish.jpg", NULL, &image, &error) ||
 *         vitlrp_session_open(model, NULL, &session, &error))
 *         return error.status;
 *     vitlrp_model_preprocess(model, &preprocess);
 *     if (vitlrp_image_prepare(image, &preprocess, &input, &geometry, &error) ||
 *         vitlrp_session_forward(session, input, logits, &error) ||
 *         vitlrp_model_top(model, logits, 1, &top, &error))
 *         return error.status;
 *     target.output = top.found.output;
 *     return vitlrp_session_attribute(session, &target, 1, &method, &relevance, &error) ||
 *            vitlrp_render(image, &map, &look, &png, &size, &error);
 *
 * The method: Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for
 * Transformers", ICML 2024.
 */
#ifndef VITLRP_H
#define VITLRP_H

#include <stddef.h>
#include <stdint.h>

#include "vitlrp_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(VITLRP_BUILD)
#define VITLRP_API __attribute__((visibility("default")))
#else
#define VITLRP_API
#endif

#if defined(__GNUC__)
#define VITLRP_NODISCARD __attribute__((warn_unused_result))
#else
#define VITLRP_NODISCARD
#endif

/* ---- Version, status, errors ---- */

/* "MAJOR.MINOR.PATCH". */
VITLRP_API const char *vitlrp_version(void);

/* Describes this build, for the report of a fault: one line for the kernels, one for the precisions
 * of this processor, and one for every library with its version. text has `size` bytes and is
 * terminated; what does not fit is left out. Any thread. */
VITLRP_API void vitlrp_describe_build(char *text, size_t size);

/* The status in one word ("format"); "unknown" for other values. */
VITLRP_API const char *vitlrp_status_name(enum vitlrp_status status);

/* The word of an enumeration's value in records, in options of the command and in Python: for
 * example, vitlrp_word("replacement", VITLRP_REPLACE_BLUR) is "blur". The name of the enumeration
 * has no "vitlrp_". NULL beyond the last value, and for an enumeration that has no words. */
VITLRP_API const char *vitlrp_word(const char *enumeration, int32_t value);

/* Releases memory that a function of this header returned with "vitlrp_free". */
VITLRP_API void vitlrp_free(void *pointer);

/* ---- Images ---- */

struct vitlrp_image;

/* The defaults of the record. */
VITLRP_API void vitlrp_image_limits_init(struct vitlrp_image_limits *limits);

struct vitlrp_image_options {
    size_t struct_size;
    int32_t ignore_exif; /* 1: use the pixels as stored, whatever the EXIF orientation says */
    struct vitlrp_image_limits limits;
    int32_t max_side; /* for vitlrp_image_open_prepared: the longer side of what is kept to be drawn
                         on; 0: all pixels */
    int32_t reserved;
};

/* The defaults: upright by EXIF, within the default limits, with all pixels. */
#define vitlrp_image_options_init(options)                                                         \
    vitlrp_image_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_image_options_init_sized(struct vitlrp_image_options *options, size_t size);

/* Decodes a JPEG, PNG, WebP, TIFF, AVIF, BMP or PNM file, or NumPy's uint8 of shape (height, width,
 * 3 or 1), to upright 8-bit RGB. The content decides, not the name. NULL options: defaults. *image
 * is owned by the caller: vitlrp_image_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_open(const char *path, const struct vitlrp_image_options *options,
                  struct vitlrp_image **image, struct vitlrp_error *error);

/* As vitlrp_image_open, over `size` bytes that may be released afterwards. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_open_memory(const void *data, size_t size, const struct vitlrp_image_options *options,
                         struct vitlrp_image **image, struct vitlrp_error *error);

/* A copy of a photograph, `rgb` [height, width, 3], within the default limits. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_image_from_rgb(const uint8_t *rgb,
                                                                     int32_t height, int32_t width,
                                                                     struct vitlrp_image **image,
                                                                     struct vitlrp_error *error);

/* What a normalised model input [3 or 1, height, width] shows, for inputs without a photograph. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_from_input(const float *input, int32_t height, int32_t width,
                        const struct vitlrp_preprocess *preprocess, struct vitlrp_image **image,
                        struct vitlrp_error *error);

/* A copy for a screen: its longer side has at most `max_side` pixels (antialiased, in proportion).
 * A geometry of the photograph is one of the copy when left, top, width and height are multiplied
 * by the ratio of their sizes. *small is owned: vitlrp_image_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_image_shrink(const struct vitlrp_image *image,
                                                                   int32_t max_side,
                                                                   struct vitlrp_image **small,
                                                                   struct vitlrp_error *error);

/* The picture as a PNG or JPEG file. comment NULL: none; otherwise it is stored in the file (PNG
 * tEXt, JPEG COM). *data is owned: vitlrp_free. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_encode(const struct vitlrp_image *image, enum vitlrp_picture_format format,
                    const char *comment, unsigned char **data, size_t *size,
                    struct vitlrp_error *error);

/* Releases the image and its pixels. */
VITLRP_API void vitlrp_image_close(struct vitlrp_image *image);

struct vitlrp_image_info {
    int32_t width, height; /* upright */
    int32_t orientation;   /* 1..8 of EXIF, else of XMP, as found; 1 if none */
    const char *format;    /* "jpeg", "png", "webp", "tiff", "avif", "bmp", "pnm", "npy", "rgb",
                              "input" */
    const uint8_t *rgb;    /* [height, width, 3], owned by the image */
    const char *warning;   /* what is wrong with the file, one line; NULL: nothing. A constant */
    int32_t full_width;    /* of the photograph; larger than width and height where fewer pixels */
    int32_t full_height;   /* were kept */
};

/* Fills *info; info->rgb lives as long as the image. */
VITLRP_API void vitlrp_image_describe(const struct vitlrp_image *image,
                                      struct vitlrp_image_info *info);

/* The geometry of a photograph of that size. UNSUPPORTED if the resize is unknown. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_preprocess_plan(const struct vitlrp_preprocess *preprocess, int32_t image_width,
                       int32_t image_height, struct vitlrp_geometry *geometry,
                       struct vitlrp_error *error);

/* Writes the model input [3, input_height, input_width] of the plan to `input`. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_preprocess_apply(const struct vitlrp_preprocess *preprocess,
                        const struct vitlrp_image *image, float *input, struct vitlrp_error *error);

/* Both in one step, for a photograph on its way to an explanation: *input [3,
 * geometry->input_height, geometry->input_width] is owned by the caller: vitlrp_free. UNSUPPORTED
 * if the resize is unknown. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_prepare(const struct vitlrp_image *image, const struct vitlrp_preprocess *preprocess,
                     float **input, struct vitlrp_geometry *geometry, struct vitlrp_error *error);

/* A photograph that is ready for a model. */
struct vitlrp_prepared {
    struct vitlrp_image *image;      /* owned: vitlrp_image_close */
    float *input;                    /* as of vitlrp_image_prepare; owned: vitlrp_free */
    struct vitlrp_geometry geometry; /* in pixels of the photograph, however many were kept */
    double prepare_ms;               /* of the time, what followed the decoding */
};

/* From a file's bytes to a model input, the same bit for bit as by vitlrp_image_open_memory and
 * vitlrp_image_prepare. A large baseline JPEG or PNG that is not interlaced, of which fewer pixels
 * are kept (options->max_side), is read row by row, in memory that does not grow with it; all
 * pictures of it are made of the pixels that were kept. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_open_prepared(const void *data, size_t size,
                           const struct vitlrp_image_options *options,
                           const struct vitlrp_preprocess *preprocess,
                           struct vitlrp_prepared *prepared, struct vitlrp_error *error);

/* As vitlrp_image_open_prepared, of a file: of a JPEG or PNG a block is in memory at a time. sha256
 * gets the hash of the bytes that were decoded, 65 bytes with the terminator; NULL: nobody wants
 * it. IO for a file that is written to meanwhile. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_image_open_prepared_file(const char *path, const struct vitlrp_image_options *options,
                                const struct vitlrp_preprocess *preprocess, char *sha256,
                                struct vitlrp_prepared *prepared, struct vitlrp_error *error);

/* ---- Models ---- */

struct vitlrp_model;

/* The defaults of the record. */
VITLRP_API void vitlrp_model_limits_init(struct vitlrp_model_limits *limits);

struct vitlrp_model_options {
    size_t struct_size;
    int32_t heads; /* number of attention heads; 0: from the model's files, else a guess */
    const char *labels_path; /* class names, one a line or "index<TAB>wnid<TAB>name"; NULL: the
                                model's, else ImageNet's */
    struct vitlrp_log log;
    struct vitlrp_model_limits limits;
    struct vitlrp_inputs inputs; /* of vitlrp_model_open, and the files of labels and of the head */
    enum vitlrp_weights weights; /* MISMATCH if the file does not have them */
    /* These decide, as heads does, also where the model's files state something else. */
    enum vitlrp_activation activation;
    enum vitlrp_pool pool;
    enum vitlrp_probability probability; /* USAGE for a model without a head of classes, and for the
                                            softmax of one logit, which is always 1 */
    double norm_eps;            /* of LayerNorm or RMSNorm, below 1; 0: what the files state */
    const char *ignore_tensors; /* names of tensors to leave out, separated by commas; * and ? stand
                                   for any letters and for any letter. NULL: none */
    const char *adapter_path;   /* folder of a LoRA adapter (PEFT), which is merged into the weights
                                   of vitlrp_model_open; NULL: none */
    const char *head_path;      /* a head in a file of its own, for a model without one or in the
                                   place of its own: weight and bias, alone or under a usual name
                                   (head., linear_head., classifier., fc.). Its inputs say what it
                                   reads: as many as the model's width what the model's own head
                                   reads (CLS, if nothing is stated), twice as many CLS and the mean
                                   of the patches, five times as many CLS of the last four blocks,
                                   oldest first, and that mean. NULL: the model's own */
    const char *head_activation; /* between the layers of a head of two: "gelu", "gelu_tanh",
                                    "quick_gelu", "relu" or "tanh"; NULL: as the file's names say */
    const char *labels; /* the text of such a file as labels_path names; one of the two is NULL */
    /* What lies beside a file, of a model from memory: texts of JSON; NULL: nothing. */
    const char *config;       /* config.json (timm's or Hugging Face's) or open_clip_config.json */
    const char *preprocessor; /* preprocessor_config.json */
    const char *facts; /* an object of JSON: what the caller knows of the model, by the names and in
                          the words of vitlrp_model_fact, as {"heads": 12, "activation": "gelu"}. It
                          decides like heads, which goes before it */
    const struct vitlrp_preprocess *preprocess; /* how photographs become inputs, read during the
                                                   call; NULL: as the files state, else a guess */
    struct vitlrp_tensor_list tensors;          /* of vitlrp_model_open */
    double logit_scale; /* of cosines with texts; 0: as the files state, else 100 */
    double logit_bias;  /* added to them; NAN: as the files state, else 0 */
};

/* The defaults: heads and labels of the file, no messages, the default limits. */
#define vitlrp_model_options_init(options)                                                         \
    vitlrp_model_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_model_options_init_sized(struct vitlrp_model_options *options, size_t size);

/* Reads .safetensors, .pth/.pt/.bin or .npz (the content decides) in the naming of torchvision,
 * timm, Hugging Face, open_clip or JAX; the index of shards, a folder with weights and a model's
 * folder in the cache of the Hugging Face hub work too. Nothing in a file is executed. Weights
 * are converted to float32, in memory owned by *model: vitlrp_model_close. MISMATCH names a tensor
 * that is missing, left over or of another shape; IO is for a file that changes while it is read.
 */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_open(const char *path, const struct vitlrp_model_options *options,
                  struct vitlrp_model **model, struct vitlrp_error *error);

/* Which tensors a file of weights has, whether it can be opened as a model or not: one object of
 * JSON (data/FORMATS.md), with name, shape, type and use of each, and the known layout that is
 * nearest. *data is owned (vitlrp_free); *size does not count the zero byte at its end. Nothing is
 * read of what lies beside the file. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_file_tensors(const char *path, const struct vitlrp_model_options *options, char **data,
                    size_t *size, struct vitlrp_error *error);

/* As vitlrp_model_open over `size` bytes, which must outlive the model and those that are made of
 * it, and stay as they are: their hash is theirs. `name` is for messages. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_open_memory(const void *data, size_t size, const char *name,
                         const struct vitlrp_model_options *options, struct vitlrp_model **model,
                         struct vitlrp_error *error);

/* As vitlrp_model_open_memory over `count` tensors, under the names that a file of one of these
 * libraries would give them. Their data must outlive the model as those bytes do; everything
 * else is read during the call. The model's hash is that of a list with a line for each tensor, the
 * hash of its bytes and its name, in the order of the names. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_open_tensors(const struct vitlrp_tensor *tensors, size_t count, const char *name,
                          const struct vitlrp_model_options *options, struct vitlrp_model **model,
                          struct vitlrp_error *error);

/* The small model that comes with the library (data/MODEL_CARD.md). */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_open_builtin(const struct vitlrp_model_options *options, struct vitlrp_model **model,
                          struct vitlrp_error *error);

/* A model with random weights, for benchmarks. Defaults: ViT-B/16 at 224 with 1000 classes. */
struct vitlrp_architecture {
    size_t struct_size;
    int32_t image_size, patch_size, dim, depth, heads, mlp_dim, classes;
    uint64_t seed;
};

/* The defaults above. */
#define vitlrp_architecture_init(architecture)                                                     \
    vitlrp_architecture_init_sized((architecture), sizeof *(architecture))
VITLRP_API void vitlrp_architecture_init_sized(struct vitlrp_architecture *architecture,
                                               size_t size);

/* *model is owned by the caller: vitlrp_model_close; seed gives the same weights on every
 * machine. architecture NULL: the defaults. USAGE for a shape that makes no model, LIMIT for one
 * beyond the default limits. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_random(const struct vitlrp_architecture *architecture, struct vitlrp_model **model,
                    struct vitlrp_error *error);

/* Releases the model; no session of it may be open. */
VITLRP_API void vitlrp_model_close(struct vitlrp_model *model);

struct vitlrp_model_info {
    size_t struct_size;
    const char *name;      /* the path or name it was opened with */
    const char *layout;    /* whose names the tensors have: "timm", "open_clip" ..., or "random" */
    const char *container; /* safetensors, pytorch zip, pytorch legacy, npz, memory, or none */
    const char *stored_as; /* element type in the file: "F32", "F16", "BF16", "F64" */
    int32_t image_height, image_width; /* trained input size */
    int32_t patch_height, patch_width;
    int32_t dim, depth, heads, mlp_dim, classes;
    int32_t tokens; /* CLS, registers and patches at the trained size */
    float layer_norm_eps;
    const char *activation; /* "gelu" (erf), "gelu_tanh", "quick_gelu", "silu", "relu" */
    int64_t parameters;
    size_t weight_bytes; /* of memory held */
    size_t facts;        /* what is known beside the weights: vitlrp_model_fact */
    enum vitlrp_outputs outputs;
    enum vitlrp_probability probability; /* in use */
    enum vitlrp_model_kind kind;
    int32_t embed_dim;  /* numbers of an image's embedding; 0: the model has classes of its own */
    double logit_scale; /* of cosines with texts; 0: nothing states it */
    double logit_bias;
    size_t text_facts; /* of the text tower that read its texts: vitlrp_model_text_fact */
};

/* Call it before vitlrp_model_describe, which fills the record; strings live like the model. */
#define vitlrp_model_info_init(info) vitlrp_model_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_model_info_init_sized(struct vitlrp_model_info *info, size_t size);
VITLRP_API void vitlrp_model_describe(const struct vitlrp_model *model,
                                      struct vitlrp_model_info *info);

/* What tensors alone do not determine, and who states it. Strings live as long as the model. */
struct vitlrp_fact {
    const char *name;  /* "heads", "norm_eps", "activation", "pool" ... (data/FORMATS.md) */
    const char *title; /* the same for people */
    const char *value; /* "12", "1e-06", "gelu", "yes" */
    enum vitlrp_fact_source source;
    const char *origin; /* "config.json, num_attention_heads"; for people */
    const void *reserved[2];
};

/* The fact of a number below `facts` of the model's info; USAGE otherwise. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_model_fact(const struct vitlrp_model *model,
                                                                 size_t number,
                                                                 struct vitlrp_fact *found,
                                                                 struct vitlrp_error *error);

/* The model's own preprocessing: from its metadata or the preprocessor_config.json beside it, else
 * what the framework of its layout usually does. */
VITLRP_API void vitlrp_model_preprocess(const struct vitlrp_model *model,
                                        struct vitlrp_preprocess *preprocess);

/* What states the model's preprocessing: the name of a file beside the weights, or of a table. NULL
 * if nothing does, so that it is a guess from the layout and the trained size. A constant. */
VITLRP_API const char *vitlrp_model_preprocess_origin(const struct vitlrp_model *model);

/* SHA-256 of the bytes that the weights were loaded from, as 64 hexadecimal digits. It is taken at
 * the first call, from the file that was opened then, whatever its name leads to by now:
 * vitlrp_model_open keeps that file open. IO if somebody has written to it since: call it soon
 * after opening. UNSUPPORTED for a random model. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_sha256(const struct vitlrp_model *model, char digest[65], struct vitlrp_error *error);

/* What decides about the model's results beside its weights: one object of JSON (data/FORMATS.md)
 * with the architecture, the preprocessing and the classes as they were loaded, and the SHA-256 of
 * each file that had a say in them. *data is owned (vitlrp_free); *size does not count the zero
 * byte at its end. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_configuration(const struct vitlrp_model *model, char **data, size_t *size,
                           struct vitlrp_error *error);

/* One class of the model. An output is a position in the logits; index is the number by which
 * users know the class. They differ where a model was trained on part of ImageNet: the built-in one
 * has 200 outputs with ImageNet's indices. */
struct vitlrp_class {
    int32_t output;
    int32_t index;
    const char *wnid;  /* WordNet id, "" if unknown */
    const char *label; /* "" if unknown */
    const void *reserved[2];
};

/* The class of an output, 0 <= output < classes; USAGE otherwise. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_model_class(const struct vitlrp_model *model,
                                                                  int32_t output,
                                                                  struct vitlrp_class *found,
                                                                  struct vitlrp_error *error);

/* The class that `text` names: an index ("281"), a WordNet id ("n02123045") or a label (case
 * ignored; a whole name of a comma-separated list). What is a name is no index and no id: the class
 * called "3" is meant, whatever its index. USAGE, with the reason, if there is none or if
 * there are several. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_find_class(const struct vitlrp_model *model, const char *text,
                        struct vitlrp_class *found, struct vitlrp_error *error);

/* The probabilities of the classes, probability [classes], from the logits [classes] of a forward
 * pass, as vitlrp_model_info.probability says: NAN where outputs are no probabilities. With one
 * logit it is the probability of the class of output 0; the other answer, "not this class", has the
 * rest. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_probabilities(const struct vitlrp_model *model, const float *logits,
                           double *probability, struct vitlrp_error *error);

/* A class with what the model says of it. */
struct vitlrp_likely {
    struct vitlrp_class found;
    double logit;
    double probability; /* NAN where outputs are no probabilities */
    const void *reserved[2];
};

/* The `count` most likely classes, top [count], from the logits [classes] of a forward pass: the
 * largest logit first, equal ones in the order of the outputs. USAGE unless count is from 1 to the
 * number of classes. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_model_top(const struct vitlrp_model *model,
                                                                const float *logits, size_t count,
                                                                struct vitlrp_likely *top,
                                                                struct vitlrp_error *error);

/* ---- Sessions ---- */

struct vitlrp_session;

struct vitlrp_session_options {
    size_t struct_size;
    int32_t threads;      /* 0: one per available processor */
    int32_t input_height; /* 0: as trained; else a multiple of the patch: position embeddings are
                             resampled */
    int32_t input_width;
    int32_t keep_all_tokens; /* 1: the last block computes every token, not only CLS (for
                                vitlrp_session_block_output) */
    const char *backend;     /* matrix products: "auto", "openblas" or, where built, "onednn" */
    size_t max_bytes;        /* refuse to open beyond this; 0: no limit */
    const char *methods;     /* the methods that vitlrp_session_attribute will run: names, separated
                                by commas; NULL: attnlrp, cp-lrp and attnlrp-eps. Other methods need
                                more memory */
    int32_t attributions;    /* how many will follow a forward pass. Above 1, each after the first
                                costs less, and the session holds more memory; default 1 */
    enum vitlrp_precision precision; /* where the backend or the processor has nothing faster, the
                                        session uses fp32: see vitlrp_session_info */
    int64_t passes; /* about how many forward passes will be run: from 32 on, the model holds its
                       weights a second time, arranged for speed; default 1 */
    struct vitlrp_session_observer observer; /* of vitlrp_session_forward and _attribute */
};

/* The defaults above; every other field is 0 or NULL. */
#define vitlrp_session_options_init(options)                                                       \
    vitlrp_session_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_session_options_init_sized(struct vitlrp_session_options *options,
                                                  size_t size);

/* Bytes that a session with these options will hold, beside the model. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_bytes(const struct vitlrp_model *model, const struct vitlrp_session_options *options,
                     size_t *bytes, struct vitlrp_error *error);

/* For programs whose threads compute at the same time, each with a session of one thread, under a
 * limit of the address space (ulimit -v). Allocates the memory that products in `threads` threads
 * need at the same time. Without this call, OpenBLAS allocates it at the first such products, and
 * waits for ever where it gets none. NOMEM if there is no room. Sessions of several threads and
 * evaluations need no such call. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_prepare_threads(const char *backend, int32_t threads, struct vitlrp_error *error);

/* Allocates everything that forward and relevance need. After this call only oneDNN allocates
 * memory, when it compiles a product of a new shape. *session is owned: vitlrp_session_close. It
 * keeps a pointer to the model. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_open(const struct vitlrp_model *model, const struct vitlrp_session_options *options,
                    struct vitlrp_session **session, struct vitlrp_error *error);

/* Releases the session; its model stays. */
VITLRP_API void vitlrp_session_close(struct vitlrp_session *session);

struct vitlrp_session_info {
    size_t struct_size;
    int32_t threads; /* in use; fewer than the options say if the system refused some */
    int32_t input_height, input_width;
    int32_t grid_height, grid_width; /* patches */
    int32_t tokens;
    const char *backend;         /* "openblas", "onednn" */
    const char *instruction_set; /* of the library's own kernels: "avx512", "avx2", "baseline" */
    size_t bytes;
    enum vitlrp_precision precision; /* in use */
    size_t arranged_bytes;           /* of weights that the model holds a second time, for all its
                                        sessions */
};

/* Call it before vitlrp_session_describe, which fills the record. The strings are constants. */
#define vitlrp_session_info_init(info) vitlrp_session_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_session_info_init_sized(struct vitlrp_session_info *info, size_t size);
VITLRP_API void vitlrp_session_describe(const struct vitlrp_session *session,
                                        struct vitlrp_session_info *info);

/* The forward pass: input [3, input_height, input_width] (one channel for a grey model), logits
 * [classes] or NULL. What relevance needs stays until the next forward. NUMERIC if the input or the
 * logits are not finite; CANCELLED if the session's observer says so: there was no forward pass. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_forward(struct vitlrp_session *session, const float *input, float *logits,
                       struct vitlrp_error *error);

/* Output [tokens, dim] of block 0 <= block < depth, or with block -1 the tokens that enter block 0,
 * of the last forward. USAGE without a forward, or for the last block unless keep_all_tokens was
 * set. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_block_output(struct vitlrp_session *session, int32_t block, float *output,
                            struct vitlrp_error *error);

/* ---- Relevance ---- */

/* The caller owns the arrays. Arrays that are NULL are not filled, which can save work. */
struct vitlrp_relevance {
    size_t struct_size;
    float *pixels;  /* of the input's shape */
    float *patches; /* [grid_height, grid_width]: pixels summed over each patch */
    float *neurons; /* [tokens, mlp_dim]: relevance of the hidden MLP neurons of neurons_block */
    int32_t neurons_block;              /* 0 <= neurons_block < depth */
    struct vitlrp_ledger_entry *ledger; /* vitlrp_ledger_length(model) entries, output side first */
    double explained;                   /* out: the explained sum of logits */
    double sum; /* out: sum of the map. explained = sum + all absorbed, up to rounding */
};

/* Every array is NULL. */
#define vitlrp_relevance_init(relevance)                                                           \
    vitlrp_relevance_init_sized((relevance), sizeof *(relevance))
VITLRP_API void vitlrp_relevance_init_sized(struct vitlrp_relevance *relevance, size_t size);

/* Entries of the ledger of an attribution. */
VITLRP_API size_t vitlrp_ledger_length(const struct vitlrp_model *model);

/* ---- Methods ---- */

/* One call runs AttnLRP and the methods that it is compared with. */

/* Number of methods, and their names: 0 to count - 1, NULL beyond. */
VITLRP_API size_t vitlrp_method_count(void);
VITLRP_API const char *vitlrp_method_name(size_t index);

struct vitlrp_method_info {
    size_t struct_size;
    const char *name;
    const char *summary;   /* one line, with its reference */
    int32_t has_pixels;    /* 0: a map of patches only */
    int32_t has_ledger;    /* 1: it fills vitlrp_relevance.ledger and .neurons too */
    int32_t ignores_class; /* 1: the same map for every class */
    uint32_t reads;        /* enum vitlrp_method_reads */
    enum vitlrp_map_kind
        kind;              /* of its maps. A contrast by rise, which is unsigned, has two signs */
    const char *unit;      /* of its values: "logit", shares of what is explained, or "score" */
    const char *relevance; /* the method whose relevance is a part of its maps; NULL: of none */
};

/* Call it before vitlrp_method_describe: USAGE for an unknown name. The strings are constants. */
#define vitlrp_method_info_init(info) vitlrp_method_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_method_info_init_sized(struct vitlrp_method_info *info, size_t size);
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_method_describe(const char *name, struct vitlrp_method_info *info,
                       struct vitlrp_error *error);

/* The method's defaults; options->method points to the table's own name. USAGE for another name. */
#define vitlrp_method_options_init(options, method, error)                                         \
    vitlrp_method_options_init_sized((options), sizeof *(options), (method), (error))
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_method_options_init_sized(struct vitlrp_method_options *options, size_t size,
                                 const char *method, struct vitlrp_error *error);

/* Attributes the last forward's input to the weighted targets by a method: fills the arrays of the
 * record that are not NULL, and explained and sum. May be called any number of times per forward.
 * The same bits for any number of threads. USAGE without a forward, for a method that the session
 * was not opened for, for pixels of a method without them, for a ledger or neurons of one without a
 * ledger, and for targets or options out of range; NUMERIC if the map is not finite;
 * CANCELLED if the session's observer says so. What a failed call leaves in the arrays is of no
 * use. One thread at a time. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_attribute(struct vitlrp_session *session, const struct vitlrp_target *targets,
                         size_t target_count, const struct vitlrp_method_options *options,
                         struct vitlrp_relevance *relevance, struct vitlrp_error *error);

/* ---- Pictures ---- */

struct vitlrp_render_options {
    size_t struct_size;
    enum vitlrp_style style;
    const char *colormap; /* a name of vitlrp_colormap_name, or "auto" (default): "bwr" for a
                             signed map, "viridis" for an unsigned one */
    enum vitlrp_upsample upsample;
    float opacity; /* of the overlay, 0 to 1; negative: in proportion to the strength of the
                      relevance (default) */
    float scale;   /* the value that gets the full colour, of both signs, in the unit of the map; 0:
                      the largest of the map or, where several of its values fall into a pixel of
                      the picture, of their means */
    enum vitlrp_picture_format format;
    const char *caption;         /* below overlay and panel, and in SVG below a heat map too; NULL:
                                    none */
    const char *comment;         /* stored in the file (PNG tEXt, JPEG COM, SVG desc); NULL: none */
    enum vitlrp_map_kind kind;   /* of the map: vitlrp_method_info.kind; default signed */
    float range_low, range_high; /* the values that get the colours of the ends; values beyond are
                                    drawn as these. Both 0: by kind and scale */
    enum vitlrp_underlay underlay; /* of an overlay and of the panel's; default grey */
    int32_t contours;              /* lines between the colours, 0 (default) to 9 of each sign */
    float top_percent; /* above 0, up to 100: the overlay shows the part of the photograph whose
                          values are the largest, instead of the map; default 0 */
    enum vitlrp_top_as top_as; /* how; default a mask */
    const char *unit;          /* of the values, for the colour bar, at most 32 bytes:
                                  vitlrp_method_info.unit; NULL: none */
};

/* What a caption says. Strings are read during the call. */
struct vitlrp_caption {
    size_t struct_size;
    struct vitlrp_likely target; /* of vitlrp_model_top; or with a class and its logit. Where the
                                    probability is NAN, the logit stands in its place */
    struct vitlrp_likely versus; /* the class that it is contrasted with, if has_versus is 1 */
    int32_t has_versus;
    int32_t has_sums;  /* 1: explained and sum are those of the map, by a method with a ledger */
    const char *model; /* vitlrp_model_info.name */
    const char *method;
    const char *unit; /* of what is explained: "logit" (default) or, without classes, "output" */
    double explained, sum; /* of vitlrp_relevance */
    double top_percent;    /* as of vitlrp_render_options: said in the place of the sums */
};

/* No contrast, no sums. */
#define vitlrp_caption_init(caption) vitlrp_caption_init_sized((caption), sizeof *(caption))
VITLRP_API void vitlrp_caption_init_sized(struct vitlrp_caption *caption, size_t size);

/* Every caption fits into so many bytes. */
#define VITLRP_CAPTION_SIZE 1024

/* The caption that the command writes below its pictures, for vitlrp_render_options.caption: lines
 * with the class and its probability, with method and model, and with what the map holds. text has
 * `size` bytes and is terminated; what does not fit is left out. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_caption_compose(const struct vitlrp_caption *caption, char *text, size_t size,
                       struct vitlrp_error *error);

/* The defaults: an overlay of a signed map, bilinear, opacity by the relevance, PNG. */
#define vitlrp_render_options_init(options)                                                        \
    vitlrp_render_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_render_options_init_sized(struct vitlrp_render_options *options,
                                                 size_t size);

/* The names of the colour maps: index 0, 1 and so on; NULL beyond the last. Of the diverging ones,
 * the warm side is positive. Constants. Any thread. */
VITLRP_API const char *vitlrp_colormap_name(size_t index);

/* The kind of a colour map. USAGE for another name. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_colormap_describe(const char *name, enum vitlrp_colormap_kind *kind,
                         struct vitlrp_error *error);

/* The colours of a colour map, rgb [VITLRP_COLORMAP_ENTRIES, 3]: from its first colour to its last;
 * the middle one is zero where a map is drawn around zero. USAGE for another name. Any thread. */
#define VITLRP_COLORMAP_ENTRIES 257
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_colormap_colors(const char *name, uint8_t *rgb, struct vitlrp_error *error);

/* The map to draw: [height, width]. It covers the model input: a pixel map summed over the
 * channels, or a patch map. */
struct vitlrp_map {
    const float *values;
    int32_t height, width;
    const struct vitlrp_geometry *geometry; /* where the model input lies on the photograph */
};

/* Draws the map in the coordinates of the photograph; what the model did not see is marked. Returns
 * the encoded file in *data (owned: vitlrp_free) and *size. SVG is a figure for papers: the picture
 * in 720 pixels, its caption and the colour bar as texts; there is none of a panel (USAGE). Any
 * thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_render(const struct vitlrp_image *image, const struct vitlrp_map *map,
              const struct vitlrp_render_options *options, unsigned char **data, size_t *size,
              struct vitlrp_error *error);

/* Longer side of a thumbnail, in pixels, at most. */
#define VITLRP_THUMBNAIL_SIDE 224

/* A small JPEG for lists of pictures, without caption, bar or comment: the map over the photograph
 * by the options or, where `map` is NULL, the photograph alone; the options are not read then and
 * may be NULL. *data and *size as of vitlrp_render. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_thumbnail(const struct vitlrp_image *image, const struct vitlrp_map *map,
                 const struct vitlrp_render_options *options, unsigned char **data, size_t *size,
                 struct vitlrp_error *error);

/* ---- Measuring ---- */

/* Median floating-point rate, in GFLOP/s, of this machine's matrix product on the shapes of the
 * session's MLP, with its backend and threads: the yardstick of `vitlrp bench`. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_gemm_rate(struct vitlrp_session *session, double *gflops,
                         struct vitlrp_error *error);

/* Floating-point operations (2 per multiply-add) of one forward pass of the session. */
VITLRP_API double vitlrp_session_forward_flops(const struct vitlrp_session *session);

/* About how many operations a forward pass of the session and `attributions` attributions by the
 * method take, counted as for vitlrp_model_limits.max_operations. So a program knows before the
 * work whether it takes a second or an hour. A processor does up to a hundred thousand million a
 * second. USAGE for options out of range. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_operations(const struct vitlrp_session *session,
                          const struct vitlrp_method_options *options, int32_t attributions,
                          double *operations, struct vitlrp_error *error);

/* The names that a session's backend may have in this build, besides "auto": index 0, 1 and so on;
 * NULL beyond the last. Constants. Any thread. */
VITLRP_API const char *vitlrp_backend_name(size_t index);

/* The library behind a backend of that list, with its version and its kernels, for records. text
 * has `size` bytes and is terminated; what does not fit is left out. "" for another name. */
VITLRP_API void vitlrp_backend_describe(const char *name, char *text, size_t size);

/* Time and operations of one kind of operation. */
struct vitlrp_profile_entry {
    const char *name; /* constant: "conv" (patch embedding), "norm", "qkv", "attention", "proj",
                         "fc1", "gelu", "fc2", "head", "other" (checks, copies, maps) */
    double seconds;
    double flops; /* of matrix products, 2 for each multiply-add of the rules. What is computed
                     again instead of kept does not count. 0 for a kind without products */
};

/* Forward and backward passes by kind of operation. The kinds add up to the passes. Arrays are the
 * caller's; NULL ones are skipped. */
struct vitlrp_profile {
    size_t struct_size;
    struct vitlrp_profile_entry *forward;  /* [vitlrp_profile_length] */
    struct vitlrp_profile_entry *backward; /* [vitlrp_profile_length] */
    size_t forward_passes;                 /* out: how many were measured */
    size_t backward_passes;
};

/* Every array is NULL. */
#define vitlrp_profile_init(profile) vitlrp_profile_init_sized((profile), sizeof *(profile))
VITLRP_API void vitlrp_profile_init_sized(struct vitlrp_profile *profile, size_t size);

/* Number of kinds of operations. */
VITLRP_API size_t vitlrp_profile_length(void);

/* Starts at zero and measures the session's passes until the stop. Results keep their bits. A pass
 * takes some microseconds more. */
VITLRP_API void vitlrp_session_profile_start(struct vitlrp_session *session);
VITLRP_API void vitlrp_session_profile_stop(struct vitlrp_session *session);

/* What was measured since the last start, summed over the passes. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_profile(const struct vitlrp_session *session, struct vitlrp_profile *profile,
                       struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
