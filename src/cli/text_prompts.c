#include "text_prompts.h"

#include <errno.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/npy.h"
#include "outputs.h"
#include "pass_watch.h"
#include "text_rows.h"

#define PATH_LIMIT ((size_t) 8192)

void text_prompts_close(struct text_prompts *prompts) {
    prompt_file_close(&prompts->file);
    template_file_close(&prompts->templates);
    mem_free(prompts->own);
    *prompts = (struct text_prompts){0};
}

static enum vitlrp_status take_texts(const struct settings *settings, struct text_prompts *out,
                                     struct vitlrp_error *err) {
    out->own = mem_calloc(settings->text_count, sizeof *out->own);
    if (out->own == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", settings->text_count);
    }
    for (size_t i = 0; i < settings->text_count; i++) {
        out->own[i].text = settings->texts[i];
    }
    out->all = out->own;
    out->count = settings->text_count;
    return VITLRP_OK;
}

enum vitlrp_status text_prompts_read(const struct settings *settings, struct text_prompts *out,
                                     struct vitlrp_error *err) {
    *out = (struct text_prompts){0};
    if (!settings_has_prompts(settings)) {
        return VITLRP_OK;
    }
    if (settings->templates != NULL) {
        TRY(template_file_read(settings->templates, &settings->inputs, &out->templates, err));
    }
    if (settings->prompts_path == NULL) {
        return take_texts(settings, out, err);
    }
    TRY(file_tell(&settings->inputs, settings->prompts_path, err));
    TRY(prompt_file_read(settings->prompts_path, &out->file, err));
    out->all = out->file.prompts;
    out->count = out->file.count;
    return VITLRP_OK;
}

struct vitlrp_text_options text_options_of(const struct settings *settings,
                                           const struct console *console) {
    struct vitlrp_text_options options;
    vitlrp_text_options_init(&options);
    options.tokenizer = settings->tokenizer_path;
    options.cleaning = settings->text_cleaning;
    options.heads = settings->text_heads;
    options.activation = settings->activation;
    options.tower = settings->text_tower;
    options.norm_eps = settings->norm_eps;
    options.threads = settings->threads;
    options.backend = settings->backend;
    options.inputs = settings->inputs;
    if (console != NULL) {
        options.log = (struct vitlrp_log){console_log, (void *) console};
    }
    return options;
}

enum vitlrp_status text_prompts_journal(const struct settings *settings, struct text *out,
                                        struct vitlrp_error *err) {
    *out = (struct text){.limit = PATH_LIMIT};
    text_append_string(out, settings->save_rows_path == NULL ? "" : settings->save_rows_path);
    text_append_string(out, settings->save_rows_path == NULL ? "" : ".journal");
    return text_check(out, "a path", err);
}

/* A thousand names in eighty templates take minutes. */
static enum vitlrp_status embed(const struct settings *settings, const struct console *console,
                                const struct text_prompts *given, const struct vitlrp_model *model,
                                struct vitlrp_model **out, struct vitlrp_error *err) {
    char what[64];
    struct text journal;
    struct vitlrp_text_options options = text_options_of(settings, console);
    struct pass_watch watch = pass_watch_open(settings->progress, console);
    size_t templates = given->templates.count > 0 ? given->templates.count : 1;
    watch.for_what = "";
    options.templates = given->templates.templates;
    options.template_count = given->templates.count;
    options.observer = pass_watch_observer(&watch);
    options.keep_tower = settings->words || settings->word_text != NULL || settings->lists_tokens;
    TRY(text_prompts_journal(settings, &journal, err));
    options.contrast = settings_contrast(settings);
    options.journal = settings->save_rows_path == NULL ? NULL : journal.data;
    snprintf(what, sizeof what, "reading %zu texts", given->count * templates);
    pass_watch_begin(&watch, what, 0.0);
    enum vitlrp_status status =
        vitlrp_model_with_texts(model, given->all, given->count, &options, out, err);
    pass_watch_end(&watch);
    text_free(&journal);
    return error_prefix(err, status, settings->prompts_path != NULL ? "--prompts" : "--text");
}

enum vitlrp_status text_prompts_choose(const struct text_prompts *prompts,
                                       const struct settings *settings,
                                       const struct console *console, struct vitlrp_model **model,
                                       struct vitlrp_error *err) {
    struct vitlrp_model *texts = NULL;
    TRY(embed(settings, console, prompts, *model, &texts, err));
    text_model_take(texts, console, model);
    return VITLRP_OK;
}

static enum vitlrp_status write_rows(const char *path, const float *rows, const size_t shape[2],
                                     struct vitlrp_error *err) {
    struct bytes bytes = {0};
    enum vitlrp_status status = npy_encode_float32(rows, 2, shape, &bytes, err);
    if (status == VITLRP_OK) {
        status = output_write(path, bytes.data, bytes.size, err);
    }
    bytes_free(&bytes);
    return status;
}

static enum vitlrp_status remove_journal(const struct settings *settings,
                                         struct vitlrp_error *err) {
    struct text path;
    enum vitlrp_status status = text_prompts_journal(settings, &path, err);
    if (status == VITLRP_OK && remove(path.data) != 0 && errno != ENOENT) {
        status = error_prefix(err, fail_errno(err, errno, "cannot remove"), path.data);
    }
    text_free(&path);
    return status;
}

enum vitlrp_status text_prompts_save(const struct settings *settings,
                                     const struct vitlrp_model *model, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    size_t count = 0;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    const size_t shape[2] = {(size_t) info.classes, (size_t) info.embed_dim};
    float *rows = checked_mul(&count, shape[0], shape[1]) ? mem_calloc(count, sizeof *rows) : NULL;
    if (rows == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the embeddings of %zu texts", shape[0]);
    }
    enum vitlrp_status status = vitlrp_model_text_embeddings(model, rows, err);
    if (status == VITLRP_OK) {
        status = write_rows(settings->save_rows_path, rows, shape, err);
    }
    mem_free(rows);
    TRY(status);
    return remove_journal(settings, err);
}
