#include "cli/verbs.h"

#include "base/formats.h"
#include "base/sha256.h"
#include "base/words.h"
#include "cli/explain_session.h"
#include "cli/explanation.h"
#include "cli/guard.h"
#include "cli/model_facts.h"
#include "cli/model_input.h"
#include "cli/outputs.h"
#include "cli/settings.h"
#include "cli/text_prompts.h"
#include "info_tensors.h"
#include "info_texts.h"

#define REPORT_LIMIT ((size_t) 1 << 26)
#define MEGABYTE 1048576.0

/* Everything that the report says, gathered before its first word. */
struct facts {
    const struct vitlrp_model *model;
    bool is_variable; /* VITLRP_MODEL names it */
    struct vitlrp_model_info info;
    struct vitlrp_session_info session;
    struct vitlrp_preprocess preprocess;
    int32_t labelled; /* classes with a label */
    bool is_refused;  /* a limit allows no session; `refusal` says which */
    struct vitlrp_error refusal;
    char sha256[SHA256_TEXT];
    const json_t *tensors;          /* of its file; NULL: it has none */
    json_t *texts;                  /* owned: of --text, with their tokens; NULL: none */
    const struct settings *rows_of; /* that want its texts' embeddings; NULL: nobody */
};

static enum vitlrp_status facts_gather(const struct settings *settings,
                                       const struct vitlrp_model *model, struct facts *facts,
                                       struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    int32_t crop = settings->preprocess.crop;
    facts->model = model;
    facts->is_variable = settings->model_is_variable;
    vitlrp_model_info_init(&facts->info);
    vitlrp_model_describe(model, &facts->info);
    model_input_choose(settings, model, &facts->preprocess);
    for (int32_t i = 0; i < facts->info.classes; i++) {
        struct vitlrp_class found;
        TRY(vitlrp_model_class(model, i, &found, err));
        facts->labelled += found.label[0] != '\0' ? 1 : 0;
    }
    TRY(vitlrp_model_sha256(model, facts->sha256, err));
    TRY(session_choose(settings, model, crop > 0 ? crop : facts->info.image_height,
                       crop > 0 ? crop : facts->info.image_width, &options, err));
    vitlrp_session_info_init(&facts->session);
    enum vitlrp_status status = vitlrp_session_open(model, &options, &session, &facts->refusal);
    facts->is_refused = status == VITLRP_LIMIT;
    if (status != VITLRP_OK) {
        return facts->is_refused ? VITLRP_OK : error_forward(err, &facts->refusal);
    }
    vitlrp_session_describe(session, &facts->session);
    vitlrp_session_close(session);
    return VITLRP_OK;
}

static void append_facts(struct text *out, const struct facts *facts, int verbosity) {
    const struct vitlrp_model_info *info = &facts->info;
    const struct vitlrp_session_info *session = &facts->session;
    const char *origin = vitlrp_model_preprocess_origin(facts->model);
    const char *norm = model_facts_value(facts->model, "norm"); /* "LayerNorm" or "RMSNorm" */
    char name[240];
    text_escape_name(name, sizeof name, info->name);
    text_printf(out, "model         %s%s\n", name, facts->is_variable ? " (VITLRP_MODEL)" : "");
    text_printf(out, "stored as     %s tensors named as %s's, in %s\n", info->stored_as,
                info->layout, info->container);
    text_printf(out, "sha-256       %s\n", facts->sha256);
    text_printf(out,
                "architecture  input %dx%d, patches %dx%d, %d tokens, dim %d, %d block%s, %d "
                "head%s, mlp %d\n",
                info->image_width, info->image_height, info->patch_width, info->patch_height,
                info->tokens, info->dim, info->depth, info->depth == 1 ? "" : "s", info->heads,
                info->heads == 1 ? "" : "s", info->mlp_dim);
    text_printf(out, "              %s, %s eps %g\n", info->activation,
                norm != NULL ? norm : "norm", (double) info->layer_norm_eps);
    text_printf(out, "parameters    %lld\n", (long long) info->parameters);
    text_printf(out, "classes       %d, %d with a label (--classes lists them)\n", info->classes,
                facts->labelled);
    text_append_string(out, "preprocess    ");
    model_input_append(out, &facts->preprocess);
    text_printf(out, "\n              (%s)\n",
                origin == NULL ? "a guess: nothing states it" : origin);
    if (facts->tensors != NULL) {
        info_tensors_append(out, facts->tensors, false, verbosity);
    }
    if (facts->is_refused) {
        text_printf(out, "memory        %.1f MB weights\nrefused       %s%s\n",
                    (double) info->weight_bytes / MEGABYTE, facts->refusal.message,
                    console_hint(facts->refusal.topic));
        return;
    }
    text_printf(out, "memory        %.1f MB weights + %.1f MB for each session at %dx%d\n",
                (double) info->weight_bytes / MEGABYTE, (double) session->bytes / MEGABYTE,
                session->input_width, session->input_height);
    text_printf(out, "arithmetic    fp32, %s, %s kernels, %d thread%s\n", session->backend,
                session->instruction_set, session->threads, session->threads == 1 ? "" : "s");
}

