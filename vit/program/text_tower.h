/* One line of work on the text tower of a model of images and texts: texts as ids of tokens in,
 * their embeddings out, and the relevance of tokens. Knows no words: ids are a tokenizer's. Owns
 * all scratch memory, allocated once when it opens; one thread at a time. */
#ifndef VIT_TEXT_TOWER_H
#define VIT_TEXT_TOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/math/packs.h"
#include "vit/model/model.h"

struct vit_text;

struct vit_text_options {
    size_t threads;             /* 1 to POOL_MAX_THREADS */
    bool in_pool;               /* of one thread, used by tasks of a pool by engine_pool_open */
    bool keeps;                 /* for relevance: one text at a time; else many in one pass */
    const char *backend;        /* gemm_backend_find */
    struct engine_watch *watch; /* outlives it; NULL: nobody is asked */
    size_t max_bytes;           /* LIMIT beyond; 0: none */
    enum vitlrp_precision precision;
    bool many_passes; /* the model may hold its weights a second time for faster passes */
};

/* *out is owned: vit_text_close. The model is of a text tower, and must outlive it; USAGE for
 * another.
 */
enum vitlrp_status vit_text_open(const struct vit_model *model,
                                 const struct vit_text_options *options, struct vit_text **out,
                                 struct vitlrp_error *err);

/* NULL is ignored. */
void vit_text_close(struct vit_text *text);

/* A text as its tokenizer gives it, with the tokens that begin and end it. */
struct vit_ids {
    const int32_t *ids;
    size_t count;
};

/* embeddings [count, classes], not normalised. Where a token attends to none behind it (CLIP), a
 * text is computed up to the token that the head reads: what follows is padding, and changes no
 * bit. Where it does (SigLIP), a text has all positions of the model, padding included, or USAGE.
 * MISMATCH for a text that is empty or too long, for an id that the model has not, and for a text
 * without its end. Rows of a table that was left in its file are read: IO. NUMERIC for an embedding
 * that is not finite or has no length. */
enum vitlrp_status vit_text_forward(struct vit_text *text, const struct vit_ids *texts,
                                    size_t count, float *embeddings, struct vitlrp_error *err);

/* Output arrays are the caller's; NULL ones are skipped. [tokens]: of the text of the last forward
 * pass; those behind the token that the head reads have no relevance. */
struct vit_text_relevance {
    float *tokens;                      /* [tokens]: R_i = E[id_i] . G_i */
    float *positions;                   /* [tokens]: what their position embeddings keep */
    struct vitlrp_ledger_entry *ledger; /* [vit_ledger_length], positions among them */
    double explained;                   /* out: seed . embedding */
    double sum;                         /* out: of the tokens' relevance */
};

/* Relevance of the tokens of the last forward pass of one text, for G of its embedding [classes]:
 * tokens + ledger = seed . embedding. rules NULL: the plain gradient. Needs `keeps`: USAGE. NUMERIC
 * if the result is not finite. */
enum vitlrp_status vit_text_relevance(struct vit_text *text, const float *seed,
                                      const struct vitlrp_rules *rules,
                                      struct vit_text_relevance *relevance,
                                      struct vitlrp_error *err);

/* The words of a text, as groups of its tokens. */
struct vit_words {
    const int32_t *of_token; /* [tokens of the text]: which word it belongs to; -1: none */
    size_t count;
};

/* rows [words, classes], of the text of the last forward pass: entry j of row i is the relevance of
 * word i for the seed e_j, coordinate j of the embedding. Any linear seed's words follow by a dot
 * product: an image's map of row i is the map of word i. Costs a pass of the text for each word,
 * not one for each coordinate: the rules run forwards. Rules without gamma and epsilon: USAGE.
 * Needs `keeps`, and takes memory for the time of the call. */
enum vitlrp_status vit_text_words(struct vit_text *text, const struct vit_words *words,
                                  const struct vitlrp_rules *rules, float *rows,
                                  struct vitlrp_error *err);

#endif
