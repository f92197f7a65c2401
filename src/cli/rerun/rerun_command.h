/* The command line that a record states, as the verb's own options. */
#ifndef CLI_RERUN_COMMAND_H
#define CLI_RERUN_COMMAND_H

#include "base/status.h"
#include "cli/args.h"
#include "rerun_record.h"

struct rerun_command {
    struct args args; /* what the verb is called with */
    char **words;     /* owned, and each of them */
    size_t count, capacity;
};

/* Where what a record names lies now, of a name that is not there: the first below `root` (NULL:
 * none) that is there of the whole name, the name without its first folder, and so on. *out is
 * owned. */
enum vitlrp_status rerun_locate(const char *root, const char *name, char **out,
                                struct vitlrp_error *err);

/* The verb, its options and inputs. Results go into the folder `scratch` and nowhere else. `own` is
 * what the user of rerun asks for: the model, the root of inputs, threads, limits, progress. *out
 * is owned: rerun_command_free, after a failure too. */
enum vitlrp_status rerun_command_make(const struct rerun_record *record, const struct args *own,
                                      const char *scratch, struct rerun_command *out,
                                      struct vitlrp_error *err);

void rerun_command_free(struct rerun_command *command);

/* What the run writes below `scratch` in the place of the record: a file, or a folder. */
const char *rerun_result_name(enum verb verb);

#endif
