#include "text_rows.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "model_facts.h"
#include "text_prompts.h"
#include "vitlrp_words.h"

#define ROWS_LIMIT ((size_t) 1 << 30)
#define NAMES_LIMIT ((size_t) 1 << 26)

/* A name for each row: lines of a text. */
struct row_names {
    char *text;         /* owned */
    const char **names; /* owned; into text. NULL: nobody gave any */
    size_t count;
};

static void names_close(struct row_names *names) {
    mem_free(names->text);
    mem_free((void *) names->names);
}

/* Takes the lines apart; of one with tabs the name is behind the last, as in a list of classes. */
static void split_lines(struct row_names *names) {
    char *line = names->text;
    while (*line != '\0') {
        char *end = line + strcspn(line, "\r\n");
        char *next = end + strspn(end, "\r");
        next += *next == '\n' ? 1 : 0;
        *end = '\0';
        char *tab = strrchr(line, '\t');
        names->names[names->count++] = tab == NULL ? line : tab + 1;
        line = next;
    }
}

static enum vitlrp_status names_read(const struct settings *settings, struct row_names *out,
                                     struct vitlrp_error *err) {
    struct bytes bytes;
    const char *path = settings->labels_path;
    if (path == NULL) {
        return VITLRP_OK;
    }
    TRY(file_tell(&settings->inputs, path, err));
    TRY(file_read(path, NAMES_LIMIT, &bytes, err));
    out->text = mem_calloc(bytes.size + 1, 1);
    out->names = mem_calloc(bytes.size + 1, sizeof *out->names);
    bool held = out->text != NULL && out->names != NULL;
    bool is_text = memchr(bytes.data, '\0', bytes.size) == NULL;
    if (held && is_text) {
        memcpy(out->text, bytes.data, bytes.size);
        split_lines(out);
    }
    bytes_free(&bytes);
    if (!is_text) {
        return fail(err, VITLRP_FORMAT, "%s: has zero bytes: not a list of names", path);
    }
    return held ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for the names of texts");
}

static enum vitlrp_status check_fit(const struct settings *settings,
                                    const struct vitlrp_model_info *info, const size_t shape[2],
                                    const struct row_names *names, struct vitlrp_error *err) {
    if (info->embed_dim == 0) {
        return fail(err, VITLRP_USAGE,
                    "--text-embeddings compares an image's embedding with those of texts, and the "
                    "model has a head of %d classes",
                    info->classes);
    }
    if (shape[1] != (size_t) info->embed_dim) {
        return fail(err, VITLRP_MISMATCH,
                    "%s: %zu numbers for each text, and the model's embeddings have %d: they are "
                    "of another text tower",
                    settings->text_path, shape[1], info->embed_dim);
    }
    if (names->names != NULL && names->count != shape[0]) {
        return fail(err, VITLRP_MISMATCH, "%s: %zu names for %zu texts", settings->labels_path,
                    names->count, shape[0]);
    }
    return VITLRP_OK;
}

void text_model_take(struct vitlrp_model *texts, const struct console *console,
                     struct vitlrp_model **model) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(*model, &info);
    if (info.logit_scale == 0.0) {
        console_warn(console, "nothing states the scale of the cosines: 100 is taken, that of "
                              "released CLIP models (--logit-scale)");
    }
    model_facts_tell(texts, FACTS_OF_TEXTS, false, console);
    vitlrp_model_close(*model);
    *model = texts;
}

static enum vitlrp_status bind_rows(const struct settings *settings, const float *rows,
                                    const size_t shape[2], const struct console *console,
                                    struct vitlrp_model **model, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    struct row_names names = {0};
    struct vitlrp_model *prompts = NULL;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(*model, &info);
    enum vitlrp_status status = names_read(settings, &names, err);
    if (status == VITLRP_OK) {
        status = check_fit(settings, &info, shape, &names, err);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_embeddings(*model, rows, names.names, shape[0], &prompts, err);
        error_prefix(err, status, settings->text_path);
    }
    names_close(&names);
    TRY(status);
    text_model_take(prompts, console, model);
    return VITLRP_OK;
}

enum vitlrp_status text_rows_choose(const struct settings *settings, const struct console *console,
                                    struct vitlrp_model **model, struct vitlrp_error *err) {
    size_t shape[2];
    float *rows = NULL;
    TRY(file_tell(&settings->inputs, settings->text_path, err));
    TRY(npy_read_float32(settings->text_path, ROWS_LIMIT, 2, shape, &rows, err));
    enum vitlrp_status status = bind_rows(settings, rows, shape, console, model, err);
    mem_free(rows);
    return status;
}

/* *made: the model of the ids, called as --labels says. */
static enum vitlrp_status bind_ids(const struct settings *settings, const struct console *console,
                                   const struct vitlrp_model *model, struct vitlrp_token_rows *rows,
                                   struct vitlrp_model **made, struct vitlrp_error *err) {
    struct row_names names = {0};
    const struct vitlrp_text_options options = text_options_of(settings, console);
    enum vitlrp_status status = names_read(settings, &names, err);
    if (status == VITLRP_OK && names.names != NULL && names.count != rows->count) {
        status = fail(err, VITLRP_MISMATCH, "%s: %zu names for %zu texts", settings->labels_path,
                      names.count, rows->count);
    }
    if (status == VITLRP_OK) {
        rows->names = names.names;
        status = vitlrp_model_with_token_ids(model, rows, &options, made, err);
        error_prefix(err, status, "--token-ids");
    }
    names_close(&names);
    return status;
}

enum vitlrp_status token_rows_choose(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_error *err) {
    size_t shape[2];
    int32_t *ids = NULL;
    struct vitlrp_model *made = NULL;
    TRY(file_tell(&settings->inputs, settings->token_ids_path, err));
    TRY(npy_read_int32(settings->token_ids_path, ROWS_LIMIT, 2, shape, &ids, err));
    struct vitlrp_token_rows rows = {.ids = ids, .count = shape[0], .width = shape[1]};
    enum vitlrp_status status = bind_ids(settings, console, *model, &rows, &made, err);
    mem_free(ids);
    TRY(status);
    text_model_take(made, console, model);
    return VITLRP_OK;
}
