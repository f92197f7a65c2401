/* The end of a batch: the results in order, and the page. */
#ifndef CLI_BATCH_FINISH_H
#define CLI_BATCH_FINISH_H

#include "base/json.h"
#include "base/status.h"
#include "batch_journal.h"
#include "batch_store.h"

/* Puts the lines of a complete journal into order; with a page, writes that too. */
enum vitlrp_status batch_finish(const struct batch_store *store, struct batch_journal *journal,
                                const json_t *config, bool with_page, struct vitlrp_error *err);

#endif
