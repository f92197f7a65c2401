/* What a comparison has side by side: methods, or one method under several gammas. */
#ifndef CLI_COMPARE_COLUMNS_H
#define CLI_COMPARE_COLUMNS_H

#include "cli/args.h"
#include "cli/settings.h"

#define COMPARE_COLUMNS_MAX 24

struct compare_column {
    struct settings settings; /* of the command, with the column's method and rules */
    char title[128];
};

struct compare_columns {
    struct compare_column *items; /* owned */
    size_t count;
};

/* --methods or --gammas, or the methods that most comparisons want. USAGE for names and numbers
 * that make no sense, and for an option that no column reads. */
enum vitlrp_status compare_columns_read(const struct args *args, const struct settings *settings,
                                        struct compare_columns *out, struct vitlrp_error *err);

void compare_columns_free(struct compare_columns *columns);

#endif
