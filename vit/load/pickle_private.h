/* The pickle machine's state, shared by its opcode handlers (pickle_opcodes.c) and the rest
 * (pickle.c). */
#ifndef VIT_PICKLE_PRIVATE_H
#define VIT_PICKLE_PRIVATE_H

#include "vit/load/pickle.h"

struct pickle_machine {
    const unsigned char *next;
    const unsigned char *end;
    size_t max_opcodes, max_stack, max_memo;
    struct pickle_value **stack;
    size_t stack_count;
    size_t stack_capacity;
    struct pickle_value **memo;
    size_t memo_count; /* highest used slot + 1; slots between may be NULL */
    size_t memo_capacity;
    size_t *marks; /* stack heights */
    size_t mark_count;
    struct pickle *pickle;
    bool stopped;
};

#define PICKLE_MAX_MARKS ((size_t) 64)

/* Runs one opcode, whose byte was taken already. */
enum vitlrp_status pickle_run(struct pickle_machine *machine, unsigned char opcode,
                              struct vitlrp_error *err);

/* A new empty value, owned by the pickle; NULL without memory. */
struct pickle_value *pickle_value_new(struct pickle *pickle, enum pickle_kind kind);

/* Appends to a container's items. */
enum vitlrp_status pickle_append(struct pickle_value *container, struct pickle_value *item,
                                 struct vitlrp_error *err);

/* Remembers a storage in pickle->storages. */
enum vitlrp_status pickle_note_storage(struct pickle *pickle, struct pickle_value *storage,
                                       struct vitlrp_error *err);

enum vitlrp_status pickle_push(struct pickle_machine *machine, struct pickle_value *value,
                               struct vitlrp_error *err);

enum vitlrp_status pickle_memo_put(struct pickle_machine *machine, uint64_t slot,
                                   struct vitlrp_error *err);

/* Text within the pickle, not terminated. */
struct pickle_span {
    const char *text;
    size_t length;
};

/* The global of that name as a value: PICKLE_GLOBAL if it is on the list, else PICKLE_OPAQUE
 * without a name. */
enum vitlrp_status pickle_find_global(struct pickle_machine *machine,
                                      const struct pickle_span *module,
                                      const struct pickle_span *name, struct pickle_value **out,
                                      struct vitlrp_error *err);

/* An inert object: what `maker`, a class or a function, would have made. */
enum vitlrp_status pickle_make_object(struct pickle_machine *machine,
                                      const struct pickle_value *maker, struct pickle_value **out,
                                      struct vitlrp_error *err);

/* callable(arguments): a value for the callables of the list, an inert object for others. */
enum vitlrp_status pickle_call(struct pickle_machine *machine, const struct pickle_value *callable,
                               const struct pickle_value *arguments, struct pickle_value **out,
                               struct vitlrp_error *err);

/* What a persistent id stands for: a storage, or the class of a module that its source is with. */
enum vitlrp_status pickle_load_persistent(struct pickle_machine *machine,
                                          const struct pickle_value *id, struct pickle_value **out,
                                          struct vitlrp_error *err);

#endif
