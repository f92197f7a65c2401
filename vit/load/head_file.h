/* A head in a file of its own: the linear layer, or two, that somebody trained on a model without
 * one. */
#ifndef VIT_HEAD_FILE_H
#define VIT_HEAD_FILE_H

#include "vit/load/checkpoint.h"
#include "vit/load/facts.h"
#include "vit/load/layout.h"

/* Points into itself: it stays where it was opened. */
struct head_file {
    struct bytes bytes; /* of the file */
    struct source source;
    struct checkpoint checkpoint;
    struct layout_binding binding;
};

/* Reads the file's tensors into their places. UNSUPPORTED for one that is no part of a head,
 * MISMATCH without a weight; the message names the file. head_file_close releases it, after a
 * failure too. */
enum vitlrp_status head_file_open(const char *path, const struct vitlrp_model_limits *limits,
                                  const struct vit_load_options *options, struct head_file *out,
                                  struct vitlrp_error *err);
void head_file_close(struct head_file *head);

/* States the activation between a head's layers by its word; USAGE, naming the words, for another.
 * NULL states nothing. */
enum vitlrp_status head_activation_state(const char *word, struct fact *fact,
                                         struct vitlrp_error *err);

#endif
