#include "batch_session.h"

#include "cli/library.h"

size_t batch_take_threads(struct settings *settings) {
    size_t threads = settings->threads > 0 ? (size_t) settings->threads : available_processors();
    settings->threads = 1;
    return threads;
}

enum status batch_session_open(const struct settings *settings, const struct batch_plan *plan,
                               struct vitlrp_model *model, struct console *console,
                               struct explain_session *state, struct error *err) {
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
