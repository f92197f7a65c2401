#include "vit/load/listing.h"

#include <string.h>

#include "base/settings_json.h"
#include "vit/load/layout.h"
#include "vit/load/tensor_names.h"

/* What becomes of a tensor under the nearest layout. */
enum tensor_use { USE_LEFT_OUT, USE_UNKNOWN, USE_USED };

static const char *const USES[] = {
    [USE_LEFT_OUT] = "left_out", [USE_UNKNOWN] = "unknown", [USE_USED] = "used"};

/* The file's own names, before anything is made of them; each tensor gets its place in the list. */
static json_t *list_tensors(struct tensor_table *tensors) {
    bool complete = true;
    json_t *list = json_array();
    for (size_t i = 0; i < tensors->count; i++) {
        struct tensor_info *tensor = &tensors->items[i];
        json_t *entry = json_object();
        tensor->place = i;
        json_t *shape = json_array();
        for (size_t k = 0; k < tensor->rank; k++) {
            complete =
                json_array_append_new(shape, json_integer((json_int_t) tensor->shape[k])) == 0 &&
                complete;
        }
        json_set(entry, "name", json_string(tensor->name), &complete);
        json_set(entry, "shape", shape, &complete);
        json_set(entry, "type", json_string(tensor->type->name), &complete);
        complete = json_array_append_new(list, entry) == 0 && complete;
    }
    if (!complete) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static enum tensor_use use_of(const struct layout *layout, const struct tensor_info *tensor) {
    size_t block;
    const struct layout_row *row =
        layout == NULL ? NULL : layout_find(layout, tensor->name, &block);
    return row == NULL ? USE_UNKNOWN : row->slot == SLOT_IGNORED ? USE_LEFT_OUT : USE_USED;
}

static size_t count_used(const struct layout *layout, const struct tensor_table *tensors) {
    size_t used = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        used += use_of(layout, &tensors->items[i]) == USE_USED;
    }
    return used;
}

/* The layout that has a place for most of the tensors: what one only leaves out says nothing. NULL:
 * none has any. */
static const struct layout *find_nearest(const struct tensor_table *tensors, size_t *used) {
    const struct layout *nearest = NULL;
    *used = 0;
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        size_t count = count_used(&LAYOUTS[i], tensors);
        if (count > *used) {
            nearest = &LAYOUTS[i];
            *used = count;
        }
    }
    return nearest;
}

/* Names that every model of the layout has, of places for which the file has no tensor; '#' stands
 * for the number of a block. */
static json_t *list_missing(const struct layout *layout, const struct tensor_table *tensors) {
    bool there[SLOT_COUNT] = {false};
    json_t *list = json_array();
    for (size_t i = 0; i < tensors->count && layout != NULL; i++) {
        size_t block;
        const struct layout_row *row = layout_find(layout, tensors->items[i].name, &block);
        if (row != NULL && row->slot < SLOT_COUNT) {
            there[row->slot] = true;
        }
    }
    for (size_t i = 0; layout != NULL && i < layout->row_count; i++) {
        const struct layout_row *row = &layout->rows[i];
        bool needed = row->presence == PRESENCE_NEEDED && row->slot < SLOT_COUNT &&
                      slot_unusual(row->slot, false) != 0;
        if (needed && !there[row->slot]) {
            there[row->slot] = true; /* the others are alternatives */
            if (json_array_append_new(list, json_string(row->pattern)) != 0) {
                json_decref(list);
                return NULL;
            }
        }
    }
    return list;
}

/* Marks every tensor of the list; what is no longer in the table was left out. */
static void mark_uses(json_t *list, const struct layout *layout, const struct tensor_table *tensors,
                      bool *complete) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_set(json_array_get(list, i), "use", json_string(USES[USE_LEFT_OUT]), complete);
    }
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor_info *tensor = &tensors->items[i];
        json_set(json_array_get(list, tensor->place), "use",
                 json_string(USES[use_of(layout, tensor)]), complete);
    }
}

/* Loading settles the names of the original, which is left as it is. */
static enum vitlrp_status copy_table(const struct tensor_table *tensors, struct tensor_table *out,
                                     struct vitlrp_error *err) {
    out->limit = tensors->limit;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor_info *tensor = &tensors->items[i];
        TRY(tensor_table_add(out, tensor, tensor->name, strlen(tensor->name), err));
    }
    return VITLRP_OK;
}

/* Settles the names of the tensors, which become those of the list. */
static enum vitlrp_status list_settled(struct checkpoint *checkpoint, const char *ignore_tensors,
                                       json_t **out, struct vitlrp_error *err) {
    struct tensor_table *tensors = &checkpoint->tensors;
    struct vitlrp_error refusal; /* opening the file says it */
    bool complete = true;
    size_t used = 0;
    json_t *list = list_tensors(tensors);
    if (list == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the list of tensors");
    }
    /* Where it refuses them, the names stay as far as it came. */
    if (names_settle(checkpoint, ignore_tensors, &refusal) == VITLRP_NOMEM) {
        json_decref(list);
        return error_forward(err, &refusal);
    }
    const struct layout *nearest = find_nearest(tensors, &used);
    mark_uses(list, nearest, tensors, &complete);
    json_t *object = json_object();
    json_set(object, "container", json_string(checkpoint->container), &complete);
    json_set(object, "nearest", nearest == NULL ? json_null() : json_string(nearest->name),
             &complete);
    json_set(object, "used", json_integer((json_int_t) used), &complete);
    json_set(object, "missing", list_missing(nearest, tensors), &complete);
    json_set(object, "tensors", list, &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the list of tensors");
    }
    *out = object;
    return VITLRP_OK;
}

enum vitlrp_status listing_make(const struct checkpoint *checkpoint, const char *ignore_tensors,
                                json_t **out, struct vitlrp_error *err) {
    struct checkpoint copy = *checkpoint;
    copy.log = NULL;
    copy.tensors = (struct tensor_table){0};
    enum vitlrp_status status = copy_table(&checkpoint->tensors, &copy.tensors, err);
    if (status == VITLRP_OK) {
        status = list_settled(&copy, ignore_tensors, out, err);
    }
    tensor_table_free(&copy.tensors);
    return status;
}
