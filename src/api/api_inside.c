/* Passes that show hidden units, and conditional maps. */
#include <string.h>

#include "api/api.h"
#include "api/handles.h"
#include "base/words.h"
#include "vitlrp_units.h"

static enum vitlrp_status check_values(const struct vitlrp_unit_values *units, size_t count,
                                       struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        TRY(reserved_check(units[i].reserved, sizeof units[i].reserved, "values of units", err));
    }
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_session_inside(struct vitlrp_session *session,
                                         const struct vitlrp_target *targets, size_t target_count,
                                         const struct vitlrp_method_options *options,
                                         struct vitlrp_inside *inside, struct vitlrp_error *error) {
    struct session_request request;
    struct vitlrp_relevance unwanted;
    API_NEEDS(session != NULL && targets != NULL && options != NULL && inside != NULL, error);
    API_NEEDS(inside->units != NULL || inside->unit_sites == 0, error);
    const struct vit_inside wanted = {.units = inside->units,
                                      .unit_sites = inside->unit_sites,
                                      .flow = inside->flow,
                                      .tokens = inside->tokens,
                                      .units_only = inside->unit_sites > 0 &&
                                                    inside->relevance == NULL &&
                                                    inside->flow == NULL && inside->tokens == NULL};
    TRY(reserved_check(inside->reserved, sizeof inside->reserved, "what is shown", error));
    TRY(check_values(inside->units, inside->unit_sites, error));
    vitlrp_relevance_init(&unwanted);
    TRY(session_request_make(session, targets, target_count, options, &request, error));
    request.request.inside = &wanted;
    return session_request_run(session, &request,
                               inside->relevance == NULL ? &unwanted : inside->relevance, error);
}

enum vitlrp_status vitlrp_session_forward_units(struct vitlrp_session *session, const float *input,
                                                float *logits, struct vitlrp_unit_values *units,
                                                size_t unit_sites, struct vitlrp_error *error) {
    API_NEEDS(session != NULL && input != NULL && (units != NULL || unit_sites == 0), error);
    TRY(check_values(units, unit_sites, error));
    memcpy(session->input, input, session->pixels * sizeof *input);
    return vit_attributor_forward_units(session->attributor, input, logits, units, unit_sites,
                                        error);
}

enum vitlrp_status vitlrp_session_attention(struct vitlrp_session *session, float *attention,
                                            struct vitlrp_error *error) {
    API_NEEDS(session != NULL && attention != NULL, error);
    TRY(vit_attributor_restore(session->attributor, session->input, error));
    return vit_attributor_attention(session->attributor, attention, error);
}

enum vitlrp_status vitlrp_session_conditional(struct vitlrp_session *session,
                                              const struct vitlrp_target *targets,
                                              size_t target_count,
                                              const struct vitlrp_method_options *options,
                                              const struct vitlrp_conditional *conditional,
                                              struct vitlrp_error *error) {
    struct session_request request;
    API_NEEDS(session != NULL && targets != NULL && options != NULL && conditional != NULL, error);
    API_NEEDS(conditional->groups != NULL || conditional->group_count == 0, error);
    struct vit_through through = {.seed = conditional->seed,
                                  .groups = conditional->groups,
                                  .group_count = conditional->group_count};
    TRY(reserved_check(conditional->reserved, sizeof conditional->reserved, "conditional maps",
                       error));
    for (size_t i = 0; i < conditional->group_count; i++) {
        const struct vitlrp_unit_group *group = &conditional->groups[i];
        TRY(reserved_check(group->reserved, sizeof group->reserved, "a group of units", error));
    }
    if (word_of(WORDS_UNIT_SEED, conditional->seed) == NULL) {
        return fail(error, VITLRP_USAGE, "no such seed of a conditional map: %d",
                    (int) conditional->seed);
    }
    TRY(session_request_make(session, targets, target_count, options, &request, error));
    request.request.through = &through;
    return vit_attributor_run(session->attributor, request.method, &request.request, error);
}
