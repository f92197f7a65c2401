#include "api/class_texts.h"

#include "base/mem.h"

/* *out = a copy, NULL of NULL; false without memory. */
static bool copy_string(const char *string, char **out) {
    *out = string == NULL ? NULL : mem_strdup(string);
    return string == NULL || *out != NULL;
}

static bool copy_texts(const struct text_classes *classes, struct class_texts *out) {
    bool held = out->texts != NULL;
    for (size_t i = 0; i < classes->count && held; i++) {
        held = copy_string(classes->texts[i], &out->texts[i]);
    }
    return held;
}

enum vitlrp_status class_texts_keep(const struct text_classes *classes,
                                    const struct vitlrp_text_options *options,
                                    struct class_texts **out, struct vitlrp_error *err) {
    struct class_texts *made = mem_calloc(1, sizeof *made);
    if (made == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for texts");
    }
    atomic_init(&made->holders, 1);
    made->count = classes->count;
    made->texts = mem_calloc(classes->count, sizeof *made->texts);
    if (!copy_texts(classes, made) || !copy_string(options->tokenizer, &made->tokenizer) ||
        !copy_string(options->cleaning, &made->cleaning)) {
        class_texts_free(made);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu texts", classes->count);
    }
    made->source = options->keep_tower != 0 ? text_source_hold(classes->source) : NULL;
    made->options = (struct vitlrp_text_options){.struct_size = sizeof made->options,
                                                 .tokenizer = made->tokenizer,
                                                 .cleaning = made->cleaning,
                                                 .heads = options->heads,
                                                 .activation = options->activation,
                                                 .tower = options->tower,
                                                 .norm_eps = options->norm_eps};
    *out = made;
    return VITLRP_OK;
}

struct class_texts *class_texts_hold(struct class_texts *texts) {
    atomic_fetch_add(&texts->holders, 1);
    return texts;
}

void class_texts_free(struct class_texts *texts) {
    if (texts == NULL || atomic_fetch_sub(&texts->holders, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < texts->count && texts->texts != NULL; i++) {
        mem_free(texts->texts[i]);
    }
    text_source_close(texts->source);
    mem_free(texts->texts);
    mem_free(texts->tokenizer);
    mem_free(texts->cleaning);
    mem_free(texts);
}
