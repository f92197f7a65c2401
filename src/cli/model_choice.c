#include "model_choice.h"

#include "base/text.h"
#include "edit_list.h"
#include "hub.h"
#include "like.h"
#include "model_facts.h"
#include "text_prompts.h"
#include "text_rows.h"
#include "text_words.h"

/* A user who has forgotten the variable learns of it where it matters. */
static enum vitlrp_status open_named(const struct settings *settings,
                                     const struct vitlrp_model_options *options,
                                     const struct console *console, struct vitlrp_model **opened,
                                     struct vitlrp_error *err) {
    char path[HUB_PATH];
    enum vitlrp_status status = hub_resolve(settings->model_path, path, err);
    if (status == VITLRP_OK) {
        status = vitlrp_model_open(path, options, opened, err);
    }
    if (settings->model_is_variable && status != VITLRP_OK) {
        return error_prefix(err, status, "VITLRP_MODEL");
    }
    if (settings->model_is_variable) {
        struct text line = {.limit = HUB_PATH + 64};
        text_printf(&line, "the model is %s, which VITLRP_MODEL names", path);
        console_log((void *) console, 2, line.failed ? path : line.data);
        text_free(&line);
    }
    return status;
}

static void model_options_choose(const struct settings *settings, const struct console *console,
                                 struct vitlrp_model_options *out) {
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = settings->heads;
    options.weights = settings->weights;
    options.activation = settings->activation;
    options.pool = settings->pool;
    options.probability = settings->probability;
    options.norm_eps = settings->norm_eps;
    options.ignore_tensors = settings->ignore_tensors;
    options.adapter_path = settings->adapter_path;
    options.head_path = settings->head_path;
    options.head_activation = settings->head_activation;
    bool names_texts = settings->text_path != NULL || settings->token_ids_path != NULL;
    options.labels_path = names_texts ? NULL : settings->labels_path;
    options.logit_scale = settings->logit_scale;
    options.logit_bias = settings->logit_bias;
    options.limits = settings->limits.model;
    options.log.write = console_log;
    options.log.user = (void *) console;
    options.inputs = settings->inputs;
    options.tensors = settings->tensors;
    *out = options;
}

/* What is read before the model. */
struct model_parts {
    struct text_prompts prompts;
    struct edit_list edits;
    struct unit_indexes indexes; /* of the means that edits need */
};

static enum vitlrp_status open_weights(const struct settings *settings,
                                       const struct console *console, struct vitlrp_model **opened,
                                       struct vitlrp_error *err) {
    struct vitlrp_model_options options;
    model_options_choose(settings, console, &options);
    TRY(settings->model_path != NULL ? open_named(settings, &options, console, opened, err)
                                     : vitlrp_model_open_builtin(&options, opened, err));
    model_facts_tell(*opened, FACTS_OF_MODEL, settings->preprocess.crop > 0, console);
    return VITLRP_OK;
}

/* Puts what is made of a model, texts or references and itself, in its place. */
static enum vitlrp_status compare_with(const struct settings *settings,
                                       const struct console *console,
                                       const struct text_prompts *prompts,
                                       struct vitlrp_model **opened, struct vitlrp_error *err) {
    if (settings->like_path != NULL) {
        TRY(like_choose(settings, opened, err));
    }
    if (prompts->count > 0) {
        TRY(text_prompts_choose(prompts, settings, console, opened, err));
    }
    if (settings->word_text != NULL) {
        TRY(text_words_choose(settings, console, opened, err));
    }
    if (settings->token_ids_path != NULL) {
        TRY(token_rows_choose(settings, console, opened, err));
    }
    return settings->text_path != NULL ? text_rows_choose(settings, console, opened, err)
                                       : VITLRP_OK;
}

/* Texts are read once: they do not depend on the image's tower. References go through the edited
 * model, as the image does. */
static enum vitlrp_status edit_model(const struct settings *settings, const struct console *console,
                                     const struct model_parts *parts,
                                     struct vitlrp_model **unedited, struct vitlrp_model **edited,
                                     struct vitlrp_error *err) {
    const struct text_prompts none = {0};
    TRY(edit_list_apply(&parts->edits, &parts->indexes, *unedited, edited, err));
    if (settings->like_path != NULL) {
        TRY(compare_with(settings, console, &none, edited, err));
        TRY(compare_with(settings, console, &none, unedited, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_model(const struct settings *settings, const struct console *console,
                                     const struct model_parts *parts, struct vitlrp_model **opened,
                                     struct vitlrp_model **edited, struct vitlrp_error *err) {
    TRY(open_weights(settings, console, opened, err));
    if (parts->edits.count == 0 || settings->like_path == NULL) {
        TRY(compare_with(settings, console, &parts->prompts, opened, err));
    }
    return parts->edits.count == 0 ? VITLRP_OK
                                   : edit_model(settings, console, parts, opened, edited, err);
}

enum vitlrp_status model_choose_both(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_model **unedited,
                                     struct vitlrp_error *err) {
    struct model_parts parts = {.edits = {0}};
    struct vitlrp_model *opened = NULL;
    struct vitlrp_model *edited = NULL;
    enum vitlrp_status status =
        edit_list_read(settings->edit, &settings->inputs, &parts.edits, err);
    if (status == VITLRP_OK && parts.edits.count > 0) {
        status = unit_indexes_open(settings, console, &parts.indexes, err);
    }
    if (status == VITLRP_OK) {
        status = text_prompts_read(settings, &parts.prompts, err);
    }
    if (status == VITLRP_OK) {
        status = open_model(settings, console, &parts, &opened, &edited, err);
    }
    text_prompts_close(&parts.prompts);
    edit_list_close(&parts.edits);
    unit_indexes_close(&parts.indexes);
    if (status != VITLRP_OK) {
        vitlrp_model_close(opened);
        vitlrp_model_close(edited);
        return status;
    }
    *model = edited == NULL ? opened : edited;
    *unedited = edited == NULL ? NULL : opened;
    return VITLRP_OK;
}

enum vitlrp_status model_choose(const struct settings *settings, const struct console *console,
                                struct vitlrp_model **model, struct vitlrp_error *err) {
    struct vitlrp_model *unedited = NULL;
    TRY(model_choose_both(settings, console, model, &unedited, err));
    vitlrp_model_close(unedited);
    return VITLRP_OK;
}
