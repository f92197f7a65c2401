#include "api/text_classes.h"

#include <string.h>

#include "api/api.h"
#include "api/text_journal.h"
#include "api/text_source.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "vit/math/engine.h"
#include "vit/model/derived_model.h"
#include "vit/model/origin.h"

#define AT_ONCE ((size_t) 128) /* texts whose tokens are in memory */

/* ---- The tower ---- */

/* True if an adapter has changed the weights: their file alone is another model. */
static bool is_adapted(const struct vit_origin *origin) {
    for (size_t i = 0; i < origin->file_count; i++) {
        const char *name = origin->files[i].name;
        if (name != NULL && strcmp(name, "adapter_config.json") == 0) {
            return true;
        }
    }
    return false;
}

static enum vitlrp_status check_image(const struct vit_model *image, struct vitlrp_error *err) {
    const struct vit_origin *origin = &image->origin;
    if (image->kind != VITLRP_MODEL_IMAGE_TEXT) {
        return fail(err, VITLRP_USAGE, "%s: the model has no text tower: %s", image->name,
                    image->kind == VITLRP_MODEL_PROMPTS ? "its texts are given"
                                                        : "texts are for a CLIP or SigLIP");
    }
    if (origin->file_count == 0 || origin->files[0].source.descriptor < 0) {
        return fail(err, VITLRP_USAGE,
                    "%s: a model from memory has no text tower: open its file, or give the texts' "
                    "embeddings",
                    image->name);
    }
    if (is_adapted(origin)) {
        return fail(err, VITLRP_USAGE,
                    "%s: texts of a model with an adapter are not read: give their embeddings",
                    image->name);
    }
    return VITLRP_OK;
}

enum vitlrp_status text_tower_load(const struct vit_model *image,
                                   const struct vitlrp_text_options *options,
                                   struct vit_model **out, struct vitlrp_error *err) {
    TRY(check_image(image, err));
    const struct vit_load_options load = {.text = true,
                                          .text_heads = options->heads,
                                          .text_tower = options->tower,
                                          .activation = options->activation,
                                          .norm_eps = options->norm_eps,
                                          .weights = image->weight_set,
                                          .ignore_tensors = image->ignored,
                                          .limits = &image->limits,
                                          .log = &options->log,
                                          .inputs = &options->inputs};
    enum vitlrp_status status = vit_model_load(image->name, &load, out, err);
    if (status != VITLRP_OK && err != NULL && err->topic == VITLRP_TOPIC_HEADS) {
        error_topic(err, status, VITLRP_TOPIC_TEXT_HEADS);
    }
    TRY(status);
    if ((*out)->config.classes != image->config.classes) {
        return fail(err, VITLRP_MISMATCH,
                    "%s: embeddings of texts have %d numbers, and those of images %d", image->name,
                    (*out)->config.classes, image->config.classes);
    }
    return error_prefix(err, vit_origin_compare(&(*out)->origin, &image->origin, err), image->name);
}

struct vit_text_options text_tower_options(const struct vitlrp_text_options *options) {
    return (struct vit_text_options){.threads = api_threads(options->threads),
                                     .backend = options->backend};
}

/* ---- Embeddings ---- */

/* What is being made of what. */
struct work {
    const struct prompt_list *list;
    struct vitlrp_session_observer observer;
    struct engine_watch watch; /* asks the observer */
    struct text_reader reader; /* out->source's */
    struct vit_text *tower;
    struct text text; /* at hand */
    int32_t *ids;     /* [AT_ONCE, context] */
    struct vit_ids texts[AT_ONCE];
    float *embeddings; /* [AT_ONCE, width] */
    struct text_journal journal;
    size_t kept; /* classes whose rows it had */
    struct text_classes *out;
};

static enum vitlrp_status encode(struct work *work, size_t number, size_t place,
                                 struct vitlrp_error *err) {
    struct tokens tokens;
    int32_t *ids = work->ids + place * work->reader.options.context;
    TRY(prompt_list_text(work->list, number, &work->text, err));
    enum vitlrp_status status = text_reader_encode(&work->reader, work->text.data, &tokens, err);
    if (status != VITLRP_OK) {
        return work->list->count == 1 && work->list->templates == NULL
                   ? status
                   : error_prefix(err, status, work->text.data);
    }
    for (size_t i = 0; i < tokens.count; i++) {
        ids[i] = tokens.items[i].id;
    }
    work->texts[place] = (struct vit_ids){ids, tokens.count};
    tokens_free(&tokens);
    return VITLRP_OK;
}

