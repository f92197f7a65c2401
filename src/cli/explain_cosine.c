/* How an image fits a text without words. */
#include "base/mem.h"
#include "explain_session.h"
#include "vitlrp_words.h"

enum vitlrp_status explain_cosine(struct explain_session *state, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(state->model, &info);
    if (info.kind != VITLRP_MODEL_PROMPTS) {
        return VITLRP_OK;
    }
    float *embedding = mem_calloc((size_t) info.embed_dim, sizeof *embedding);
    enum vitlrp_status status = embedding == NULL
                                    ? fail(err, VITLRP_NOMEM, "out of memory for an embedding")
                                    : vitlrp_session_embedding(state->session, embedding, err);
    if (status == VITLRP_OK) {
        status = vitlrp_model_cosines(state->model, embedding, NULL,
                                      &state->prediction.empty_cosine, err);
    }
    mem_free(embedding);
    return status;
}
