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
