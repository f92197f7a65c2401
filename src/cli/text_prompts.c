#include "text_prompts.h"

#include "base/mem.h"
#include "text_rows.h"
#include "vitlrp_words.h"

static struct vitlrp_text_options options_of(const struct settings *settings,
                                             const struct console *console) {
    struct vitlrp_text_options options;
    vitlrp_text_options_init(&options);
    options.tokenizer = settings->tokenizer_path;
    options.cleaning = settings->text_cleaning;
    options.heads = settings->text_heads;
    options.activation = settings->activation;
    options.threads = settings->threads;
    options.backend = settings->backend;
    options.log.write = console_log;
    options.log.user = (void *) console;
    options.inputs = settings->inputs;
    return options;
}

enum vitlrp_status text_prompts_choose(const struct settings *settings,
                                       const struct console *console, struct vitlrp_model **model,
                                       struct vitlrp_error *err) {
    const struct vitlrp_text_options options = options_of(settings, console);
    struct vitlrp_model *texts = NULL;
    struct vitlrp_prompt *prompts = mem_calloc(settings->text_count, sizeof *prompts);
    if (prompts == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", settings->text_count);
    }
    for (size_t i = 0; i < settings->text_count; i++) {
        prompts[i].text = settings->texts[i];
    }
    enum vitlrp_status status =
        vitlrp_model_with_texts(*model, prompts, settings->text_count, &options, &texts, err);
    mem_free(prompts);
    TRY(error_prefix(err, status, "--text"));
    text_model_take(texts, console, model);
    return VITLRP_OK;
}
