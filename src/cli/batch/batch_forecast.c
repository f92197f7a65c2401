#include "batch_forecast.h"

#include "batch_names.h"

#define MEGABYTE 1048576.0
#define REPORT_LIMIT ((size_t) 1 << 16)

/* The names of an image's files, and how many there are. */
static void append_files(struct text *out, const struct batch_choice *choice, int32_t classes) {
    struct text names = {.limit = REPORT_LIMIT};
    int64_t count = 0;
    for (enum batch_file file = BATCH_PNG; file < BATCH_FILES; file++) {
        bool of_class = file == BATCH_PNG || file == BATCH_JPG || file == BATCH_RAW;
        if (choice->writes[file]) {
            text_append_string(&names, count > 0 ? ", {stem}" : "{stem}");
            batch_append_suffix(&names, file, -1);
            count += of_class ? classes : 1;
        }
    }
    text_printf(out, "files         %lld for each image: %s%s\n", (long long) count,
                names.failed ? "" : names.data, classes > 1 ? ", of each class" : "");
    text_free(&names);
}

static void append_images(struct text *out, const struct batch_plan *plan,
                          const struct batch_journal *journal) {
    const struct batch_choice *choice = plan->choice;
    size_t failed = batch_journal_count(journal, BATCH_FAILED);
    text_printf(out, "images        %zu", plan->count);
    if (choice->shards > 1) {
        text_printf(out, " of %zu, shard %d of %d", plan->info.images, choice->shard,
                    choice->shards);
    }
    text_printf(out, "\ndone          %zu\nfailed        %zu%s\nto do         %zu\n",
                batch_journal_count(journal, BATCH_DONE), failed,
                failed > 0 ? " (again with --retry-failed)" : "",
                batch_journal_count(journal, BATCH_OPEN));
}

enum vitlrp_status batch_forecast(const struct batch_plan *plan,
                                  const struct batch_journal *journal,
                                  const struct explain_session *first, size_t threads,
                                  const struct console *console, struct vitlrp_error *err) {
    struct text out = {.limit = REPORT_LIMIT};
    const struct vitlrp_session_info *info = &first->info;
    int32_t classes = first->settings->top > 0 ? first->settings->top : 1;
    size_t bytes = 0;
    if (console->verbosity == 0) {
        return VITLRP_OK;
    }
    TRY(explain_session_bytes(first, info->input_height, info->input_width, &bytes, err));
    append_images(&out, plan, journal);
    append_files(&out, plan->choice, classes);
    text_printf(&out, "threads       %zu, with a session of %.1f MB each\n", threads,
                (double) bytes / MEGABYTE);
    enum vitlrp_status status = console_write(&out, err);
    text_free(&out);
    return status;
}
