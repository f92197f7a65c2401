/* Where the tensors of a model go, so that one of them is found by another name of its place: with
 * a prefix or without it, or as another version of a library calls the layer. */
#ifndef VIT_TENSOR_PLACES_H
#define VIT_TENSOR_PLACES_H

#include "base/status.h"
#include "vit/load/layout.h"

struct tensor_place {
    const struct layout_row *row; /* NULL: the layout has none */
    size_t block;
};

struct tensor_places {
    const struct layout *layout; /* NULL: no layout fits, and only names are compared */
    struct tensor_place *items;  /* owned; [count] of the table's first tensors */
    size_t count;
};

/* Notes the places of a table's tensors. *out is owned: tensor_places_free. */
enum vitlrp_status tensor_places_note(const struct tensor_table *tensors, struct tensor_places *out,
                                      struct vitlrp_error *err);

struct tensor_found {
    size_t number;    /* in the table; its count: there is none */
    const char *name; /* without what stands before the names that the layout knows */
};

/* Finds the tensor that has this name, or else its place. Layers of a head have no other names than
 * their own, behind whatever prefix: which head a file has is more than a name. MISMATCH, naming
 * both, if two tensors have the place. */
enum vitlrp_status tensor_places_find(const struct tensor_places *places,
                                      const struct tensor_table *tensors, const char *name,
                                      struct tensor_found *out, struct vitlrp_error *err);

void tensor_places_free(struct tensor_places *places);

#endif
