#include "concepts_resume.h"

#include <string.h>

#include "base/folder.h"
#include "base/unit_index_run.h"
#include "concepts_item.h"

static bool is_renewed(const struct concepts_resumption *resumption) {
    return strcmp(resumption->was, resumption->identity) != 0;
}

/* ---- State ---- */

/* Of a run that was killed between its state and its record, the state is the newer one. */
static bool is_own(const struct concepts_resumption *resumption, const char *settings) {
    return strcmp(settings, resumption->identity) == 0 || strcmp(settings, resumption->was) == 0;
}

static enum vitlrp_status read_state(const struct concepts_resumption *resumption,
                                     struct unit_index *index, struct vitlrp_error *err) {
    char settings[SHA256_TEXT];
    struct unit_index found;
    enum vitlrp_status status =
        unit_index_read(resumption->folder->folder, UNIT_INDEX_STATE, settings, &found, err);
    if (status == VITLRP_OK && !is_own(resumption, settings)) {
        status = fail(err, VITLRP_MISMATCH, "is the state of another run (remove it)");
        error_prefix(err, status, UNIT_INDEX_STATE);
    }
    if (status == VITLRP_OK) {
        status = unit_index_merge(index, &found, err);
    }
    unit_index_close(&found);
    return error_prefix(err, status, resumption->folder->path);
}

/* ---- Images ---- */

/* What was refused unread has no hash, and is no other file now. */
static enum vitlrp_status find_change(const struct concepts_resumption *resumption, size_t place,
                                      bool *changed, struct vitlrp_error *err) {
    const struct journal *journal = &resumption->folder->journal;
    json_t *line = NULL;
    TRY(journal_read(journal, place, &line, err));
    const char *sha256 = json_get_string(line, "sha256");
    *changed = sha256 != NULL &&
               sha256_file_differs(batch_plan_image(resumption->plan, place).path, sha256);
    json_decref(line);
    return VITLRP_OK;
}

/* Says in the journal that the image is to be done again, lest a run that is killed before leaves
 * the failure of another file. */
static enum vitlrp_status add_open_line(const struct concepts_resumption *resumption, size_t place,
                                        struct vitlrp_error *err) {
    struct vitlrp_dataset_image image = batch_plan_image(resumption->plan, place);
    struct text line = {0};
    enum vitlrp_status status = concepts_line_open(&image, resumption->method, &line, err);
    if (status == VITLRP_OK) {
        status = run_folder_add(resumption->folder, place, JOURNAL_OPEN, &line, err);
    }
    text_free(&line);
    return status;
}

static enum vitlrp_status resume_done(const struct concepts_resumption *resumption, size_t place,
                                      const struct unit_index *index, struct vitlrp_error *err) {
    struct vitlrp_dataset_image image = batch_plan_image(resumption->plan, place);
    bool changed = false;
    if (!unit_index_has(index, image.index)) {
        journal_reopen(&resumption->folder->journal, place);
        return VITLRP_OK;
    }
    if (is_renewed(resumption)) {
        TRY(find_change(resumption, place, &changed, err));
    }
    if (!changed) {
        return VITLRP_OK;
    }
    enum vitlrp_status status = fail(
        err, VITLRP_USAGE,
        "its file has changed since this index took it in, and no image can be taken out again "
        "(make an index in another folder, or remove this one)");
    status = error_prefix(err, status, image.id);
    return error_prefix(err, status, resumption->folder->path);
}

static enum vitlrp_status resume_failed(const struct concepts_resumption *resumption, size_t place,
                                        struct vitlrp_error *err) {
    bool changed = false;
    TRY(find_change(resumption, place, &changed, err));
    if (changed && resumption->writes) {
        TRY(add_open_line(resumption, place, err));
    }
    if (changed || resumption->plan->choice->retry_failed) {
        journal_reopen(&resumption->folder->journal, place);
    }
    return VITLRP_OK;
}

/* Those that are refused come first: nothing is written for them. */
static enum vitlrp_status resume_images(const struct concepts_resumption *resumption,
                                        const struct unit_index *index, struct vitlrp_error *err) {
    const struct journal *journal = &resumption->folder->journal;
    for (size_t place = 0; place < journal->count; place++) {
        if (journal->entries[place].state == JOURNAL_DONE) {
            TRY(resume_done(resumption, place, index, err));
        }
    }
    for (size_t place = 0; place < journal->count; place++) {
        if (journal->entries[place].state == JOURNAL_FAILED) {
            TRY(resume_failed(resumption, place, err));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status concepts_resume(const struct concepts_resumption *resumption,
                                   struct unit_index *index, struct vitlrp_error *err) {
    const struct run_folder *folder = resumption->folder;
    const struct journal *journal = &folder->journal;
    if (folder->folder >= 0 && folder_has(folder->folder, UNIT_INDEX_STATE) &&
        journal_count(journal, JOURNAL_OPEN) < journal->count) {
        TRY(read_state(resumption, index, err));
    }
    TRY(resume_images(resumption, index, err));
    if (!resumption->writes || !is_renewed(resumption)) {
        return VITLRP_OK;
    }
    /* Not before the results of what has changed are called open. */
    TRY(journal_sync(journal, err));
    enum vitlrp_status status =
        unit_index_write(index, resumption->identity, folder->folder, UNIT_INDEX_STATE, err);
    return error_prefix(err, status, folder->path);
}
