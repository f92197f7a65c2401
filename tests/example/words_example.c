/* A photograph and texts: which text fits it, what each word of that holds, and where the
 * photograph holds a word. On the public headers alone; it is a test too, built as C and as C++.
 *
 *   words_example CLIP_MODEL IMAGE TEXT [TEXT...] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitlrp_words.h"

/* Everything that has to be released at the end; all of it starts as NULL. */
struct example {
    struct vitlrp_model *clip, *texts, *words; /* each holds the weights that it shares */
    struct vitlrp_image *image;
    struct vitlrp_session *session;
    struct vitlrp_text *text;
    float *input;
    float *embedding; /* the image's */
    float *relevance; /* of the words */
    struct vitlrp_likely best;
    struct vitlrp_error error;
};

/* Texts become the classes of a model, which is explained like any other. */
static enum vitlrp_status make_classes(struct example *e, char **texts, size_t count) {
    struct vitlrp_prompt *prompts = (struct vitlrp_prompt *) calloc(count, sizeof *prompts);
    if (prompts == NULL) {
        return VITLRP_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        prompts[i].text = texts[i];
    }
    enum vitlrp_status status =
        vitlrp_model_with_texts(e->clip, prompts, count, NULL, &e->texts, &e->error);
    free(prompts);
    return status;
}

/* A session on the model, and the forward pass of the photograph. */
static enum vitlrp_status predict(struct example *e, const struct vitlrp_model *model,
                                  float *logits) {
    struct vitlrp_session_options options;
    vitlrp_session_close(e->session);
    e->session = NULL;
    vitlrp_session_options_init(&options);
    enum vitlrp_status status = vitlrp_session_open(model, &options, &e->session, &e->error);
    return status == VITLRP_OK ? vitlrp_session_forward(e->session, e->input, logits, &e->error)
                               : status;
}

static enum vitlrp_status find_best(struct example *e, size_t count) {
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    float *logits = (float *) calloc(count, sizeof *logits);
    vitlrp_model_preprocess(e->texts, &preprocess);
    enum vitlrp_status status =
        vitlrp_image_prepare(e->image, &preprocess, &e->input, &geometry, &e->error);
    if (status == VITLRP_OK) {
        status = logits == NULL ? VITLRP_NOMEM : predict(e, e->texts, logits);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_top(e->texts, logits, 1, &e->best, &e->error);
    }
    free(logits);
    return status;
}

/* What each word holds of the logit: words and the ledger add up to it, less its bias. */
static enum vitlrp_status explain_words(struct example *e) {
    struct vitlrp_model_info model;
    struct vitlrp_text_info info;
    struct vitlrp_text_relevance relevance;
    enum vitlrp_status status =
        vitlrp_text_open(e->texts, e->best.found.output, NULL, &e->text, &e->error);
    if (status != VITLRP_OK) {
        return status;
    }
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(e->texts, &model);
    vitlrp_text_info_init(&info);
    vitlrp_text_describe(e->text, &info);
    e->embedding = (float *) calloc((size_t) model.embed_dim, sizeof(float));
    e->relevance = (float *) calloc(info.words, sizeof(float));
    if (e->embedding == NULL || e->relevance == NULL) {
        return VITLRP_NOMEM;
    }
    vitlrp_text_relevance_init(&relevance);
    relevance.words = e->relevance;
    status = vitlrp_session_embedding(e->session, e->embedding, &e->error);
    if (status == VITLRP_OK) {
        status = vitlrp_text_explain(e->text, e->embedding, NULL, &relevance, &e->error);
    }
    printf("%s: logit %.4f, of which its words hold %.4f\n", e->best.found.label, e->best.logit,
           status == VITLRP_OK ? relevance.sum : 0.0);
    return status;
}

/* The word that holds most, of the text's own. */
static enum vitlrp_status find_word(struct example *e, int32_t *out) {
    struct vitlrp_text_info info;
    vitlrp_text_info_init(&info);
    vitlrp_text_describe(e->text, &info);
    *out = -1;
    for (size_t i = 0; i < info.words; i++) {
        struct vitlrp_word word;
        enum vitlrp_status status = vitlrp_text_word(e->text, i, &word, &e->error);
        if (status != VITLRP_OK) {
            return status;
        }
        printf("  %8.4f  %s\n", (double) e->relevance[i], word.text);
        if (word.is_special == 0 && (*out < 0 || e->relevance[i] > e->relevance[*out])) {
            *out = (int32_t) i;
        }
    }
    return VITLRP_OK;
}

/* Where the photograph holds a word: words are the outputs of a model too. The head's gamma is 0,
 * so that the maps of all words add up to the map of the text. */
static enum vitlrp_status locate_word(struct example *e, int32_t word) {
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    const struct vitlrp_target target = {word, 1.0F};
    enum vitlrp_status status =
        vitlrp_model_with_words(e->texts, e->best.found.output, NULL, NULL, &e->words, &e->error);
    if (status == VITLRP_OK) {
        status = predict(e, e->words, NULL);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_method_options_init(&method, "attnlrp", &e->error);
    }
    if (status != VITLRP_OK) {
        return status;
    }
    method.rules.gamma[VITLRP_ROLE_HEAD] = 0.0F;
    vitlrp_relevance_init(&relevance); /* with .patches of your own: the map */
    status = vitlrp_session_attribute(e->session, &target, 1, &method, &relevance, &e->error);
    if (status == VITLRP_OK) {
        printf("word %d: %.4f, of which its map holds %.4f\n", (int) word, relevance.explained,
               relevance.sum);
    }
    return status;
}

static enum vitlrp_status run(struct example *e, int argc, char **argv) {
    int32_t word = -1;
    enum vitlrp_status status = vitlrp_model_open(argv[1], NULL, &e->clip, &e->error);
    if (status == VITLRP_OK) {
        status = vitlrp_image_open(argv[2], NULL, &e->image, &e->error);
    }
    if (status == VITLRP_OK) {
        status = make_classes(e, argv + 3, (size_t) argc - 3);
    }
    if (status == VITLRP_OK) {
        status = find_best(e, (size_t) argc - 3);
    }
    if (status == VITLRP_OK) {
        status = explain_words(e);
    }
    if (status == VITLRP_OK) {
        status = find_word(e, &word);
    }
    return status == VITLRP_OK && word >= 0 ? locate_word(e, word) : status;
}

static void release(struct example *e) {
    free(e->relevance);
    free(e->embedding);
    vitlrp_free(e->input);
    vitlrp_text_close(e->text);
    vitlrp_session_close(e->session);
    vitlrp_image_close(e->image);
    vitlrp_model_close(e->words);
    vitlrp_model_close(e->texts);
    vitlrp_model_close(e->clip);
}

int main(int argc, char **argv) {
    struct example e;
    if (argc < 4) {
        fprintf(stderr, "usage: words_example CLIP_MODEL IMAGE TEXT [TEXT...]\n");
        return 2;
    }
    memset(&e, 0, sizeof e);
    enum vitlrp_status status = run(&e, argc, argv);
    if (status != VITLRP_OK) {
        fprintf(stderr, "%s: %s\n", vitlrp_status_name(status), e.error.message);
    }
    release(&e);
    return status == VITLRP_OK ? 0 : 1;
}
