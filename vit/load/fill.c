/* Reads tensors one by one, straight to their places. Refuses to unpack a storage twice, however
 * many tensors are views of it: what a small file asks for would be their product. */
#include "vit/load/fill.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/load/settle.h"
#include "vit/model/weights.h"

#define SCRATCH_FLOATS ((size_t) 1 << 18)

/* Of a tensor that several slots share, seen as [lines, stride]: `count` of every line, from
 * `first` on. The whole tensor is one line. */
struct share {
    size_t lines, stride, first, count;
};

/* Where in its slot a tensor goes, seen as a matrix. */
struct target {
    float *data;
    size_t columns; /* inputs */
    enum arrangement arrangement;
    size_t area, channels; /* of a patch, for ARRANGED_HWIO: inputs are [area, channels] there */
    struct share share;    /* for ARRANGED_AS_OURS */
    bool is_mask;          /* no parameter, and may hold NaN */
};

/* Reads a matrix [inputs, outputs] a band of inputs at a time and scatters it into [outputs,
 * inputs]. */
static enum vitlrp_status read_transposed(struct tensor_reader *reader, size_t count,
                                          const struct target *target, struct vitlrp_error *err) {
    size_t inputs = target->columns;
    assert(inputs > 0 && count >= inputs); /* shapes were compared */
    size_t outputs = count / inputs;
    size_t band = outputs < SCRATCH_FLOATS ? SCRATCH_FLOATS / outputs : 1;
    float *scratch = mem_calloc(band * outputs, sizeof *scratch);
    enum vitlrp_status status = VITLRP_OK;
    if (scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a transposition");
    }
    for (size_t first = 0; first < inputs && status == VITLRP_OK; first += band) {
        size_t rows = band < inputs - first ? band : inputs - first;
        status = tensor_reader_next(reader, scratch, rows * outputs, err);
        for (size_t out = 0; out < outputs && status == VITLRP_OK; out++) {
            float *row = target->data + out * inputs;
            for (size_t i = 0; i < rows; i++) {
                size_t input = first + i;
                if (target->arrangement == ARRANGED_HWIO) {
                    input = input % target->channels * target->area + input / target->channels;
                }
                row[input] = scratch[i * outputs + out];
            }
        }
    }
    mem_free(scratch);
    return status;
}

