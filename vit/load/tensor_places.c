#include "vit/load/tensor_places.h"

#include <string.h>

#include "base/mem.h"

#define MAX_PARTS 8 /* of a prefix */

enum vitlrp_status tensor_places_note(const struct tensor_table *tensors, struct tensor_places *out,
                                      struct vitlrp_error *err) {
    *out = (struct tensor_places){.layout = layout_recognise(tensors)};
    if (out->layout == NULL) {
        return VITLRP_OK;
    }
    out->items = mem_calloc(tensors->count, sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the places of tensors");
    }
    out->count = tensors->count;
    for (size_t i = 0; i < out->count; i++) {
        struct tensor_place *place = &out->items[i];
        place->row = layout_find(out->layout, tensors->items[i].name, &place->block);
    }
    return VITLRP_OK;
}

/* Several rows may be for one place, under the names of several versions; many tensors are for
 * none, under one row. */
static bool is_same(const struct tensor_place *one, const struct tensor_place *other) {
    if (one->row == NULL || one->row->slot == SLOT_IGNORED || one->block != other->block) {
        return false;
    }
    return one->row == other->row ||
           (!layout_row_is_head(one->row) && one->row->slot == other->row->slot &&
            one->row->part == other->row->part && one->row->arrangement == other->row->arrangement);
}

static enum vitlrp_status find_place(const struct tensor_places *places,
                                     const struct tensor_table *tensors,
                                     const struct tensor_place *wanted, size_t *out,
                                     struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    char other[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < places->count; i++) {
        if (!is_same(&places->items[i], wanted)) {
            continue;
        }
        if (*out < tensors->count) {
            return fail(err, VITLRP_MISMATCH, "tensors %s and %s of the model are for its place",
                        tensor_label(label, tensors->items[*out].name),
                        tensor_label(other, tensors->items[i].name));
        }
        *out = i;
    }
    return VITLRP_OK;
}

enum vitlrp_status tensor_places_find(const struct tensor_places *places,
                                      const struct tensor_table *tensors, const char *name,
                                      struct tensor_found *out, struct vitlrp_error *err) {
    const char *rest = name;
    *out = (struct tensor_found){tensors->count, name};
    for (size_t i = 0; i < tensors->count; i++) {
        if (strcmp(tensors->items[i].name, name) == 0) {
            out->number = i;
            return VITLRP_OK;
        }
    }
    for (int part = 0; part <= MAX_PARTS && rest != NULL && places->layout != NULL; part++) {
        struct tensor_place wanted = {0};
        wanted.row = layout_find(places->layout, rest, &wanted.block);
        if (wanted.row != NULL) {
            out->name = rest;
            return find_place(places, tensors, &wanted, &out->number, err);
        }
        rest = strchr(rest, '.');
        rest = rest == NULL ? NULL : rest + 1;
    }
    return VITLRP_OK;
}

void tensor_places_free(struct tensor_places *places) {
    mem_free(places->items);
    *places = (struct tensor_places){0};
}
