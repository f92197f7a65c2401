#include "api/text_classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/text_reader.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "vit/model/origin.h"
#include "vit/program/text_tower.h"

#define MAX_PROMPTS ((size_t) 200000)
#define AT_ONCE ((size_t) 128) /* prompts whose tokens are in memory */

/* ---- Names ---- */

struct named {
    const char *name;
    size_t index; /* of the prompt */
};

static const char *name_of(const struct vitlrp_prompt *prompt) {
    return prompt->name == NULL ? prompt->text : prompt->name;
}

static int compare_names(const void *a, const void *b) {
    const struct named *first = a;
    const struct named *second = b;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : (first->index > second->index) - (first->index < second->index);
}

/* of_prompt [count] = the first prompt of the same name, for each. */
static void find_first(struct named *sorted, size_t count, size_t *of_prompt) {
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && strcmp(sorted[i - 1].name, sorted[i].name) == 0;
        of_prompt[sorted[i].index] = same ? of_prompt[sorted[i - 1].index] : sorted[i].index;
    }
}

static bool is_text(const char *known, const char *text) {
    return known != NULL && strcmp(known, text) == 0;
}

/* of_prompt [count]: the class of each; classes in the order of first appearance. */
static enum vitlrp_status group_names(const struct vitlrp_prompt *prompts, size_t count,
                                      size_t *of_prompt, struct text_classes *out,
                                      struct vitlrp_error *err) {
    struct named *sorted = mem_calloc(count, sizeof *sorted);
    out->names = mem_calloc(count, sizeof *out->names);
    out->texts = mem_calloc(count, sizeof *out->texts);
    if (sorted == NULL || out->names == NULL || out->texts == NULL) {
        mem_free(sorted);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", count);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct named){.name = name_of(&prompts[i]), .index = i};
    }
    find_first(sorted, count, of_prompt);
    for (size_t i = 0; i < count; i++) {
        bool is_first = of_prompt[i] == i;
        of_prompt[i] = is_first ? out->count : of_prompt[of_prompt[i]];
        if (is_first) {
            out->texts[out->count] = prompts[i].text;
            out->names[out->count++] = name_of(&prompts[i]);
        } else if (!is_text(out->texts[of_prompt[i]], prompts[i].text)) {
            out->texts[of_prompt[i]] = NULL;
        }
    }
    mem_free(sorted);
    return VITLRP_OK;
}

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
        return fail(err, VITLRP_USAGE, "%s: the model has no text tower%s", image->name,
                    image->kind == VITLRP_MODEL_PROMPTS ? ": its texts are given" : "");
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

/* What decides about every number, and nothing may show. */
static void tell_guesses(const struct vit_model *tower, const struct vitlrp_log *log) {
    const json_t *fact;
    size_t i;
    json_array_foreach(tower->facts, i, fact) {
        const char *name = json_get_string(fact, "name");
        bool decides = strcmp(name, "heads") == 0 || strcmp(name, "activation") == 0;
        if (decides && strcmp(json_get_string(fact, "source"), "guess") == 0) {
            log_message(log, LOG_LEVEL_WARNING,
                        "nothing states the %s of the text tower: %s, a guess; state it if that is "
                        "wrong",
                        name, json_get_string(fact, "value"));
        }
    }
}

