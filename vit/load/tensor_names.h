/* The names of a checkpoint's tensors, freed of what wrappers put around them, before a layout
 * looks at them. */
#ifndef VIT_TENSOR_NAMES_H
#define VIT_TENSOR_NAMES_H

#include "base/status.h"
#include "vit/load/checkpoint.h"

/* Leaves out the tensors that match one of the patterns in `ignore` (separated by commas, '*' and
 * '?' as in a shell; NULL: none), those of losses and counters beside the network, and of two
 * networks in one file (teacher and student, a model and its average) the one that
 * checkpoint->weights does not ask for. Then drops the prefix that all names have in common, as far
 * as a layout's names do not have it. What is left out is logged. UNSUPPORTED, with advice, for
 * quantised weights, adapters and hierarchical networks; MISMATCH for a pattern that matches
 * nothing, and if the weights that are asked for are not there. */
enum vitlrp_status names_settle(struct checkpoint *checkpoint, const char *ignore,
                                struct vitlrp_error *err);

/* The same for the text tower of a model of images and texts: what is the image tower's, or joins
 * both, is left out. UNSUPPORTED too if nothing is left. */
enum vitlrp_status names_settle_text(struct checkpoint *checkpoint, const char *ignore,
                                     struct vitlrp_error *err);

#endif
