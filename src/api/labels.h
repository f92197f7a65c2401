/* The classes of a model: which index and names each output has, and what a user's word for one
 * means. */
#ifndef API_LABELS_H
#define API_LABELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/class_table.h"
#include "base/file.h"
#include "base/status.h"
#include "vit/model/model.h"

struct labels {
    atomic_size_t holders;
    struct class_table classes;  /* one for each output, in their order */
    struct class_table imagenet; /* all of ImageNet-1k's, to explain what a model of some lacks */
    bool subset;                 /* the model has part of a larger list: indices are not outputs */
    struct bytes file;           /* owned: the file of names as it was read; empty without one */
};

/* A caller's list of names: a file, or the text of one, or of texts a name for each, NULL for one
 * that has none; of three NULL there is none. */
struct label_list {
    const char *path, *text;
    const char *const *names;
};

/* Puts the classes of a model together from, in this order: the caller's list, the model's
 * class_index, the names beside its weights, ImageNet-1k if it has 1000 classes. MISMATCH
 * if the list or the metadata do not fit the model. *out is owned: labels_free. */
enum vitlrp_status labels_open(const struct vit_model *model, const struct label_list *list,
                               const struct vitlrp_log *log, struct labels **out,
                               struct vitlrp_error *err);

/* The output that `text` names: label, index or WordNet id. Whole names go first: a class called
 * "3" is what "3" means, whatever its index. USAGE, saying why, if none or several.
 */
enum vitlrp_status labels_find(const struct labels *labels, const char *text, size_t *output,
                               struct vitlrp_error *err);

/* The same, with one more holder: labels never change. */
struct labels *labels_hold(struct labels *labels);

/* Lets go of them; the last holder releases them. NULL is ignored. */
void labels_free(struct labels *labels);

/* What a user's word for a class is taken for: digits, "n" and eight digits, or anything else. */
enum label_kind { LABEL_NUMBER, LABEL_WNID, LABEL_NAME };

enum label_kind label_kind_of(const char *text);

/* The next part of a name at or behind *part: what stands between commas, without the blanks at its
 * beginning. Goes on from *part + *length; false at the name's end. Empty parts are none. */
bool label_next_part(const char **part, size_t *length);

#endif
