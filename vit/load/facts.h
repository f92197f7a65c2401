/* What is stated about a model beside its tensors: heads, eps, activation, pooling and the rest,
 * each with where it comes from. Tensors do not determine a Vision Transformer. Knows no tensors
 * but their sizes, and decides nothing about them. */
#ifndef VIT_FACTS_H
#define VIT_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "vit/model/model.h"

/* Strongest first: the first that states a fact decides. */
enum fact_source {
    FACT_UNKNOWN, /* nobody states it: the value means nothing. The others are, in this order, those
                     of enum vitlrp_fact_source */
    FACT_USER,    /* an option */
    FACT_FILE,    /* a key of a file */
    FACT_CLASS,   /* what the class that the file names has where the file leaves the key out */
    FACT_TABLE,   /* published.def */
    FACT_TENSORS, /* the tensors' names and shapes */
    FACT_GUESS    /* what most models have */
};

/* Enumerations: X(constant, word). */
#define FACT_LIST_POSITIONS(X)                                                                     \
    X(POSITIONS_NONE, "none")                                                                      \
    X(POSITIONS_PATCHES, "patches")   /* rows for patches only */                                  \
    X(POSITIONS_CLASS, "cls_patches") /* for CLS and patches; registers have none */               \
    X(POSITIONS_ALL, "all")           /* every token in front of the patches has a row too */

/* How position embeddings become those of another input size. */
#define FACT_LIST_RESAMPLING(X)                                                                    \
    X(RESAMPLE_ANTIALIASED, "bicubic_antialiased") /* A -0.5, widened where it shrinks */          \
    X(RESAMPLE_BICUBIC, "bicubic")                 /* A -0.75, four taps */                        \
    X(RESAMPLE_BICUBIC_OFFSET, "bicubic_offset")   /* the same, scale (n + 0.1) / M */             \
    X(RESAMPLE_CORNERS, "bicubic_corners")         /* the same, corners aligned */                 \
    X(RESAMPLE_LINEAR, "linear")                                                                   \
    X(RESAMPLE_LINEAR_ANTIALIASED, "linear_antialiased")

#define FACT_LIST_NORM(X)                                                                          \
    X(NORM_LAYER, "LayerNorm")                                                                     \
    X(NORM_RMS, "RMSNorm")

#define FACT_LIST_FINAL_NORM(X)                                                                    \
    X(FINAL_NORM_NONE, "none")                                                                     \
    X(FINAL_NORM_TOKENS, "before_pool") /* of all tokens, then the pool */                         \
    X(FINAL_NORM_POOLED, "after_pool")  /* of what was pooled: fc_norm */

#define FACT_LIST_BLOCK(X)                                                                         \
    X(BLOCK_PRE_NORM, "pre_norm")                                                                  \
    X(BLOCK_POST_NORM, "post_norm")           /* x += norm(branch(x)) */                           \
    X(BLOCK_PARALLEL, "parallel")             /* attention and MLP of one norm */                  \
    X(BLOCK_PARALLEL_PAIRS, "parallel_pairs") /* two attentions, then two MLPs */

#define FACT_LIST_ACTIVATION(X)                                                                    \
    X(GELU_ERF, "gelu")                                                                            \
    X(GELU_TANH, "gelu_tanh")                                                                      \
    X(GELU_QUICK, "quick_gelu")                                                                    \
    X(SILU, "silu")                                                                                \
    X(RELU, "relu")                                                                                \
    X(TANH, "tanh")

#define FACT_LIST_GATE(X)                                                                          \
    X(GATE_NONE, "none")                                                                           \
    X(GATE_PACKED, "packed") /* one layer of 2 M rows, the gate first */                           \
    X(GATE_SPLIT, "split")   /* two layers */

#define FACT_LIST_ROPE(X)                                                                          \
    X(ROPE_NONE, "none")                                                                           \
    X(ROPE_AXIAL, "axial")   /* (index + offset) / grid * reference, theta^(-j / (hd / 4)) */      \
    X(ROPE_MIXED, "mixed")   /* learned frequencies, of each block and head */                     \
    X(ROPE_DINOV3, "dinov3") /* 2 pi c, c from -1 to 1 at patch centres */