static enum vitlrp_status skip(struct tensor_reader *reader, float *scratch, size_t count,
                               struct vitlrp_error *err) {
    while (count > 0) {
        size_t step = size_min(count, SCRATCH_FLOATS);
        TRY(tensor_reader_next(reader, scratch, step, err));
        count -= step;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_lines(struct tensor_reader *reader, const struct share *share,
                                     float *out, float *scratch, struct vitlrp_error *err) {
    for (size_t line = 0; line < share->lines; line++) {
        TRY(skip(reader, scratch, share->first, err));
        TRY(tensor_reader_next(reader, out + line * share->count, share->count, err));
        TRY(skip(reader, scratch, share->stride - share->first - share->count, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_share(struct tensor_reader *reader, const struct target *target,
                                     struct vitlrp_error *err) {
    if (target->share.count == target->share.stride) {
        return tensor_reader_next(reader, target->data, target->share.count, err);
    }
    float *scratch = mem_calloc(size_min(target->share.stride, SCRATCH_FLOATS), sizeof *scratch);
    if (scratch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a tensor that layers share");
    }
    enum vitlrp_status status = read_lines(reader, &target->share, target->data, scratch, err);
    mem_free(scratch);
    return status;
}

static enum vitlrp_status read_tensor(const struct tensor_info *tensor, const struct target *target,
                                      struct vitlrp_error *err) {
    struct tensor_reader reader;
    enum vitlrp_status status = tensor_reader_open(tensor, &reader, err);
    reader.takes_nan = target->is_mask;
    if (status == VITLRP_OK && target->arrangement == ARRANGED_AS_OURS) {
        status = read_share(&reader, target, err);
    } else if (status == VITLRP_OK) {
        status = read_transposed(&reader, tensor->count, target, err);
    }
    tensor_reader_close(&reader);
    return tensor_error_prefix(err, status, "tensor", tensor->name);
}

static void fill_with(float *out, size_t count, float value) {
    for (size_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

/* A tensor that waits until its storage is unpacked, and where it goes. */
struct waiting {
    const struct tensor_info *tensor;
    struct target target;
};

/* A model that is filled with a file's tensors. */
struct filling {
    const struct checkpoint *checkpoint;
    const struct layout_binding *binding;
    struct vit_model *model;
    size_t positioned;
    struct waiting *waiting; /* owned; room for all tensors and those who share them */
    size_t waiting_count;
};

/* A tensor in another order is held whole beside the weights. */
static enum vitlrp_status check_order(const struct filling *filling,
                                      const struct tensor_info *tensor, struct vitlrp_error *err) {
    uint64_t left = filling->checkpoint->limits->max_bytes - filling->model->storage_bytes;
    if (tensor->lies != TENSOR_PERMUTED || tensor->count <= left / sizeof(float)) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = fail_limit(
        err, "%zu elements in another order are too many beside the weights", tensor->count);
    return tensor_error_prefix(err, status, "tensor", tensor->name);
}

/* The values of a part in a stacked slot. */
struct span {
    size_t first, count;
};

/* Of tokens in front of the patches: rows. */
static struct span token_span(const struct vit_config *config, enum part part, size_t width) {
    size_t registers = (size_t) config->registers;
    size_t distilled = config->distilled ? 1 : 0;
    size_t class_token = (size_t) config->prefix - registers - distilled;
    switch (part) {
    case PART_CLS:
        return (struct span){0, class_token * width};
    case PART_DIST:
        return (struct span){class_token * width, distilled * width};
    case PART_REGISTERS:
        return (struct span){(class_token + distilled) * width, registers * width};
    default:
        return (struct span){0};
    }
}

/* Where a part lies in a stacked slot of `count` values: thirds of q, k and v, halves of gate and
 * value and of the norms of q and k, or rows. */
static struct span part_span(const struct vit_config *config, enum slot slot, enum part part,
                             size_t count) {
    size_t third = count / 3;
    if (slot == SLOT_CLS_TOKEN) {
        return token_span(config, part, (size_t) config->dim);
    }
    bool in_two = slot == SLOT_FC1_WEIGHT || slot == SLOT_FC1_BIAS || slot == SLOT_QK_NORM_WEIGHT ||
                  slot == SLOT_QK_NORM_BIAS;
    if (in_two) {
        return (struct span){part == PART_VALUE ? count / 2 : 0, count / 2};
    }
    if (slot == SLOT_LAMBDAS) {
        return (struct span){(size_t) part * (count / 4), count / 4};
    }
    return part == PART_KV ? (struct span){third, 2 * third}
                           : (struct span){(size_t) part * third, third};
}

static size_t slot_count(const struct filling *filling, enum slot slot) {
    struct slot_size size = slot_size(&filling->model->config, slot);
    return size.rows * size.columns;
}

/* Values of the rows that share the row's tensor, before it and behind it. */
static void count_others(const struct filling *filling, const struct layout_row *row,
                         size_t *before, size_t *behind) {
    const struct layout *layout = filling->binding->layout;
    *before = 0;
    *behind = 0;
    for (const struct layout_row *next = row + 1;
         next < layout->rows + layout->row_count && layout_row_shares(layout, next); next++) {
        *behind += slot_count(filling, next->slot);
    }
    for (; layout_row_shares(layout, row); row--) {
        *before += slot_count(filling, row[-1].slot);
    }
}

/* What of the tensor is for the row, which takes `count` values. Rows lie behind each other where
 * the tensor's first size is a sum of theirs, and side by side where the second is. */
static enum vitlrp_status find_share(const struct filling *filling,
                                     const struct bound_tensor *bound, size_t count,
                                     struct share *out, struct vitlrp_error *err) {
    const struct tensor_info *tensor = bound->tensor;
    size_t lines = bound->row->shape[1] == DIMENSION_WIDTH_MLP ? tensor->shape[0] : 1;
    size_t before;
    size_t behind;
    count_others(filling, bound->row, &before, &behind);
    if (bound->row->shape[0] == DIMENSION_PADDED_TOKENS) {
        before = LAYOUT_PADDING * (size_t) filling->model->config.dim;
    }
    if (tensor->count != before + count + behind) {
        return fail(err, VITLRP_INTERNAL, "a tensor's size passed the checks but is wrong");
    }
    *out = (struct share){.lines = lines,
                          .stride = tensor->count / lines,
                          .first = before / lines,
                          .count = count / lines};
    return VITLRP_OK;
}

static enum vitlrp_status fill_place(struct filling *filling, const struct bound_tensor *bound,
                                     struct target target, size_t count, struct vitlrp_error *err) {
    TRY(check_order(filling, bound->tensor, err));
    target.arrangement = bound->row->arrangement;
    TRY(find_share(filling, bound, count, &target.share, err));
    filling->model->parameters += target.is_mask ? 0 : (int64_t) count;
    if (bound->tensor->extent.deflated) {
        filling->waiting[filling->waiting_count++] = (struct waiting){bound->tensor, target};
        return VITLRP_OK;
    }
    return read_tensor(bound->tensor, &target, err);
}

/* Fills one slot from its tensor, or from those of its parts. What is absent here and present in
 * another block or part is neutral. */
static enum vitlrp_status fill_slot(struct filling *filling, size_t block, enum slot slot,
                                    struct vitlrp_error *err) {
    struct vit_model *model = filling->model;
    const struct vit_config *config = &model->config;
    struct slot_size size = slot_size(config, slot);
    struct target target = {.data = slot_data(model, slot, block),
                            .columns = size.columns,
                            .area = (size_t) config->patch_height * (size_t) config->patch_width,
                            .channels = vit_channels(config),
                            .is_mask = slot == SLOT_QKV_BIAS_MASK};
    size_t count = size.rows * size.columns;
    const struct bound_tensor *whole = layout_bound(filling->binding, block, slot, PART_WHOLE);
    if (slot == SLOT_POSITION) {
        size_t bare = ((size_t) config->prefix - filling->positioned) * size.columns;
        target.data += bare; /* settle_positions puts them where they belong */
        count -= bare;
    }
    if (whole->tensor != NULL) {
        return fill_place(filling, whole, target, count, err);
    }
    fill_with(target.data, count, slot_neutral(slot));
    for (enum part part = 0; part < STACKED_PARTS; part++) {
        const struct bound_tensor *bound = layout_bound(filling->binding, block, slot, part);
        struct span span = part_span(config, slot, part, count);
        struct target place = target;
        place.data += span.first;
        if (bound->tensor != NULL) {
            TRY(fill_place(filling, bound, place, span.count, err));
        }
    }
    return VITLRP_OK;
}

/* What lies outside the blocks first. */
static enum vitlrp_status fill_slots(struct filling *filling, struct vitlrp_error *err) {
    const struct vit_config *config = &filling->model->config;
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        if (slot_scope(slot) != SCOPE_BLOCK && slot_repeats(config, slot) > 0) {
            TRY(fill_slot(filling, 0, slot, err));
        }
    }
    for (size_t block = 0; block < filling->binding->depth; block++) {
        for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
            if (slot_scope(slot) == SCOPE_BLOCK && slot_repeats(config, slot) > 0) {
                TRY(fill_slot(filling, block, slot, err));
            }
        }
    }
    return VITLRP_OK;
}

static int compare_waiting(const void *left, const void *right) {
    const struct tensor_info *a = ((const struct waiting *) left)->tensor;
    const struct tensor_info *b = ((const struct waiting *) right)->tensor;
    if (a->source != b->source) {
        return (uintptr_t) a->source < (uintptr_t) b->source ? -1 : 1;
    }
    return a->extent.offset < b->extent.offset ? -1 : a->extent.offset > b->extent.offset;
}

/* Tensors of one deflated storage, which is unpacked as a whole. */
static enum vitlrp_status read_views(const struct filling *filling, const struct waiting *views,
                                     size_t count, struct vitlrp_error *err) {
    const struct checkpoint *checkpoint = filling->checkpoint;
    const struct extent *extent = &views[0].tensor->extent;
    struct bytes storage = {0};
    uint64_t left = checkpoint->limits->max_bytes - filling->model->storage_bytes;
    size_t limit = left < SIZE_MAX ? (size_t) left : SIZE_MAX;
    enum vitlrp_status status =
        payload_read_all(views[0].tensor->source, extent, limit, &storage, err);
    TRY(tensor_error_prefix(err, error_prefix(err, status, "its storage"), "tensor",
                            views[0].tensor->name));
    struct source source = source_over(storage.data, storage.size);
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        struct tensor_info view = *views[i].tensor;
        view.source = &source;
        view.extent = (struct extent){.stored = storage.size, .size = storage.size};
        status = read_tensor(&view, &views[i].target, err);
    }
    bytes_free(&storage);
    return status;
}

/* One storage after another, in the order of the file. */
static enum vitlrp_status read_waiting(struct filling *filling, struct vitlrp_error *err) {
    struct waiting *waiting = filling->waiting;
    size_t count = filling->waiting_count;
    size_t views = 0;
    qsort(waiting, count, sizeof *waiting, compare_waiting);
    for (size_t first = 0; first < count; first += views) {
        const struct tensor_info *tensor = waiting[first].tensor;
        views = 1;
        while (first + views < count &&
               compare_waiting(&waiting[first], &waiting[first + views]) == 0) {
            views++;
        }
        TRY(views == 1 ? read_tensor(tensor, &waiting[first].target, err)
                       : read_views(filling, &waiting[first], views, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status fill_weights(const struct checkpoint *checkpoint,
                                const struct layout_binding *binding, size_t positioned,
                                struct vit_model *model, struct vitlrp_error *err) {
    struct filling filling = {checkpoint, binding, model, positioned, NULL, 0};
    filling.waiting =
        mem_calloc(LAYOUT_SHARES * checkpoint->tensors.count, sizeof *filling.waiting);
    if (filling.waiting == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of tensors");
    }
    enum vitlrp_status status = fill_slots(&filling, err);
    if (status == VITLRP_OK) {
        status = read_waiting(&filling, err);
    }
    if (status == VITLRP_OK) {
        status = weights_settle(model, positioned, err);
    }
    mem_free(filling.waiting);
    return status;
}
