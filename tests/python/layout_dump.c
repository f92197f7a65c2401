/* What the C compiler made of the public headers: size of every structure, place and size of every
 * field, value of every enumerator, for test_layout.py. header.py wrote the list. */
#include <stddef.h>
#include <stdio.h>

#include "vitlrp_concepts.h"
#include "vitlrp_eval.h"
#include "vitlrp_units.h"
#include "vitlrp_words.h"

#define STRUCT(name) printf("struct %s %zu\n", #name, sizeof(struct name));
#define FIELD(name, field)                                                                         \
    printf("field %s %s %zu %zu\n", #name, #field, offsetof(struct name, field),                   \
           sizeof((struct name *) NULL)->field);
#define VALUE(name) printf("value %s %d\n", #name, (int) (name));

int main(void) {
#include "layout_list.inc"
    return 0;
}
