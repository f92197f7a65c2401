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
    struct vitlrp_log log;        /* a text that is cut, and how texts are cleaned where that is a
                                     guess; during the call */
    struct vitlrp_inputs inputs;  /* asked before a file is read; during the call */
    const char *const *templates; /* [template_count], 1,000 at most: each text is put into each, in
                                     the place of its {}, and a class is the mean over them; NULL:
                                     texts stand as they are */
    size_t template_count;
    struct vitlrp_session_observer observer; /* of the texts: how many of how many are done */
    const char *journal;  /* file that keeps the row of each class as soon as it is done: the same
                             call goes on after one that was ended, and gives the same bits. It
                             stays. NULL: none */
    const char *contrast; /* a text that becomes the last class, in no template, called by itself,
                             or "the empty prompt" if it is ""; NULL: none */
    int32_t keep_tower;   /* 1: the model keeps the text tower that read its texts, and its
                             tokenizer, for vitlrp_text_open and vitlrp_model_with_words; 0: these
                             open it again */
    enum vitlrp_text_tower tower; /* how it reads texts, where that is a guess else */
    double norm_eps; /* of the norms of the text tower, below 1; 0: as the files state */
};

/* The defaults: as the model's files and its library have it. */
#define vitlrp_text_options_init(options)                                                          \
    vitlrp_text_options_init_sized((options), sizeof *(options))
VITLRP_API void vitlrp_text_options_init_sized(struct vitlrp_text_options *options, size_t size);

/* Published templates by their name: "imagenet80", the 80 of Radford et al. (2021), and
 * "imagenet7", seven of these that do as well. *templates [*count] are constants. USAGE for another
 * name. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_templates(const char *name,
                                                                const char *const **templates,
                                                                size_t *count,
                                                                struct vitlrp_error *error);

/* The same of texts that the text tower of `model` reads, whose weights are in the same file: it is
 * opened, used and closed again, or kept. prompts [count], 200,000 at most, copied; the classes are
 * their names, in the order of first appearance. A class of several prompts or templates is the
 * mean of their unit vectors, made a unit vector again (Radford et al. 2021,
 * arXiv:2103.00020, 3.1.4). A text that is longer than the model's context is cut, and said.
 *
 * USAGE for a model without a text tower, from memory, or with an adapter, for a text that is not
 * UTF-8 and for one that spells a special token, for a template without {}, and for a journal
 * of other texts or of another model; CANCELLED by the observer; UNSUPPORTED where nothing says
 * which vocabulary the model has; MISMATCH for a vocabulary of another size; IO for files that
 * changed since `model` was opened. *texts is owned: vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_texts(const struct vitlrp_model *model, const struct vitlrp_prompt *prompts,
                        size_t count, const struct vitlrp_text_options *options,
                        struct vitlrp_model **texts, struct vitlrp_error *error);

/* Texts that a tokenizer of the caller's has read. */
struct vitlrp_token_rows {
    const int32_t *ids; /* [count, width]: a text each, with the tokens that begin and end it; -1
                           fills a row behind them */
    const char *const *names; /* [count] of the classes, copied; NULL, or NULL for one: none */
    size_t count, width;
};

/* As vitlrp_model_with_texts, of such texts, a class each: for vocabularies that are not read here.
 * The options' tokenizer, cleaning, templates, contrast and journal are not looked at. MISMATCH for
 * a text that is empty, too long, or without its end, and for an id that the model has not; USAGE
 * where the model reads all positions (SigLIP) and a text has less. *texts is owned:
 * vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_token_ids(const struct vitlrp_model *model, const struct vitlrp_token_rows *rows,
                            const struct vitlrp_text_options *options, struct vitlrp_model **texts,
                            struct vitlrp_error *error);

/* What the files do not determine of the text tower that has read the texts of a model, and who
 * states it: like vitlrp_model_fact, of a number below `text_facts` of the model's info; USAGE
 * otherwise. heads, activation, tower and norm_eps of the options correct a
 * guess. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_text_fact(const struct vitlrp_model *model, size_t number, struct vitlrp_fact *found,
                       struct vitlrp_error *error);

/* rows [classes, embed_dim]: of the texts of a model that one of these has made; of length 1 if
 * its text tower has made them, else as they were given. USAGE for another model. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_text_embeddings(const struct vitlrp_model *model, float *rows,
                             struct vitlrp_error *error);

/* cosines [classes]: of an image's embedding [embed_dim] (vitlrp_session_embedding) and each text
 * of such a model; NULL: not wanted. *empty: with the text that has no words, NAN where the model's
 * own text tower did not read it; NULL likewise. Any image fits any text a little: that is how
 * much. USAGE for another model. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_cosines(const struct vitlrp_model *model, const float *embedding, double *cosines,
                     double *empty, struct vitlrp_error *error);

/* ---- Words ---- */

/* One text in the text tower of its model: its tokens and words, and what each of them holds of an
 * image's score. Its forward pass is done when that is asked for first. One thread at a time.
 * Owned: vitlrp_text_close. */
struct vitlrp_text;

