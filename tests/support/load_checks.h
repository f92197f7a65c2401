/* What the loader's tests have in common. */
#ifndef TESTS_LOAD_CHECKS_H
#define TESTS_LOAD_CHECKS_H

#include "base/file.h"
#include "base/status.h"
#include "support/pth_writer.h"
#include "support/scratch.h"
#include "vit/model/model.h"

/* A ViT of two blocks: input 8, patch 4, dim 8, 2 heads, MLP 16, 3 classes. */
struct vit_config small_config(void);

/* A file of these tensors, of "F32" elements, in the scratch folder. */
void safetensors_write(const struct scratch *scratch, const char *name,
                       const struct pth_list *list);

/* Loads the bytes with so many heads; fails the test with the message if that fails. Owned:
 * vit_model_free. */
struct vit_model *expect_loaded(const struct bytes *bytes, int32_t heads);

/* Loading fails with that status and a message of one line that holds `word`. */
void expect_refused(const struct bytes *bytes, enum vitlrp_status wanted, const char *word);

/* As those, and frees the bytes. */
struct vit_model *expect_loaded_free(struct bytes *bytes, int32_t heads);
void expect_refused_free(struct bytes *bytes, enum vitlrp_status wanted, const char *word);

/* As those for the file TEST_DATA/golden/parity/<name> with 4 heads. */
struct vit_model *expect_parity(const char *name);

/* The largest difference between the models' weights, slot by slot; the shapes must be the same. 0
 * only if all are bit-identical. */
double weights_difference(const struct vit_model *a, const struct vit_model *b);

#endif
