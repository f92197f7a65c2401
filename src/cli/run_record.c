#include "run_record.h"

#include <string.h>

#include "args.h"
#include "base/settings_json.h"
#include "explanation.h"
#include "machine.h"

#define RUN_LIMIT ((size_t) 1 << 20)
#define LIBRARY_TEXT 256
#define PROCESSOR_TEXT 128

static void add_word(json_t *words, enum option_id option, const char *value, bool *complete) {
    struct text word = {.limit = SIZE_MAX};
    text_printf(&word, "--%s%s", option_table()[option].name, value == NULL ? "" : "=");
    text_append_string(&word, value == NULL ? "" : value);
    *complete =
        *complete && !word.failed && json_array_append_new(words, json_text(word.data)) == 0;
    text_free(&word);
}

/* What a variable says is stated as the option for which it stands. */
static const char *value_of(const struct settings *settings, enum option_id option, size_t place) {
    if (option == OPTION_MODEL) {
        return place == 0 ? settings->model_path : NULL;
    }
    if (option == OPTION_BACKEND) {
        return place == 0 && strcmp(settings->backend, "auto") != 0 ? settings->backend : NULL;
    }
    return args_value(settings->args, option, place);
}

static void add_option(json_t *words, const struct settings *settings, enum option_id option,
                       bool *complete) {
    bool has_value = option_table()[option].argument != NULL;
    const char *value;
    for (size_t i = 0; (value = value_of(settings, option, i)) != NULL; i++) {
        add_word(words, option, has_value ? value : NULL, complete);
    }
}

json_t *json_run(const struct settings *settings, bool *complete) {
    enum verb verb = settings->args->verb;
    json_t *run = json_object();
    json_t *words = json_array();
    for (enum option_id option = 0; option < OPTION_COUNT; option++) {
        if (!option_is_apart(option, verb)) {
            add_option(words, settings, option, complete);
        }
    }
    json_set(run, "verb", json_string(verb_name(verb)), complete);
    json_set(run, "options", words, complete);
    return run;
}

enum vitlrp_status run_append(const struct settings *settings, struct text *out,
                              struct vitlrp_error *err) {
    bool complete = true;
    *out = (struct text){.limit = RUN_LIMIT};
    json_t *run = json_run(settings, &complete);
    json_append(out, run, 0);
    json_decref(run);
    return complete ? text_check(out, "the command of a run", err)
                    : fail(err, VITLRP_NOMEM, "out of memory for the command of a run");
}

static json_t *json_session_arithmetic(const struct vitlrp_session_info *session) {
    char library[LIBRARY_TEXT];
    vitlrp_backend_describe(session->backend, library, sizeof library);
    const struct json_arithmetic arithmetic = {.backend = session->backend,
                                               .library = library,
                                               .kernels = session->instruction_set,
                                               .precision = session->precision};
    return json_arithmetic(&arithmetic);
}

void json_set_run(json_t *object, const struct settings *settings,
                  const struct vitlrp_session_info *session, bool *complete) {
    char processor[PROCESSOR_TEXT];
    if (settings->args == NULL || settings->args->verb == VERB_BATCH) {
        return;
    }
    json_t *run = json_run(settings, complete);
    machine_cpu(processor, sizeof processor);
    json_set(run, "processor", json_text(processor), complete);
    json_set(run, "threads", json_integer(session->threads), complete);
    json_set(run, "arithmetic", json_session_arithmetic(session), complete);
    json_set(object, "run", run, complete);
}
