#include "base/field.h"

#include <assert.h>
#include <string.h>

int64_t field_get(const void *record, struct field field) {
    const char *place = (const char *) record + field.offset;
    int32_t narrow = 0;
    int64_t wide = 0;
    if (field.size == sizeof narrow) {
        memcpy(&narrow, place, sizeof narrow);
        return narrow;
    }
    assert(field.size == sizeof wide);
    memcpy(&wide, place, sizeof wide);
    return wide;
}

void field_set(void *record, struct field field, int64_t value) {
    char *place = (char *) record + field.offset;
    int32_t narrow = (int32_t) value;
    if (field.size == sizeof narrow) {
        memcpy(place, &narrow, sizeof narrow);
        return;
    }
    assert(field.size == sizeof value);
    memcpy(place, &value, sizeof value);
}