enum vitlrp_status text_tower_load(const struct vit_model *image,
                                   const struct vitlrp_text_options *options,
                                   struct vit_model **out, struct vitlrp_error *err) {
    TRY(check_image(image, err));
    const struct vit_load_options load = {.text = true,
                                          .text_heads = options->heads,
                                          .activation = options->activation,
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
    tell_guesses(*out, &options->log);
    if ((*out)->config.classes != image->config.classes) {
        return fail(err, VITLRP_MISMATCH,
                    "%s: embeddings of texts have %d numbers, and those of images %d", image->name,
                    (*out)->config.classes, image->config.classes);
    }
    return error_prefix(err, vit_origin_check(&image->origin, err), image->name);
}

/* ---- Embeddings ---- */

/* What is being made of what. */
struct work {
    const struct vitlrp_prompt *prompts;
    const size_t *of_prompt; /* [prompts] */
    struct text_reader reader;
    struct vit_text *tower;
    int32_t *ids; /* [AT_ONCE, context] */
    struct vit_ids texts[AT_ONCE];
    float *embeddings; /* [AT_ONCE, width] */
    struct text_classes *out;
};

static enum vitlrp_status encode(struct work *work, size_t prompt, size_t place,
                                 struct vitlrp_error *err) {
    struct tokens tokens;
    int32_t *ids = work->ids + place * work->reader.options.context;
    TRY(text_reader_encode(&work->reader, work->prompts[prompt].text, &tokens, err));
    for (size_t i = 0; i < tokens.count; i++) {
        ids[i] = tokens.items[i].id;
    }
    work->texts[place] = (struct vit_ids){ids, tokens.count};
    tokens_free(&tokens);
    return VITLRP_OK;
}

/* row += embedding / |embedding| */
static void add_unit(const float *embedding, size_t width, float *row) {
    double squares = 0.0;
    for (size_t d = 0; d < width; d++) {
        squares += (double) embedding[d] * embedding[d];
    }
    for (size_t d = 0; d < width; d++) {
        row[d] += (float) (embedding[d] / sqrt(squares));
    }
}

/* `count` prompts from `first` on. */
static enum vitlrp_status embed(struct work *work, size_t first, size_t count,
                                struct vitlrp_error *err) {
    size_t width = work->out->width;
    for (size_t i = 0; i < count; i++) {
        TRY(encode(work, first + i, i, err));
    }
    TRY(vit_text_forward(work->tower, work->texts, count, work->embeddings, err));
    for (size_t i = 0; i < count; i++) {
        add_unit(work->embeddings + i * width, width,
                 work->out->rows + work->of_prompt[first + i] * width);
    }
    return VITLRP_OK;
}

static enum vitlrp_status work_open(struct work *work, const struct vit_model *tower,
                                    const struct vitlrp_text_options *options,
                                    struct vitlrp_error *err) {
    size_t threads = options->threads > 0 ? (size_t) options->threads : api_processors();
    const struct vit_text_options text = {.threads = size_min(threads, POOL_MAX_THREADS),
                                          .backend = options->backend};
    struct text_classes *out = work->out;
    out->width = (size_t) tower->config.classes;
    TRY(text_reader_open(tower, options, &work->reader, err));
    work->ids = mem_calloc(AT_ONCE * work->reader.options.context, sizeof *work->ids);
    work->embeddings = mem_calloc(AT_ONCE * out->width, sizeof *work->embeddings);
    out->rows = mem_calloc(out->count, out->width * sizeof *out->rows);
    if (work->ids == NULL || work->embeddings == NULL || out->rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the embeddings of %zu texts", out->count);
    }
    return vit_text_open(tower, &text, &work->tower, err);
}

static void work_close(struct work *work) {
    vit_text_close(work->tower);
    text_reader_close(&work->reader);
    mem_free(work->ids);
    mem_free(work->embeddings);
}

static enum vitlrp_status make_rows(const struct vit_model *image, size_t count,
                                    const struct vitlrp_text_options *options, struct work *work,
                                    struct vitlrp_error *err) {
    struct vit_model *tower = NULL;
    enum vitlrp_status status = text_tower_load(image, options, &tower, err);
    if (status == VITLRP_OK) {
        status = work_open(work, tower, options, err);
    }
    for (size_t i = 0; i < count && status == VITLRP_OK; i += AT_ONCE) {
        status = embed(work, i, size_min(AT_ONCE, count - i), err);
    }
    work_close(work);
    vit_model_free(tower);
    return status;
}

static enum vitlrp_status check_prompts(const struct vitlrp_prompt *prompts, size_t count,
                                        const struct vitlrp_text_options *options,
                                        struct vitlrp_error *err) {
    if (count == 0) {
        return fail(err, VITLRP_USAGE, "no text is given");
    }
    if (count > MAX_PROMPTS) {
        return fail_limit(err, "%zu texts; at most %zu are taken", count, MAX_PROMPTS);
    }
    for (size_t i = 0; i < count; i++) {
        if (prompts[i].text == NULL) {
            return fail(err, VITLRP_USAGE, "text %zu is NULL", i);
        }
    }
    if (options->threads < 0 || options->threads > POOL_MAX_THREADS) {
        return fail(err, VITLRP_USAGE, "threads must be from 0 to %d", POOL_MAX_THREADS);
    }
    return options->heads >= 0
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "the number of attention heads must not be negative");
}

enum vitlrp_status text_classes_make(const struct vit_model *image,
                                     const struct vitlrp_prompt *prompts, size_t count,
                                     const struct vitlrp_text_options *options,
                                     struct text_classes *out, struct vitlrp_error *err) {
    *out = (struct text_classes){0};
    TRY(check_prompts(prompts, count, options, err));
    size_t *of_prompt = mem_calloc(count, sizeof *of_prompt);
    if (of_prompt == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", count);
    }
    enum vitlrp_status status = group_names(prompts, count, of_prompt, out, err);
    if (status == VITLRP_OK) {
        struct work work = {.prompts = prompts, .of_prompt = of_prompt, .out = out};
        status = make_rows(image, count, options, &work, err);
    }
    mem_free(of_prompt);
    return status;
}

void text_classes_free(struct text_classes *classes) {
    mem_free((void *) classes->names);
    mem_free((void *) classes->texts);
    mem_free(classes->rows);
    *classes = (struct text_classes){0};
}
