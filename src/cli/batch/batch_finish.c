#include "batch_finish.h"

#include "batch_names.h"
#include "batch_page.h"

#define PAGE_LIMIT ((size_t) 1 << 32)

enum vitlrp_status batch_finish(const struct batch_store *store, struct batch_journal *journal,
                                const json_t *config, bool with_page, struct vitlrp_error *err) {
    struct text page = {.limit = PAGE_LIMIT};
    TRY(batch_journal_finish(journal, store->staging.data, err));
    if (!with_page) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = batch_page(journal, config, &page, err);
    if (status == VITLRP_OK) {
        status = batch_store_write(store, BATCH_PAGE, page.data, page.length, err);
    }
    text_free(&page);
    return status;
}
