/* The settings of an evaluation, for programs that do not know each of them. */
#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/field.h"
#include "eval/protocol_table.h"

/* Where the settings lie in the public options. */
static const struct {
    const char *name;
    struct field field;
} FIELDS[] = {
#define WHOLE(type, member, ...) {#member, FIELD_OF(struct vitlrp_eval_options, member)},
#define CHOICE WHOLE
#define SET WHOLE
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
#undef SET
};

enum vitlrp_status vitlrp_eval_setting_at(size_t index, struct vitlrp_eval_setting *setting,
                                          struct vitlrp_error *error) {
    API_NEEDS(setting != NULL, error);
    const struct eval_setting *found = eval_setting_at(index);
    if (found == NULL) {
        return fail(error, VITLRP_USAGE, "there is no setting %zu of an evaluation", index);
    }
    const struct vitlrp_eval_setting known = {.name = found->key,
                                              .enumeration = words_name(found->words),
                                              .low = found->low,
                                              .high = found->high,
                                              .offset = FIELDS[index].field.offset,
                                              .size = FIELDS[index].field.size,
                                              .field = FIELDS[index].name,
                                              .is_set = found->is_set ? 1 : 0};
    eval_setting_write(&known, setting);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_evaluation_setting(const struct vitlrp_evaluation *evaluation,
                                             const char *name, int64_t *value,
                                             struct vitlrp_error *error) {
    API_NEEDS(evaluation != NULL && name != NULL && value != NULL, error);
    const struct eval_setting *setting = eval_setting_find(name);
    if (setting == NULL) {
        return fail(error, VITLRP_USAGE, "no such setting of an evaluation: %.60s", name);
    }
    *value = eval_setting_value(setting, &evaluation->record.evaluation.protocol);
    return VITLRP_OK;
}