#define FACT_LIST_ROPE_ORDER(X)                                                                    \
    X(ROPE_ROWS_FIRST, "rows_first")                                                               \
    X(ROPE_COLUMNS_FIRST, "columns_first")

#define FACT_LIST_ROPE_PAIRING(X)                                                                  \
    X(ROPE_INTERLEAVED, "interleaved") /* (2j, 2j + 1) */                                          \
    X(ROPE_HALVES, "halves")           /* (j, j + hd / 2) */

#define FACT_LIST_POOL(X)                                                                          \
    X(POOL_TOKEN, "cls")           /* the first token, whatever it is */                           \
    X(POOL_MEAN, "mean")           /* of the patches; of all tokens where pool_prefix says so */   \
    X(POOL_TOKEN_MEAN, "cls_mean") /* the first token, then the mean of the patches */             \
    X(POOL_MAP, "map")             /* attention with a learned query, then an MLP */               \
    X(POOL_MAP_TOKEN, "map_cls")   /* the query is the class token, and nothing follows */         \
    X(POOL_LAYERS, "cls_layers_mean") /* CLS of the last four blocks, mean of the patches */       \
    X(POOL_POOLER, "pooler")          /* the first token, then a layer of the file's and tanh */

/* The token of a text that the head reads. */
#define FACT_LIST_TEXT_END(X)                                                                      \
    X(TEXT_END_LARGEST_ID, "largest_id")                                                           \
    X(TEXT_END_FIRST_ID, "first_end_id") /* the first of end_id */                                 \
    X(TEXT_END_LAST, "last")

#define FACT_LIST_HEAD(X)                                                                          \
    X(HEAD_NONE, "none")             /* the output is what was pooled */                           \
    X(HEAD_LINEAR, "linear")         /* classes */                                                 \
    X(HEAD_PROJECTION, "projection") /* an embedding */                                            \
    X(HEAD_TWO, "two")               /* DeiT: the mean of CLS's and the distillation token's */

#define FACT_LIST_PROBABILITY(X)                                                                   \
    X(PROBABILITY_SOFTMAX, "softmax")                                                              \
    X(PROBABILITY_SIGMOID, "sigmoid")                                                              \
    X(PROBABILITY_NONE, "none")

#define FACT_CONSTANT(constant, word) FACT_##constant,
enum fact_positions { FACT_LIST_POSITIONS(FACT_CONSTANT) };
enum fact_resampling { FACT_LIST_RESAMPLING(FACT_CONSTANT) };
enum fact_norm { FACT_LIST_NORM(FACT_CONSTANT) };
enum fact_final_norm { FACT_LIST_FINAL_NORM(FACT_CONSTANT) };
enum fact_block { FACT_LIST_BLOCK(FACT_CONSTANT) };
enum fact_activation { FACT_LIST_ACTIVATION(FACT_CONSTANT) };
enum fact_gate { FACT_LIST_GATE(FACT_CONSTANT) };
enum fact_rope { FACT_LIST_ROPE(FACT_CONSTANT) };
enum fact_rope_order { FACT_LIST_ROPE_ORDER(FACT_CONSTANT) };
enum fact_rope_pairing { FACT_LIST_ROPE_PAIRING(FACT_CONSTANT) };
enum fact_pool { FACT_LIST_POOL(FACT_CONSTANT) };
enum fact_text_end { FACT_LIST_TEXT_END(FACT_CONSTANT) };
enum fact_head { FACT_LIST_HEAD(FACT_CONSTANT) };
enum fact_probability { FACT_LIST_PROBABILITY(FACT_CONSTANT) };
#undef FACT_CONSTANT

/* Numbers, counts, flags (0 and 1) and values of the enumerations alike: all are exact as double.
 * file and key: constants that say where it stands ("config.json", "num_attention_heads"); NULL
 * where there is nothing to name. */
struct fact {
    double value;
    enum fact_source source;
    const char *file, *key;
};

struct model_facts {
#define COUNT(member, ...) struct fact member;
#define NUMBER(member, ...) struct fact member;
#define FLAG(member, ...) struct fact member;
#define CHOICE(member, ...) struct fact member;
#include "vit/load/facts.def"
};

