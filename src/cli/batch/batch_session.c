#include "batch_session.h"

#include "batch_workers.h"
#include "cli/library.h"

#define MEGABYTE 1048576.0

size_t batch_take_threads(struct settings *settings) {
    size_t threads = settings->threads > 0 ? (size_t) settings->threads : available_processors();
    settings->threads = 1;
    return threads;
}

enum vitlrp_status batch_session_open(const struct settings *settings,
                                      const struct batch_plan *plan, struct vitlrp_model *model,
                                      struct console *console, struct explain_session *state,
                                      struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    state->without_ledger = !plan->choice->writes[BATCH_JSON];
    /* The whole list's, so that every shard computes alike. */
    state->passes = (int32_t) plan->info.manifest;
    TRY(explain_session_open_on(settings, console, model, state, err));
    const struct vitlrp_preprocess *preprocess = &state->preprocess;
    bool cropped = preprocess->crop_height > 0;
    return explain_session_fit(state, cropped ? preprocess->crop_height : info.image_height,
                               cropped ? preprocess->crop_width : info.image_width, err);
}

enum vitlrp_status batch_session_workers(const struct explain_session *state, size_t wanted,
                                         size_t *workers, struct vitlrp_error *err) {
    size_t bytes = 0;
    struct machine_room room = machine_room();
    TRY(explain_session_bytes(state, state->info.input_height, state->info.input_width, &bytes,
                              err));
    struct batch_workers within = batch_workers_within(wanted, bytes, &room);
    if (within.count < wanted) {
        console_warn(state->console,
                     "%zu threads instead of %zu: each may take %.0f MB of %s, of which %.0f "
                     "MB are left",
                     within.count, wanted, (double) within.each / MEGABYTE,
                     within.left == room.memory ? "memory" : "address space (ulimit -v)",
                     (double) within.left / MEGABYTE);
    }
    *workers = within.count;
    return VITLRP_OK;
}
