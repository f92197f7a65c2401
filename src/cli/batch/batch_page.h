/* The contact sheet of a batch: one page that finds the pictures beside itself and needs nothing
 * from elsewhere. */
#ifndef CLI_BATCH_PAGE_H
#define CLI_BATCH_PAGE_H

#include "base/journal.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

/* The page of a complete journal. */
enum vitlrp_status batch_page(const struct journal *journal, const json_t *config, struct text *out,
                              struct vitlrp_error *err);

/* The page's parts that do not depend on the results (batch_page_text.c). */
extern const char BATCH_PAGE_STYLE[];
extern const char BATCH_PAGE_BODY[];
extern const char BATCH_PAGE_SCRIPT[];

#endif
