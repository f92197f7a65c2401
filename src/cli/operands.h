/* Operands that cannot be what was meant, found before any work: a word that looks like a verb, a
 * folder in the place of an image, an image in the place of a dataset. */
#ifndef CLI_OPERANDS_H
#define CLI_OPERANDS_H

#include "args.h"
#include "base/status.h"

/* USAGE where the first operand is no file and nearly a verb. */
enum vitlrp_status operands_check_verb(const struct args *args, struct vitlrp_error *err);

/* IO for a folder, with what is for folders. */
enum vitlrp_status operand_check_image(const char *path, struct vitlrp_error *err);

/* USAGE for a file whose name is an image's. */
enum vitlrp_status operand_check_dataset(const char *path, struct vitlrp_error *err);

#endif
