#include "vit/load/token_table.h"

#include "base/mem.h"

struct file_words {
    struct vit_words_source source; /* first */
    struct tensor_info tensor;      /* whose file is the model's */
    struct file_state state;        /* of that file, when the other weights were read */
};

static const struct tensor_info *table_of(const struct layout_binding *binding) {
    return layout_bound(binding, 0, SLOT_TOKEN_TABLE, PART_WHOLE)->tensor;
}

bool token_table_is_readable(const struct layout_binding *binding) {
    const struct tensor_info *table = table_of(binding);
    return table != NULL && table->lies == TENSOR_PLAIN && !table->extent.deflated &&
           table->type->element != ELEMENT_OTHER && table->source->descriptor >= 0;
}

/* A row as a tensor of its own. The checksum of the table is of all its rows. */
static enum vitlrp_status read_row(const struct vit_words_source *source, size_t id, float *out,
                                   struct vitlrp_error *err) {
    const struct file_words *words = (const struct file_words *) (const void *) source;
    struct tensor_info row = words->tensor;
    struct tensor_reader reader;
    size_t width = row.shape[1];
    uint64_t bytes = (uint64_t) width * row.type->size;
    row.rank = 1;
    row.shape[0] = row.count = width;
    row.extent = (struct extent){
        .offset = row.extent.offset + row.skip + id * bytes, .stored = bytes, .size = bytes};
    row.skip = 0;
    enum vitlrp_status status = tensor_reader_open(&row, &reader, err);
    if (status == VITLRP_OK) {
        status = tensor_reader_next(&reader, out, width, err);
    }
    tensor_reader_close(&reader);
    if (status == VITLRP_OK) {
        status = file_state_check(row.source, &words->state, err);
    }
    return error_prefix(err, status, source->name);
}

enum vitlrp_status token_table_keep(const struct layout_binding *binding, struct vit_model *model,
                                    struct vitlrp_error *err) {
    const struct tensor_info *table = table_of(binding);
    struct file_words *words = mem_calloc(1, sizeof *words);
    if (words == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    *words = (struct file_words){.source = {.read = read_row, .name = "the table of tokens"},
                                 .tensor = *table};
    words->tensor.name = NULL; /* the checkpoint's */
    enum vitlrp_status status = file_state_take(table->source, &words->state, err);
    if (status != VITLRP_OK) {
        mem_free(words);
        return status;
    }
    model->words = &words->source;
    model->parameters += (int64_t) table->count;
    return VITLRP_OK;
}
