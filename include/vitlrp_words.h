/* vitlrp: images compared with texts, and with other images, by their embeddings. Conventions,
 * objects and error handling are those of vitlrp.h.
 */
#ifndef VITLRP_WORDS_H
#define VITLRP_WORDS_H

#include "vitlrp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model whose classes are texts, given by their embeddings: rows [count, embed_dim] of any length
 * but 0, of the text tower that was trained with `model` (CLIP, SigLIP). A logit is logit_scale
 * times the cosine of the image's embedding and the text's, plus logit_bias (vitlrp_model_info);
 * where nothing states the scale it is 100. The model is explained and measured like any other;
 * under LRP the norm of the image's embedding is a constant, the text a row of the head. Its
 * probabilities are the softmax over the texts, the sigmoid of each where the files have a bias
 * (SigLIP), and none where a softmax would have one text.
 *
 * names [count]: of the classes, copied; NULL, or NULL for one: none. It holds the weights of
 * `model`, which may be closed before it. USAGE for a model with classes of its own, NUMERIC for a
 * row of zeros and one that is not finite. *prompts is owned: vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_embeddings(const struct vitlrp_model *model, const float *rows,
                             const char *const *names, size_t count, struct vitlrp_model **prompts,
                             struct vitlrp_error *error);

/* A text that images are compared with. */
struct vitlrp_prompt {
    const char *name; /* of the class; NULL: the text. Prompts of one name are one class */
    const char *text; /* UTF-8, of 4,096 bytes at most */
};

/* How texts become embeddings. */
struct vitlrp_text_options {
    size_t struct_size;    /* set by vitlrp_text_options_init */
    const char *tokenizer; /* file or folder of the vocabulary; NULL: what lies beside the weights,
                              else CLIP's own, which the library has in it */
    const char *cleaning;  /* what is done to a text first: "full", "nfc", "none", "canonical",
                              "siglip" or "lower" (docs/MODELS.md); NULL, "auto": as the model's
                              library does */
    int32_t heads;         /* of the text tower; 0: as the files state, else a guess */
    enum vitlrp_activation activation; /* of its MLPs */
    int32_t threads;                   /* 0: one per processor */
    const char *backend;               /* as in vitlrp_session_options */
    struct vitlrp_log log;       /* a text that is cut, and what was guessed; during the call */
    struct vitlrp_inputs inputs; /* asked before a file is read; during the call */
};

/* The defaults: as the model's files and its library have it. */
#define vitlrp_text_options_init(options)                                                          \
    vitlrp_text_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_text_options_init_sized(struct vitlrp_text_options *options, size_t size);

/* The same of texts that the text tower of `model` reads, whose weights are in the same file: it is
 * opened, used and closed again. prompts [count], 200,000 at most, copied; the classes are their
 * names, in the order of first appearance. A class of several prompts is the mean of their unit
 * vectors (Radford et al. 2021, arXiv:2103.00020, 3.1.4). A text that is longer than the model's
 * context is cut, and said.
 *
 * USAGE for a model without a text tower, from memory, or with an adapter, for a text that is not
 * UTF-8 and for one that spells a special token; UNSUPPORTED where nothing says which vocabulary
 * the model has; MISMATCH for a vocabulary of another size. *texts is owned: vitlrp_model_close.
 * Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_texts(const struct vitlrp_model *model, const struct vitlrp_prompt *prompts,
                        size_t count, const struct vitlrp_text_options *options,
                        struct vitlrp_model **texts, struct vitlrp_error *error);

/* embedding [embed_dim]: the image's of the last forward, as it leaves the model, of any length.
 * USAGE for a model with classes of its own, and without a forward. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_session_embedding(struct vitlrp_session *session, float *embedding,
                         struct vitlrp_error *error);

/* A model whose only output is how alike two features are: the cosine of the outputs of `model`,
 * which has no head of classes, and the mean of the unit vectors of features [count, classes], its
 * outputs for one or more reference images. It is explained and measured like any other; under LRP
 * both norms are constants. It holds the weights of `model`, which may be closed before it. USAGE
 * for a model of classes, NUMERIC if the features have no common direction. *like is owned:
 * vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_like(const struct vitlrp_model *model, const float *features, size_t count,
                  struct vitlrp_model **like, struct vitlrp_error *error);

#ifdef __cplusplus
}
#endif

#endif
