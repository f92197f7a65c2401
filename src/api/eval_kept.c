/* An evaluation whose images are kept in a folder as soon as they are done. */
#include "api/eval_setup.h"
#include "base/log.h"
#include "base/mem.h"
#include "eval/eval_journal.h"

static enum vitlrp_status keep_image(void *user, const struct eval_image *image,
                                     struct vitlrp_error *err) {
    return error_topic(err, eval_journal_add(user, image, err), VITLRP_TOPIC_JOURNAL);
}

void eval_say_lock(const struct eval_setup *setup, bool missing) {
    if (missing) {
        log_message(
            &setup->options.log, LOG_LEVEL_WARNING,
            "the journal's file system has no locks; take care that no other process writes "
            "there");
    }
}

static void say_resumed(const struct eval_setup *setup, const struct eval_journal *journal) {
    const struct vitlrp_log *log = &setup->options.log;
    size_t done = eval_journal_done(journal);
    eval_say_lock(setup, eval_journal_is_unlocked(journal));
    size_t changed = eval_journal_changed(journal);
    if (changed > 0) {
        log_message(log, LOG_LEVEL_WARNING,
                    changed == 1
                        ? "files of %zu image have changed since it was done: it is done again"
                        : "files of %zu images have changed since they were done: they are done "
                          "again",
                    changed);
    }
    if (done > 0) {
        log_message(log, LOG_LEVEL_INFO, "%zu of %zu images are done already", done,
                    setup->dataset.count);
    }
}

/* Evaluates the images that the journal has not; *cancelled: not all of them. */
static enum vitlrp_status run_rest(struct eval_setup *setup, struct eval_journal *journal,
                                   bool *cancelled, struct vitlrp_error *err) {
    const struct dataset *dataset = &setup->dataset;
    struct eval_run_options options = setup->evaluate;
    struct evaluation ran = {0};
    size_t count = 0;
    struct eval_item *items = mem_calloc(dataset->count, sizeof *items);
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", dataset->count);
    }
    for (size_t i = 0; i < dataset->count; i++) {
        if (!eval_journal_has(journal, i)) {
            items[count++] = dataset->items[i];
        }
    }
    options.inputs = (struct vitlrp_inputs){0}; /* told when all were looked for */
    options.keep = keep_image;
    options.keep_user = journal;
    options.done_before = eval_journal_done(journal);
    options.failed_before = eval_journal_failed(journal);
    enum vitlrp_status status =
        count == 0 ? VITLRP_OK : eval_run(&options, items, count, &ran, err);
    *cancelled = ran.cancelled;
    evaluation_free(&ran);
    mem_free(items);
    return status;
}

static enum vitlrp_status run_in_journal(struct eval_setup *setup, const struct record *head,
                                         struct evaluation *out, struct vitlrp_error *err) {
    struct eval_journal *journal = NULL;
    bool cancelled = false;
    const struct eval_journal_images images = {.count = setup->dataset.count,
                                               .items = setup->dataset.items,
                                               .manifest = setup->dataset.manifest_paths,
                                               .methods = setup->methods,
                                               .truth_masks = setup->options.truth_masks,
                                               .retry_failed = setup->options.retry_failed != 0};
    enum vitlrp_status status =
        eval_journal_open(setup->options.journal, head, &images, &journal, err);
    TRY(error_topic(err, status, VITLRP_TOPIC_JOURNAL));
    say_resumed(setup, journal);
    status = run_rest(setup, journal, &cancelled, err);
    if (status == VITLRP_OK) {
        status = eval_journal_store(journal, &out->store, &out->image_count, err);
        status = error_topic(err, status, VITLRP_TOPIC_JOURNAL);
    }
    out->cancelled = cancelled;
    eval_journal_close(journal);
    return status;
}

enum vitlrp_status eval_run_kept(struct eval_setup *setup, struct evaluation *out,
                                 struct vitlrp_error *err) {
    struct record head = {0};
    struct evaluation evaluation = {0};
    /* Also of images that are done: what is gone ends the run before the journal forgets them. */
    const struct dataset *dataset = &setup->dataset;
    TRY(eval_run_find_files(&setup->evaluate, dataset->items, dataset->count, err));
    TRY(eval_record_begin(setup, &head, err));
    enum vitlrp_status status = eval_run_describe(&setup->evaluate, &evaluation, err);
    if (status == VITLRP_OK) {
        status = run_in_journal(setup, &head, &evaluation, err);
    }
    record_free(&head);
    if (status != VITLRP_OK) {
        evaluation_free(&evaluation);
        return status;
    }
    *out = evaluation;
    return VITLRP_OK;
}
