/* Looks many words for classes up, as of a file of labels: each in the time of its length. */
#ifndef API_LABEL_INDEX_H
#define API_LABEL_INDEX_H

#include <stdint.h>

#include "api/labels.h"

struct label_index;

/* An index of what labels_find knows; the labels must outlive it. *out is owned:
 * label_index_close. NOMEM is the only failure. */
enum vitlrp_status label_index_open(const struct labels *labels, struct label_index **out,
                                    struct vitlrp_error *err);

/* The output that labels_find finds for the text, or -1 where that fails. */
int32_t label_index_find(const struct label_index *index, const char *text);

/* NULL is ignored. */
void label_index_close(struct label_index *index);

#endif
