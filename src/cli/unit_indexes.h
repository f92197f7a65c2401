/* --concepts FOLDER: indexes of hidden units, as `vitlrp concepts` makes them, one for each site.
 */
#ifndef CLI_UNIT_INDEXES_H
#define CLI_UNIT_INDEXES_H

#include <stddef.h>

#include "base/status.h"
#include "console.h"
#include "settings.h"
#include "vitlrp_concepts.h"

#define OPTION_CONCEPTS_NAME "--concepts"

struct unit_indexes {
    struct vitlrp_concepts **items; /* owned */
    size_t count;
};

/* Opens what was given, none or more, and warns of an index whose run has not ended. USAGE for two
 * of one site; as vitlrp_concepts_open. unit_indexes_close, after a failure too. */
enum vitlrp_status unit_indexes_open(const struct settings *settings, const struct console *console,
                                     struct unit_indexes *out, struct vitlrp_error *err);
void unit_indexes_close(struct unit_indexes *indexes);

/* The one of a site, if it is of this model; NULL if none was given. MISMATCH for another model's.
 */
enum vitlrp_status unit_indexes_find(const struct unit_indexes *indexes, enum vitlrp_site site,
                                     const struct vitlrp_model *model,
                                     const struct vitlrp_concepts **out, struct vitlrp_error *err);

#endif