/* What the architecture is made of, and who states it. */
static void append_origins(struct text *out, const struct facts *facts) {
    if (facts->info.facts > 0) {
        text_append_string(out, "\nfact                            value                 from\n");
        model_facts_append(out, facts->model, FACTS_OF_MODEL);
    }
    if (facts->info.text_facts > 0) {
        text_append_string(out, "\nof the text tower               value                 from\n");
        model_facts_append(out, facts->model, FACTS_OF_TEXTS);
    }
}

static void append_classes(struct text *out, const struct facts *facts) {
    text_append_string(out, "output  index  wnid       label\n");
    for (int32_t i = 0; i < facts->info.classes; i++) {
        struct vitlrp_class found;
        char label[240];
        if (vitlrp_model_class(facts->model, i, &found, NULL) != VITLRP_OK) {
            continue;
        }
        text_escape_name(label, sizeof label, found.label);
        text_printf(out, "%6d  %5d  %-9s  %s\n", found.output, found.index, found.wnid, label);
    }
}

/* In the place of what is known of a session. */
static bool json_set_refusal(json_t *object, const struct facts *facts) {
    static const char *const UNKNOWN[] = {"session_bytes", "backend", "instruction_set", "threads"};
    bool complete = true;
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof UNKNOWN[0]; i++) {
        complete = json_object_set_new(object, UNKNOWN[i], json_null()) == 0 && complete;
    }
    return json_object_set_new(object, "refused", json_text(facts->refusal.message)) == 0 &&
           complete;
}

