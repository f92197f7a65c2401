/* What the edits of a model are called, for records: one spelling for each, in one order. */
#ifndef API_EDIT_NAMES_H
#define API_EDIT_NAMES_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"
#include "vit/model/model.h"

/* A list in the order of blocks, sites and units, of strings: "4:fc1:367=0.5", with a constant for
 * every token ":=0.7", with one for CLS and one for the others ":=0.7/0.1", both for factors that
 * are not 0 "=0.5:=0.7"; where a head's outputs have different ones, of an object with unit, factor
 * and constant [outputs, 2]. *out is owned: json_decref. */
enum vitlrp_status edit_names_make(const struct vit_model *model, const struct vitlrp_edit *edits,
                                   size_t count, json_t **out, struct vitlrp_error *err);

#endif
