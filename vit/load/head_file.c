/* Opens a head's file like any checkpoint, by its content. It is read into memory whole: it is
 * small beside the model, and records name its bytes. */
#include "vit/load/head_file.h"

#include <string.h>

#include "vit/load/tensor_names.h"

static enum vitlrp_status open_bytes(const struct vitlrp_model_limits *limits,
                                     const struct vit_load_options *options, struct head_file *out,
                                     struct vitlrp_error *err) {
    out->source = source_over(out->bytes.data, out->bytes.size);
    const struct checkpoint_options reading = {limits, VITLRP_WEIGHTS_AUTO, options->log};
    TRY(checkpoint_open(&out->source, &reading, &out->checkpoint, err));
    TRY(names_settle(&out->checkpoint, NULL, err));
    TRY(layout_bind_head(&out->checkpoint.tensors, options->log, &out->binding, err));
    if (!layout_has(&out->binding, SLOT_HEAD_WEIGHT)) {
        return layout_fail_missing(&out->binding, SLOT_HEAD_WEIGHT,
                                   "nor is it there under another name of a head", err);
    }
    return VITLRP_OK;
}

enum vitlrp_status head_file_open(const char *path, const struct vitlrp_model_limits *limits,
                                  const struct vit_load_options *options, struct head_file *out,
                                  struct vitlrp_error *err) {
    size_t limit = limits->max_bytes < SIZE_MAX ? (size_t) limits->max_bytes : SIZE_MAX;
    *out = (struct head_file){0};
    TRY(file_tell(options->inputs, path, err));
    TRY(file_read(path, limit, &out->bytes, err));
    return error_prefix(err, open_bytes(limits, options, out, err), path);
}

void head_file_close(struct head_file *head) {
    layout_unbind(&head->binding);
    checkpoint_close(&head->checkpoint);
    bytes_free(&head->bytes);
}

enum vitlrp_status head_activation_state(const char *word, struct fact *fact,
                                         struct vitlrp_error *err) {
    static const struct {
        const char *word;
        enum fact_activation value;
    } WORDS[] = {{"gelu", FACT_GELU_ERF},
                 {"gelu_tanh", FACT_GELU_TANH},
                 {"quick_gelu", FACT_GELU_QUICK},
                 {"relu", FACT_RELU},
                 {"tanh", FACT_TANH}};
    for (size_t i = 0; word != NULL && i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(word, WORDS[i].word) == 0) {
            fact_state(fact, WORDS[i].value, FACT_USER, NULL, NULL);
            return VITLRP_OK;
        }
    }
    return word == NULL ? VITLRP_OK
                        : fail(err, VITLRP_USAGE,
                               "the activation of a head is gelu, gelu_tanh, quick_gelu, relu or "
                               "tanh");
}