static json_t *json_facts(const struct facts *facts) {
    const struct vitlrp_model_info *info = &facts->info;
    const struct vitlrp_session_info *session = &facts->session;
    bool complete = true;
    json_t *preprocess = json_object();
    json_set_preprocess(preprocess, &facts->preprocess, &complete);
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:s, s:[ii], s:[ii], s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, "
        "s:o, s:I, s:I, s:I, s:s?, s:s?, s:i, s:o, s:s?, s:o, s:s}",
        "format", FORMAT_MODEL, "model", json_text(info->name), "layout", info->layout, "container",
        info->container, "stored_as", info->stored_as, "weights_sha256", facts->sha256,
        "input_size", info->image_width, info->image_height, "patch_size", info->patch_width,
        info->patch_height, "tokens", info->tokens, "dim", info->dim, "depth", info->depth, "heads",
        info->heads, "mlp_dim", info->mlp_dim, "classes", info->classes, "labels", facts->labelled,
        "activation", info->activation, "layer_norm_eps", json_float32(info->layer_norm_eps),
        "parameters", (json_int_t) info->parameters, "weight_bytes",
        (json_int_t) info->weight_bytes, "session_bytes", (json_int_t) session->bytes, "backend",
        session->backend, "instruction_set", session->instruction_set, "threads", session->threads,
        "preprocess", preprocess, "preprocess_origin", vitlrp_model_preprocess_origin(facts->model),
        "facts", model_facts_json(facts->model, FACTS_OF_MODEL), "version", vitlrp_version());
    if (facts->tensors != NULL) {
        json_set(object, "tensors", json_incref(json_object_get(facts->tensors, "tensors")),
                 &complete);
    }
    if (facts->info.text_facts > 0) {
        json_set(object, "text_facts", model_facts_json(facts->model, FACTS_OF_TEXTS), &complete);
    }
    if (facts->texts != NULL) {
        json_set(object, "texts", json_incref(facts->texts), &complete);
    }
    if (!complete || (facts->is_refused && !json_set_refusal(object, facts))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *json_classes(const struct facts *facts) {
    json_t *list = json_array();
    for (int32_t i = 0; i < facts->info.classes; i++) {
        struct vitlrp_class found;
        if (vitlrp_model_class(facts->model, i, &found, NULL) != VITLRP_OK) {
            continue;
        }
        json_t *entry =
            json_pack("{s:i, s:i, s:o, s:o}", "output", found.output, "index", found.index, "wnid",
                      json_text(found.wnid), "label", json_text(found.label));
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum vitlrp_status write_json(const struct facts *facts, const char *path, bool with_classes,
                                     struct vitlrp_error *err) {
    json_t *object = json_facts(facts);
    enum vitlrp_status status = VITLRP_OK;
    if (object == NULL ||
        (with_classes && json_object_set_new(object, "class_list", json_classes(facts)) != 0)) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
    } else {
        status = output_write_json(path, object, err);
    }
    json_decref(object);
    return status;
}

/* The text is printed even where the JSON cannot be written. */
static enum exit_code facts_report(const struct args *args, const struct console *console,
                                   const struct facts *facts) {
    struct vitlrp_error err;
    bool with_classes = args->value[OPTION_CLASSES] != NULL;
    const char *json_path = args->value[OPTION_JSON];
    enum exit_code code = CODE_DONE;
    if (json_path != NULL) {
        code = console_check(write_json(facts, json_path, with_classes, &err), CODE_OUTPUT, &err);
    }
    if (facts->rows_of != NULL) {
        enum vitlrp_status status = text_prompts_save(facts->rows_of, facts->model, &err);
        code = console_check_also(code, status, CODE_OUTPUT, &err);
    }
    if (console->verbosity == 0 || output_is_stdout(json_path)) {
        return code;
    }
    struct text text = {.limit = REPORT_LIMIT};
    append_facts(&text, facts, console->verbosity);
    append_origins(&text, facts);
    if (facts->tensors != NULL && console->verbosity > 1) {
        info_tensors_append_list(&text, facts->tensors, console->verbosity);
    }
    info_texts_append(&text, facts->texts);
    if (with_classes) {
        text_append_string(&text, "\n");
        append_classes(&text, facts);
    }
    if (facts->rows_of != NULL && code == CODE_DONE) {
        output_append_written(&text, facts->rows_of->save_rows_path);
    }
    code = console_check_also(code, console_write(&text, &err), CODE_OUTPUT, &err);
    text_free(&text);
    return code;
}

/* info takes its model as an operand or by --model, not both. */
static enum vitlrp_status choose_operand(const struct args *args, struct settings *settings,
                                         struct vitlrp_error *err) {
    if (args->operand_count > 1 ||
        (args->operand_count == 1 && args->value[OPTION_MODEL] != NULL)) {
        return fail(err, VITLRP_USAGE, "info takes one model (see vitlrp info --help)");
    }
    if (args->operand_count == 1) {
        settings->model_path = args->operands[0];
        settings->model_is_variable = false;
    }
    return VITLRP_OK;
}

static enum vitlrp_status info_prepare(const struct args *args, struct guard *guard,
                                       struct settings *settings, struct vitlrp_error *err) {
    TRY(settings_read(args, settings, err));
    TRY(choose_operand(args, settings, err));
    TRY(guard_words(guard, args, settings->model_path, err));
    return output_check_array("--save-text-embeddings", settings->save_rows_path, err);
}

/* What may not be written over is refused before. The file that keeps rows while they are made is
 * written too. */
static enum vitlrp_status info_claim(const struct args *args, struct guard *guard,
                                     struct settings *settings, struct vitlrp_error *err) {
    static const char *const OUTPUTS[] = {"--json", "--save-text-embeddings",
                                          "the journal of --save-text-embeddings"};
    struct text journal;
    TRY(text_prompts_journal(settings, &journal, err));
    const char *const paths[] = {args->value[OPTION_JSON], settings->save_rows_path,
                                 settings->save_rows_path == NULL ? NULL : journal.data};
    enum vitlrp_status status = output_claim_each(guard, OUTPUTS, paths, 3, err);
    text_free(&journal);
    TRY(status);
    settings->inputs = guard_inputs(guard);
    settings->lists_tokens = true;
    return VITLRP_OK;
}

static enum vitlrp_status info_open(const struct settings *settings, struct console *console,
                                    struct vitlrp_model **model, const struct info_tensors *tensors,
                                    struct facts *facts, struct vitlrp_error *err) {
    TRY(model_choose(settings, console, model, err));
    if (tensors->unread.status != VITLRP_OK) {
        return error_forward(err, &tensors->unread);
    }
    facts->tensors = tensors->list;
    TRY(info_texts_make(settings, *model, &facts->texts, err));
    facts->rows_of = settings->save_rows_path != NULL ? settings : NULL;
    return facts_gather(settings, *model, facts, err);
}

/* A file that makes no model, for the reason that was said: its tensors say how near it is. A file
 * that has none is not listed. */
static enum exit_code refused_report(const struct args *args, const struct console *console,
                                     const struct settings *settings, const json_t *tensors,
                                     const char *refusal) {
    struct vitlrp_error err;
    struct text text = {.limit = REPORT_LIMIT};
    json_t *object = NULL;
    const char *json_path = args->value[OPTION_JSON];
    enum exit_code code = CODE_DONE;
    if (tensors == NULL) {
        return CODE_DONE;
    }
    if (json_path != NULL) {
        enum vitlrp_status status = info_refused_json(settings, refusal, tensors, &object, &err);
        status = status == VITLRP_OK ? output_write_json(json_path, object, &err) : status;
        code = console_check(status, CODE_OUTPUT, &err);
    }
    if (console->verbosity > 0 && !output_is_stdout(json_path)) {
        info_tensors_append(&text, tensors, true, console->verbosity);
        info_tensors_append_list(&text, tensors, console->verbosity);
        code = console_check_also(code, console_write(&text, &err), CODE_OUTPUT, &err);
    }
    json_decref(object);
    text_free(&text);
    return code;
}

enum exit_code info_main(const struct args *args, struct console *console) {
    struct vitlrp_error err;
    struct settings settings;
    struct facts facts = {0};
    struct guard guard = {0};
    struct info_tensors tensors = {0};
    struct vitlrp_model *model = NULL;
    enum vitlrp_status status = info_prepare(args, &guard, &settings, &err);
    enum exit_code code = console_check(status, CODE_INPUT, &err);
    if (code == CODE_DONE) {
        code = console_check(info_claim(args, &guard, &settings, &err), CODE_OUTPUT, &err);
    }
    if (code == CODE_DONE) {
        settings.tensors = (struct vitlrp_tensor_list){info_tensors_take, &tensors};
        status = info_open(&settings, console, &model, &tensors, &facts, &err);
        bool of_journal = status != VITLRP_OK && err.topic == VITLRP_TOPIC_JOURNAL;
        err.topic = of_journal ? VITLRP_TOPIC_NONE : err.topic; /* no option names another one */
        code = console_check(status, of_journal ? CODE_OUTPUT : CODE_INPUT, &err);
        if (code == CODE_DONE) {
            code = facts_report(args, console, &facts);
        } else if (!of_journal && status != VITLRP_USAGE &&
                   status != VITLRP_NOMEM) { /* the file's fault */
            code = exit_code_first(
                code, refused_report(args, console, &settings, tensors.list, err.message));
        }
    }
    vitlrp_model_close(model);
    json_decref(tensors.list);
    json_decref(facts.texts);
    guard_free(&guard);
    return code;
}