/* row += embedding / |embedding| */
static void add_unit(const float *embedding, size_t width, float *row) {
    double norm = row_norm(embedding, width);
    for (size_t d = 0; d < width; d++) {
        row[d] += (float) (embedding[d] / norm);
    }
}

void text_row_normalise(float *row, size_t width) {
    double norm = row_norm(row, width);
    for (size_t d = 0; d < width && norm > 0.0; d++) {
        row[d] = (float) (row[d] / norm);
    }
}

static enum vitlrp_status finish_row(struct work *work, size_t class, float *row,
                                     struct vitlrp_error *err) {
    text_row_normalise(row, work->out->width);
    if (!work->journal.is_open) {
        return VITLRP_OK;
    }
    return error_topic(err, text_journal_add(&work->journal, class, row, work->out->width, err),
                       VITLRP_TOPIC_JOURNAL);
}

/* The texts [first, first + count). */
static enum vitlrp_status embed(struct work *work, size_t first, size_t count,
                                struct vitlrp_error *err) {
    struct text_classes *out = work->out;
    for (size_t i = 0; i < count; i++) {
        TRY(encode(work, first + i, i, err));
    }
    TRY(vit_text_forward(work->tower, work->texts, count, work->embeddings, err));
    for (size_t i = 0; i < count; i++) {
        size_t class = prompt_list_class(work->list, first + i);
        float *row = out->rows + class * out->width;
        if (class < work->kept) {
            continue;
        }
        add_unit(work->embeddings + i * out->width, out->width, row);
        if (first + i + 1 == prompt_list_first(work->list, class + 1)) {
            TRY(finish_row(work, class, row, err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status work_open(struct work *work, const struct vitlrp_text_options *options,
                                    struct vitlrp_error *err) {
    struct vit_text_options text = text_tower_options(options);
    struct text_classes *out = work->out;
    const struct vit_model *tower = out->source->tower;
    out->width = (size_t) tower->config.classes;
    work->observer = options->observer;
    work->watch = (struct engine_watch){.cancelled = options->observer.cancelled,
                                        .user = options->observer.user};
    work->reader = text_source_reader(out->source, &options->log);
    TRY(text_identity_take(work->list, &work->reader, tower, &out->identity, err));
    work->ids = mem_calloc(AT_ONCE * work->reader.options.context, sizeof *work->ids);
    work->embeddings = mem_calloc(AT_ONCE * out->width, sizeof *work->embeddings);
    out->rows = mem_calloc(out->count + 1, out->width * sizeof *out->rows);
    if (work->ids == NULL || work->embeddings == NULL || out->rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the embeddings of %zu texts", out->count);
    }
    engine_watch_begin(&work->watch);
    text.watch = &work->watch;
    return vit_text_open(tower, &text, &work->tower, err);
}

/* What decides about the rows. */
static enum vitlrp_status journal_head(const struct vitlrp_model *image, const struct work *work,
                                       json_t **out, struct vitlrp_error *err) {
    char sha256[SHA256_TEXT];
    bool complete = true;
    TRY(vitlrp_model_sha256(image, sha256, err));
    json_t *head = json_pack("{s:s, s:s, s:I}", "version", vitlrp_version(), "weights_sha256",
                             sha256, "width", (json_int_t) work->out->width);
    json_set(head, "texts", json_text_identity(&work->out->identity, &complete), &complete);
    if (!complete) {
        json_decref(head);
        return fail(err, VITLRP_NOMEM, "out of memory for a journal");
    }
    *out = head;
    return VITLRP_OK;
}

static enum vitlrp_status open_journal(const struct vitlrp_model *image, const char *path,
                                       struct work *work, struct vitlrp_error *err) {
    json_t *head = NULL;
    struct text_classes *out = work->out;
    TRY(journal_head(image, work, &head, err));
    enum vitlrp_status status = text_journal_open(path, head, &work->journal, err);
    json_decref(head);
    TRY(error_topic(err, status, VITLRP_TOPIC_JOURNAL));
    return text_journal_read(&work->journal, out->width, out->rows, out->count + 1, &work->kept,
                             err);
}

static void work_close(struct work *work) {
    text_journal_close(&work->journal);
    vit_text_close(work->tower);
    text_free(&work->text);
    mem_free(work->ids);
    mem_free(work->embeddings);
}

/* Every prompt in its first template: one that cannot be read is named before the work. */
static enum vitlrp_status check_prompts(struct work *work, struct vitlrp_error *err) {
    const struct vitlrp_log *log = work->reader.log;
    enum vitlrp_status status = VITLRP_OK;
    work->reader.log = NULL;
    for (size_t i = 0; i < work->list->count && status == VITLRP_OK; i++) {
        status = encode(work, i * work->list->template_count, 0, err);
    }
    work->reader.log = log;
    work->reader.cuts = 0;
    return status;
}

static enum vitlrp_status embed_all(struct work *work, struct vitlrp_error *err) {
    size_t texts = work->list->texts;
    /* Batches are the same whatever was kept: a row's last bits may depend on its neighbours. */
    size_t begin = prompt_list_first(work->list, work->kept) / AT_ONCE * AT_ONCE;
    for (size_t done = begin; done < texts && work->kept <= work->list->classes;) {
        size_t count = size_min(AT_ONCE, texts - done);
        TRY(embed(work, done, count, err));
        done += count;
        if (work->observer.progress != NULL) {
            work->observer.progress(work->observer.user, done - begin, texts - begin);
        }
    }
    text_reader_tell(&work->reader);
    return VITLRP_OK;
}

static enum vitlrp_status make_rows(const struct vitlrp_model *image,
                                    const struct vitlrp_text_options *options, struct work *work,
                                    struct vitlrp_error *err) {
    enum vitlrp_status status = text_source_open(image->vit, options, &work->out->source, err);
    if (status == VITLRP_OK) {
        status = work_open(work, options, err);
    }
    if (status == VITLRP_OK) {
        status = check_prompts(work, err);
    }
    if (status == VITLRP_OK && options->journal != NULL) {
        status = open_journal(image, options->journal, work, err);
    }
    if (status == VITLRP_OK) {
        status = embed_all(work, err);
    }
    work_close(work);
    return status;
}

enum vitlrp_status text_options_check(const struct vitlrp_text_options *options,
                                      struct vitlrp_error *err) {
    TRY(api_check_threads(options->threads, err));
    if (!(options->norm_eps >= 0 && options->norm_eps < 1)) {
        return fail(err, VITLRP_USAGE, "the eps of norms must be from 0, and below 1");
    }
    if (word_of(WORDS_ACTIVATION, options->activation) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no activation %d", (int) options->activation);
    }
    if (word_of(WORDS_TEXT_TOWER, options->tower) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no kind of text tower %d", (int) options->tower);
    }
    return options->heads >= 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "the number of attention heads must not be negative");
}

/* True if a class is one text: prompts that are the same, in one template or in none. */
static bool is_one_text(const struct prompt_list *list, size_t class) {
    if (class == list->given) {
        return true; /* the contrast */
    }
    const size_t *of_class = list->order + list->first[class];
    bool is_one = list->template_count == 1;
    for (size_t i = 1; i < list->first[class + 1] - list->first[class]; i++) {
        is_one =
            is_one && strcmp(list->prompts[of_class[i]].text, list->prompts[of_class[0]].text) == 0;
    }
    return is_one;
}

/* *out = the text of a class that is one, else NULL. */
static enum vitlrp_status take_text(const struct prompt_list *list, size_t class, char **out,
                                    struct vitlrp_error *err) {
    struct text made = {0};
    if (!is_one_text(list, class)) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = prompt_list_text(list, prompt_list_first(list, class), &made, err);
    if (status == VITLRP_OK) {
        *out = mem_strdup(made.length == 0 ? "" : made.data);
        status = *out != NULL ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for a text");
    }
    text_free(&made);
    return status;
}

static enum vitlrp_status take_texts(struct text_classes *out, struct vitlrp_error *err) {
    out->count = out->list.classes;
    out->texts = mem_calloc(out->count, sizeof *out->texts);
    if (out->texts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", out->count);
    }
    for (size_t i = 0; i < out->count; i++) {
        TRY(take_text(&out->list, i, &out->texts[i], err));
    }
    return VITLRP_OK;
}

enum vitlrp_status text_classes_make(const struct vitlrp_model *image,
                                     const struct vitlrp_prompt *prompts, size_t count,
                                     const struct vitlrp_text_options *options,
                                     struct text_classes *out, struct vitlrp_error *err) {
    *out = (struct text_classes){0};
    TRY(prompt_list_open(prompts, count, options, &out->list, err));
    TRY(text_options_check(options, err));
    TRY(take_texts(out, err));
    struct work work = {.list = &out->list, .out = out};
    return make_rows(image, options, &work, err);
}

void text_classes_free(struct text_classes *classes) {
    prompt_list_close(&classes->list);
    for (size_t i = 0; i < classes->count && classes->texts != NULL; i++) {
        mem_free(classes->texts[i]);
    }
    mem_free(classes->texts);
    mem_free(classes->rows);
    text_source_close(classes->source);
    *classes = (struct text_classes){0};
}