/* What may state facts; NULL and 0 where absent. */
struct facts_beside {
    const struct model_facts *user; /* the options' words, and what a head of another file shows */
    const json_t *metadata;         /* the "vitlrp" object of the file's own metadata */
    const json_t *config;           /* config.json: timm's or Hugging Face's */
    const json_t *open_clip;        /* open_clip_config.json */
    bool openai_clip;               /* the container is OpenAI's CLIP */
    bool has_saved_head;            /* the head is an adapter's */
    bool has_foreign_class;         /* that this was trained in: somebody's own */
    const char *saved_class;        /* transformers' class that it was; NULL: not stated */
    const char *path;               /* of the weights: its names may be a published model's */
    const char *layout;             /* enum-like name of the tensors' layout: "timm", "jax" ... */
    int32_t width, depth;           /* of the tensors: a table's row must agree */
    bool has_head;                  /* the tensors have, of which no class without a head speaks */
    const struct vitlrp_log *log;
};

/* Fills *out with everything that is stated; what nobody states stays FACT_UNKNOWN. UNSUPPORTED,
 * naming the key, for a key that may change the model's function and that nobody here understands;
 * MISMATCH for one whose value cannot be, or that contradicts another. */
enum vitlrp_status facts_read(const struct facts_beside *beside, struct model_facts *out,
                              struct vitlrp_error *err);

/* The same of the text tower that the same files describe. */
enum vitlrp_status facts_read_text(const struct facts_beside *beside, struct model_facts *out,
                                   struct vitlrp_error *err);

/* Takes over what the tensors show: facts of *tensors that *facts leaves open are copied to it.
 * MISMATCH, naming both, where a file or the user contradicts them. A class's default gives way to
 * them, and so does a row of the table of published models, with all that it has stated: the model
 * only bears the name. */
enum vitlrp_status facts_join(struct model_facts *facts, const struct model_facts *tensors,
                              struct vitlrp_error *err);

/* What the options state. */
void facts_told(const struct vit_load_options *options, struct model_facts *out);

/* What the caller knows besides: an object of JSON with names and words of facts.def. What the
 * options state stays. NULL: nothing. USAGE, naming the fact, for others and for their values. */
enum vitlrp_status facts_stated(const char *text, struct model_facts *out,
                                struct vitlrp_error *err);

/* All known facts as an array of {"name", "title", "value", "source", "origin"}, all of them texts;
 * NULL without memory. */
json_t *facts_json(const struct model_facts *facts);

/* States a fact if it is still open. */
void fact_state(struct fact *fact, double value, enum fact_source source, const char *file,
                const char *key);

/* States what tensors show, if it is still open. */
void fact_show(struct fact *fact, double value);

/* What most models have, where nothing states otherwise. */
void fact_guess(struct fact *fact, double value);

static inline bool fact_known(const struct fact *fact) {
    return fact->source != FACT_UNKNOWN;
}

/* The value of a count, a flag or a choice; `otherwise` where nobody states it. */
static inline int32_t fact_whole(const struct fact *fact, int32_t otherwise) {
    return fact_known(fact) ? (int32_t) fact->value : otherwise;
}

static inline double fact_number(const struct fact *fact, double otherwise) {
    return fact_known(fact) ? fact->value : otherwise;
}

/* One row of facts.def, for those who go through all of them. */
struct fact_row {
    const char *name, *title;
    size_t offset;            /* in struct model_facts */
    const char *const *words; /* of a choice or flag, NULL at the end; NULL of others */
    double least, most;
};

/* All rows; *count of them. */
const struct fact_row *fact_rows(size_t *count);

const struct fact *fact_of(const struct model_facts *facts, const struct fact_row *row);

/* True for a number that the row, of a count or a number, can have. */
bool fact_fits(const struct fact_row *row, const json_t *value);

/* What that is: "a whole number" or "a number". */
const char *fact_number_words(const struct fact_row *row);

/* MISMATCH: "blocks: 12 (config.json, num_hidden_layers), but 24 (tensors)". */
enum vitlrp_status fact_contradiction(const struct fact_row *row, const struct fact *one,
                                      const struct fact *other, struct vitlrp_error *err);

/* Appends the value in words. */
void fact_append_value(struct text *out, const struct fact_row *row, const struct fact *fact);

/* Appends where it comes from: "config.json, num_attention_heads", "the table of published models,
 * vit_huge_patch14_224", "guessed". */
void fact_append_origin(struct text *out, const struct fact *fact);

#endif