/* The text of class `output` of a model that vitlrp_model_with_texts has made, read as it was then;
 * of the options only threads, backend, log and inputs count. It takes the memory of the text
 * tower, which it shares where `model` keeps it, and does not need `model` any more.
 *
 * USAGE for a class of several prompts or templates, and for a model that was not made of texts; IO
 * if the weights' file is no longer there, or another one. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_text_open(const struct vitlrp_model *model, int32_t output,
                 const struct vitlrp_text_options *options, struct vitlrp_text **text,
                 struct vitlrp_error *error);

/* NULL is ignored. */
VITLRP_API void vitlrp_text_close(struct vitlrp_text *text);

struct vitlrp_text_info {
    size_t struct_size; /* set by vitlrp_text_info_init */
    const char *text;   /* as it was cleaned; until vitlrp_text_close */
    size_t tokens;      /* those that begin, end and fill it among them */
    size_t words;       /* likewise */
    size_t ledger;      /* lines of the ledger of vitlrp_text_explain */
};

#define vitlrp_text_info_init(info) vitlrp_text_info_init_sized((info), sizeof *(info))
VITLRP_API void vitlrp_text_info_init_sized(struct vitlrp_text_info *info, size_t size);

/* Nothing for NULL. */
VITLRP_API void vitlrp_text_describe(const struct vitlrp_text *text, struct vitlrp_text_info *info);

struct vitlrp_token {
    int32_t id;
    int32_t word;      /* of which it is a part */
    const char *piece; /* as people read it: "</w>" is where a word of CLIP ends, U+2581 where one
                          of SentencePiece begins. A part of a character need not be UTF-8 */
};

/* A word as the tokenizer splits the text: one token or more. What begins the text, ends it and
 * fills the context are words of their own. */
struct vitlrp_word {
    const char *text;      /* of the cleaned text; else "[start]", "[end]", "[padding]" */
    int32_t first, tokens; /* of its tokens, and how many */
    int32_t is_special;    /* 0: it is of the text */
};

/* number: below info.tokens and info.words; USAGE. Strings live until vitlrp_text_close. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_text_token(const struct vitlrp_text *text,
                                                                 size_t number,
                                                                 struct vitlrp_token *token,
                                                                 struct vitlrp_error *error);
VITLRP_NODISCARD VITLRP_API enum vitlrp_status vitlrp_text_word(const struct vitlrp_text *text,
                                                                size_t number,
                                                                struct vitlrp_word *word,
                                                                struct vitlrp_error *error);

/* Arrays are the caller's, as long as vitlrp_text_info says; NULL ones are skipped. */
struct vitlrp_text_relevance {
    size_t struct_size;                 /* set by vitlrp_text_relevance_init */
    float *tokens;                      /* [tokens]: of each, in logits */
    float *words;                       /* [words]: sums of their tokens */
    struct vitlrp_ledger_entry *ledger; /* [ledger]: what is absorbed, position embeddings too */
    double explained;                   /* out: the score without its bias */
    double sum;                         /* out: of all tokens */
};

/* Every field is NULL. */
#define vitlrp_text_relevance_init(relevance)                                                      \
    vitlrp_text_relevance_init_sized((relevance), sizeof *(relevance))
VITLRP_API void vitlrp_text_relevance_init_sized(struct vitlrp_text_relevance *relevance,
                                                 size_t size);

/* Relevance of the tokens for the score s of an image, given by its embedding [embed_dim]
 * (vitlrp_session_embedding): s = logit_scale <u, v> / (|u| |v|) + logit_bias, the image's u and
 * both norms constant (Achtibat et al. 2024, proposition 3.4), so that
 *
 *   tokens + ledger = s - logit_bias
 *
 * The map of the image is another account of the same score, with v constant. rules NULL: AttnLRP
 * with every gamma 0, the setting for language; gamma[VITLRP_ROLE_HEAD] is of the projection.
 * USAGE for rules out of range, NUMERIC for an embedding of 0 and where a result is not finite; the
 * first call of a text runs it through the tower: UNSUPPORTED for a backend that is not there,
 * NOMEM. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_text_explain(struct vitlrp_text *text, const float *embedding,
                    const struct vitlrp_rules *rules, struct vitlrp_text_relevance *relevance,
                    struct vitlrp_error *error);

/* A model whose outputs are the words of the text of class `output`, and "[rest]", what no token
 * carries. Each has what vitlrp_text_explain finds for it, so that their sum is the score without
 * its bias, and is explained like any other output: the map of a word is what the image holds of
 * it. The maps of all outputs add up to the text's under any method that is linear in what it
 * explains, which the presets of LRP are with gamma[VITLRP_ROLE_HEAD] and epsilon 0 (the same as
 * BiLRP's interactions of a word with the pixels, Eberle et al. 2020, arXiv:2003.05431, added up
 * over the coordinates of the embedding, by one pass).
 *
 * Classes are called like the words; where one occurs several times, as "word#1" and "word#2".
 * There are no probabilities. rules NULL: as vitlrp_text_explain; without gamma and epsilon: USAGE.
 * Fails like vitlrp_text_open. *words is owned: vitlrp_model_close. Any thread. */
VITLRP_NODISCARD VITLRP_API enum vitlrp_status
vitlrp_model_with_words(const struct vitlrp_model *model, int32_t output,
                        const struct vitlrp_text_options *options, const struct vitlrp_rules *rules,
                        struct vitlrp_model **words, struct vitlrp_error *error);
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
