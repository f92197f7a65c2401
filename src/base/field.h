/* Integer fields of records by their place: tables of settings and limits read and write what they
 * do not know by name. */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stddef.h>
#include <stdint.h>

/* Of 4 bytes with a sign, or of 8. */
struct field {
    size_t offset, size;
};

/* The initial value of a struct field: that of a member. */
#define FIELD_OF(type, member)                                                                     \
    { offsetof(type, member), sizeof(((type *) NULL)->member) }

/* What a field of 8 bytes without a sign holds beyond INT64_MAX comes out negative. */
int64_t field_get(const void *record, struct field field);

/* The value fits into the field. */
void field_set(void *record, struct field field, int64_t value);

#endif
