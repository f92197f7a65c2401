/* The table of tokens of a text tower, left in its file: a text needs as many of its rows as it has
 * tokens, and the table may be larger than all other weights. */
#ifndef VIT_TOKEN_TABLE_H
#define VIT_TOKEN_TABLE_H

#include "vit/load/layout.h"

/* True if a row can be read without those before it: neither deflated nor in another order, and in
 * a file, which stays open as long as the model. */
bool token_table_is_readable(const struct layout_binding *binding);

/* Makes the rows the model's (vit_model.words), whose weights are without the table. A row of a
 * file that was written to since is refused: IO. */
enum vitlrp_status token_table_keep(const struct layout_binding *binding, struct vit_model *model,
                                    struct vitlrp_error *err);

#endif
