/* Rotary position embeddings: the angles by which an attention turns the queries and keys of each
 * patch, as tables of cosines and sines for one grid. Tokens in front of the patches are not
 * turned. */
#ifndef VIT_ROTARY_H
#define VIT_ROTARY_H

#include <stddef.h>

#include "vit/model/model.h"
#include "vit/tokens/tokens.h"

/* Floats of one patch in a table: the cosines of a head's pairs and then their sines, of every head
 * where heads differ. */
size_t rotary_width(const struct vit_config *config);

/* Tables of a model: one for all blocks, one for each where blocks differ, none without RoPE. */
size_t rotary_tables(const struct vit_config *config);

/* out [rotary_tables, patches, rotary_width]. With s = head size / 4 and pairs j < 2 s of which the
 * first s belong to one axis and the others to the other:
 *     AXIAL    (index + offset) / grid * reference * theta^(-j / s); unscaled without a reference
 *     CENTRED  2 pi c / period_j, c = 2 (index + 1/2) / grid - 1; periods theta^(j / s), or the
 *              file's
 *     MIXED    f[0] column + f[1] row with the file's f of each block, head and pair */
void rotary_fill(const struct vit_model *model, const struct patch_grid *grid, float *out);

#endif
