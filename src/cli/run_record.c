#include "run_record.h"

#include <string.h>

#include "args.h"
#include "base/settings_json.h"
#include "explanation.h"
#include "machine.h"

#define LIBRARY_TEXT 256
#define PROCESSOR_TEXT 128

/* All that an option was given, which it was. */
static json_t *json_values(const struct args *args, enum option_id option, bool *complete) {
    if (option_table()[option].argument == NULL) {
        return json_true();
    }
    if (!option_is_repeated(option)) {
        return json_text(args->value[option]);
    }
    json_t *list = json_array();
    for (size_t i = 0; args_value(args, option, i) != NULL; i++) {
        if (json_array_append_new(list, json_text(args_value(args, option, i))) != 0) {
            *complete = false;
        }
    }
    return list;
}

/* What a variable says is stated as the option for which it stands. */
static json_t *json_option(const struct settings *settings, enum option_id option, bool *complete) {
    const struct args *args = settings->args;
    if (option_is_apart(option, args->verb)) {
        return NULL;
    }
    if (option == OPTION_MODEL) {
        return settings->model_path == NULL ? NULL : json_text(settings->model_path);
    }
    if (option == OPTION_BACKEND) {
        return strcmp(settings->backend, "auto") == 0 ? NULL : json_text(settings->backend);
    }
    return args->value[option] == NULL ? NULL : json_values(args, option, complete);
}

json_t *json_run(const struct settings *settings, bool *complete) {
    json_t *run = json_object();
    json_t *options = json_object();
    for (enum option_id option = 0; option < OPTION_COUNT; option++) {
        json_t *value = json_option(settings, option, complete);
        if (value != NULL) {
            json_set(options, option_table()[option].name, value, complete);
        }
    }
    json_set(run, "verb", json_string(verb_name(settings->args->verb)), complete);
    json_set(run, "options", options, complete);
    return run;
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
