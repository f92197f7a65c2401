/* The opcodes of pickle protocols 2 to 5 that torch.save and Python's containers of plain values
 * use. What constructs an object makes an inert one. Refuses the rest: the text opcodes of protocol
 * 0 and the extension registry. */
#include <string.h>

#include "base/text.h"
#include "vit/load/pickle_private.h"

static enum vitlrp_status damaged(const char *what, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT, "its pickle is damaged: %s", what);
}

static enum vitlrp_status take_bytes(struct pickle_machine *machine, size_t size,
                                     const unsigned char **out, struct vitlrp_error *err) {
    if (size > (size_t) (machine->end - machine->next)) {
        return fail(err, VITLRP_FORMAT, "truncated: its pickle does not end");
    }
    *out = machine->next;
    machine->next += size;
    return VITLRP_OK;
}

/* A little-endian unsigned number of 1 to 8 bytes. */
static enum vitlrp_status take_number(struct pickle_machine *machine, size_t size, uint64_t *out,
                                      struct vitlrp_error *err) {
    const unsigned char *bytes = NULL;
    uint64_t value = 0;
    TRY(take_bytes(machine, size, &bytes, err));
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    *out = value;
    return VITLRP_OK;
}

/* The height that pops may not go below: values under a mark belong to what comes after it. */
static size_t fence(const struct pickle_machine *machine) {
    return machine->mark_count == 0 ? 0 : machine->marks[machine->mark_count - 1];
}

static enum vitlrp_status pop(struct pickle_machine *machine, struct pickle_value **out,
                              struct vitlrp_error *err) {
    if (machine->stack_count <= fence(machine)) {
        return damaged("its stack is empty", err);
    }
    *out = machine->stack[--machine->stack_count];
    return VITLRP_OK;
}

/* Removes the topmost mark; *base gets the height at which its values begin. */
static enum vitlrp_status pop_mark(struct pickle_machine *machine, size_t *base,
                                   struct vitlrp_error *err) {
    if (machine->mark_count == 0) {
        return damaged("a mark is missing", err);
    }
    *base = machine->marks[--machine->mark_count];
    return VITLRP_OK;
}

static enum vitlrp_status push_new(struct pickle_machine *machine, enum pickle_kind kind,
                                   int64_t integer, struct vitlrp_error *err) {
    struct pickle_value *value = pickle_value_new(machine->pickle, kind);
    if (value != NULL) {
        value->integer = integer;
    }
    return pickle_push(machine, value, err);
}

static enum vitlrp_status run_proto(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t version = 0;
    TRY(take_number(machine, 1, &version, err));
    if (version < 2 || version > 5) {
        return fail(err, VITLRP_UNSUPPORTED, "pickle protocol %u; 2 to 5 are read",
                    (unsigned) version);
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_frame(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t size = 0;
    TRY(take_number(machine, 8, &size, err));
    if (size > (uint64_t) (machine->end - machine->next)) {
        return fail(err, VITLRP_FORMAT, "truncated: a frame of its pickle reaches beyond it");
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_stop(struct pickle_machine *machine, struct vitlrp_error *err) {
    (void) err;
    machine->stopped = true;
    return VITLRP_OK;
}

static enum vitlrp_status run_mark(struct pickle_machine *machine, struct vitlrp_error *err) {
    if (machine->mark_count == PICKLE_MAX_MARKS) {
        return fail(err, VITLRP_LIMIT, "its pickle nests deeper than %zu", PICKLE_MAX_MARKS);
    }
    machine->marks[machine->mark_count++] = machine->stack_count;
    return VITLRP_OK;
}

static enum vitlrp_status run_pop(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *value = NULL;
    return pop(machine, &value, err);
}

static enum vitlrp_status run_pop_mark(struct pickle_machine *machine, struct vitlrp_error *err) {
    return pop_mark(machine, &machine->stack_count, err);
}

static enum vitlrp_status run_dup(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *value = NULL;
    TRY(pop(machine, &value, err));
    TRY(pickle_push(machine, value, err));
    return pickle_push(machine, value, err);
}

static enum vitlrp_status run_none(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_new(machine, PICKLE_NONE, 0, err);
}

static enum vitlrp_status run_true(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_new(machine, PICKLE_BOOL, 1, err);
}

static enum vitlrp_status run_false(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_new(machine, PICKLE_BOOL, 0, err);
}

static enum vitlrp_status run_int1(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t value = 0;
    TRY(take_number(machine, 1, &value, err));
    return push_new(machine, PICKLE_INT, (int64_t) value, err);
}

static enum vitlrp_status run_int2(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t value = 0;
    TRY(take_number(machine, 2, &value, err));
    return push_new(machine, PICKLE_INT, (int64_t) value, err);
}

static enum vitlrp_status run_int4(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t value = 0;
    TRY(take_number(machine, 4, &value, err));
    return push_new(machine, PICKLE_INT,
                    (int64_t) value - (value >> 31 != 0 ? INT64_C(1) << 32 : 0), err);
}

/* Two's complement of `size` bytes. */
static enum vitlrp_status push_long(struct pickle_machine *machine, uint64_t size,
                                    struct vitlrp_error *err) {
    const unsigned char *bytes = NULL;
    uint64_t value = 0;
    TRY(take_bytes(machine, (size_t) size, &bytes, err));
    if (size > 8) {
        return push_new(machine, PICKLE_BIG_INT, 0, err);
    }
    bool negative = size > 0 && (bytes[size - 1] & 0x80U) != 0;
    for (size_t i = 8; i-- > 0;) {
        value = value << 8 | (i < size ? bytes[i] : (negative ? 0xFFU : 0U));
    }
    int64_t integer;
    memcpy(&integer, &value, sizeof integer);
    return push_new(machine, PICKLE_INT, integer, err);
}

static enum vitlrp_status run_long1(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t size = 0;
    TRY(take_number(machine, 1, &size, err));
    return push_long(machine, size, err);
}

static enum vitlrp_status run_long4(struct pickle_machine *machine, struct vitlrp_error *err) {
    uint64_t size = 0;
    TRY(take_number(machine, 4, &size, err));
    return push_long(machine, size, err);
}

static enum vitlrp_status run_float(struct pickle_machine *machine, struct vitlrp_error *err) {
    const unsigned char *bytes = NULL;
    TRY(take_bytes(machine, 8, &bytes, err));
    return push_new(machine, PICKLE_FLOAT, 0, err);
}

static enum vitlrp_status push_text(struct pickle_machine *machine, enum pickle_kind kind,
                                    size_t length_size, struct vitlrp_error *err) {
    uint64_t length = 0;
    const unsigned char *bytes = NULL;
    TRY(take_number(machine, length_size, &length, err));
    if (length > SIZE_MAX) {
        return fail(err, VITLRP_FORMAT, "truncated: its pickle does not end");
    }
    TRY(take_bytes(machine, (size_t) length, &bytes, err));
    struct pickle_value *value = pickle_value_new(machine->pickle, kind);
    if (value != NULL) {
        value->text = (const char *) bytes;
        value->length = (size_t) length;
    }
    return pickle_push(machine, value, err);
}

/* Unlike the strings of Python 2 (BINSTRING), which are any bytes. */
static enum vitlrp_status push_unicode(struct pickle_machine *machine, size_t length_size,
                                       struct vitlrp_error *err) {
    TRY(push_text(machine, PICKLE_STRING, length_size, err));
    const struct pickle_value *value = machine->stack[machine->stack_count - 1];
    if (!text_is_utf8(value->text, value->length)) {
        return fail(err, VITLRP_FORMAT, "its pickle is damaged: a string is not UTF-8");
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_unicode1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_unicode(machine, 1, err);
}

static enum vitlrp_status run_unicode4(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_unicode(machine, 4, err);
}

static enum vitlrp_status run_unicode8(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_unicode(machine, 8, err);
}

static enum vitlrp_status run_string1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_text(machine, PICKLE_STRING, 1, err);
}

static enum vitlrp_status run_string4(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_text(machine, PICKLE_STRING, 4, err);
}

static enum vitlrp_status run_bytes1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_text(machine, PICKLE_BYTES, 1, err);
}

static enum vitlrp_status run_bytes4(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_text(machine, PICKLE_BYTES, 4, err);
}

static enum vitlrp_status run_bytes8(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_text(machine, PICKLE_BYTES, 8, err);
}

static enum vitlrp_status run_empty_tuple(struct pickle_machine *machine,
                                          struct vitlrp_error *err) {
    return push_new(machine, PICKLE_TUPLE, 0, err);
}

static enum vitlrp_status run_empty_list(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_new(machine, PICKLE_LIST, 0, err);
}

static enum vitlrp_status run_empty_dict(struct pickle_machine *machine, struct vitlrp_error *err) {
    return push_new(machine, PICKLE_DICT, 0, err);
}

/* Replaces the values from height `base` on by one container of them. */
static enum vitlrp_status collect(struct pickle_machine *machine, enum pickle_kind kind,
                                  size_t base, struct vitlrp_error *err) {
    struct pickle_value *container = pickle_value_new(machine->pickle, kind);
    if (container == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a pickle");
    }
    for (size_t i = base; i < machine->stack_count; i++) {
        TRY(pickle_append(container, machine->stack[i], err));
    }
    machine->stack_count = base;
    return pickle_push(machine, container, err);
}

static enum vitlrp_status collect_last(struct pickle_machine *machine, size_t count,
                                       struct vitlrp_error *err) {
    if (machine->stack_count - fence(machine) < count) {
        return damaged("its stack is empty", err);
    }
    return collect(machine, PICKLE_TUPLE, machine->stack_count - count, err);
}

static enum vitlrp_status run_tuple(struct pickle_machine *machine, struct vitlrp_error *err) {
    size_t base = 0;
    TRY(pop_mark(machine, &base, err));
    return collect(machine, PICKLE_TUPLE, base, err);
}

static enum vitlrp_status run_list(struct pickle_machine *machine, struct vitlrp_error *err) {
    size_t base = 0;
    TRY(pop_mark(machine, &base, err));
    return collect(machine, PICKLE_LIST, base, err);
}

static enum vitlrp_status run_tuple1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return collect_last(machine, 1, err);
}

static enum vitlrp_status run_tuple2(struct pickle_machine *machine, struct vitlrp_error *err) {
    return collect_last(machine, 2, err);
}

static enum vitlrp_status run_tuple3(struct pickle_machine *machine, struct vitlrp_error *err) {
    return collect_last(machine, 3, err);
}

/* Moves the values from height `base` on into the container under them. */
static enum vitlrp_status extend(struct pickle_machine *machine, enum pickle_kind kind, size_t base,
                                 struct vitlrp_error *err) {
    size_t count = machine->stack_count - base;
    struct pickle_value *container = base > fence(machine) ? machine->stack[base - 1] : NULL;
    if (container == NULL || container->kind != kind) {
        return damaged("items for what is no container", err);
    }
    if (kind != PICKLE_LIST && count % 2 != 0) {
        return damaged("a key without a value", err);
    }
    for (size_t i = base; i < machine->stack_count; i++) {
        TRY(pickle_append(container, machine->stack[i], err));
    }
    machine->stack_count = base;
    return VITLRP_OK;
}

/* An object may be filled as a list or a set; nobody asks for these items. */
static bool drops_items(struct pickle_machine *machine, size_t base) {
    bool object = base > fence(machine) && machine->stack[base - 1]->kind == PICKLE_OBJECT;
    if (object) {
        machine->stack_count = base;
    }
    return object;
}

static enum vitlrp_status append_items(struct pickle_machine *machine, size_t base,
                                       struct vitlrp_error *err) {
    return drops_items(machine, base) ? VITLRP_OK : extend(machine, PICKLE_LIST, base, err);
}

static enum vitlrp_status run_append(struct pickle_machine *machine, struct vitlrp_error *err) {
    if (machine->stack_count == 0) {
        return damaged("its stack is empty", err);
    }
    return append_items(machine, machine->stack_count - 1, err);
}

static enum vitlrp_status run_appends(struct pickle_machine *machine, struct vitlrp_error *err) {
    size_t base = 0;
    TRY(pop_mark(machine, &base, err));
    return append_items(machine, base, err);
}

/* An object of a class like a dictionary keeps its items. */
static enum vitlrp_status set_items(struct pickle_machine *machine, size_t base,
                                    struct vitlrp_error *err) {
    bool object = base > fence(machine) && machine->stack[base - 1]->kind == PICKLE_OBJECT;
    return extend(machine, object ? PICKLE_OBJECT : PICKLE_DICT, base, err);
}

static enum vitlrp_status run_setitem(struct pickle_machine *machine, struct vitlrp_error *err) {
    if (machine->stack_count < 2) {
        return damaged("its stack is empty", err);
    }
    return set_items(machine, machine->stack_count - 2, err);
}

static enum vitlrp_status run_setitems(struct pickle_machine *machine, struct vitlrp_error *err) {
    size_t base = 0;
    TRY(pop_mark(machine, &base, err));
    return set_items(machine, base, err);
}

static enum vitlrp_status run_memoize(struct pickle_machine *machine, struct vitlrp_error *err) {
    return pickle_memo_put(machine, machine->memo_count, err);
}

static enum vitlrp_status memo_put(struct pickle_machine *machine, size_t size,
                                   struct vitlrp_error *err) {
    uint64_t slot = 0;
    TRY(take_number(machine, size, &slot, err));
    return pickle_memo_put(machine, slot, err);
}

static enum vitlrp_status run_put1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return memo_put(machine, 1, err);
}

static enum vitlrp_status run_put4(struct pickle_machine *machine, struct vitlrp_error *err) {
    return memo_put(machine, 4, err);
}

static enum vitlrp_status memo_get(struct pickle_machine *machine, size_t size,
                                   struct vitlrp_error *err) {
    uint64_t slot = 0;
    TRY(take_number(machine, size, &slot, err));
    if (slot >= machine->memo_count || machine->memo[slot] == NULL) {
        return damaged("it recalls what it never remembered", err);
    }
    return pickle_push(machine, machine->memo[slot], err);
}

static enum vitlrp_status run_get1(struct pickle_machine *machine, struct vitlrp_error *err) {
    return memo_get(machine, 1, err);
}

static enum vitlrp_status run_get4(struct pickle_machine *machine, struct vitlrp_error *err) {
    return memo_get(machine, 4, err);
}

/* Bytes up to the next newline, which is taken too. */
static enum vitlrp_status take_line(struct pickle_machine *machine, const char **line,
                                    size_t *length, struct vitlrp_error *err) {
    const unsigned char *newline =
        memchr(machine->next, '\n', (size_t) (machine->end - machine->next));
    if (newline == NULL) {
        return fail(err, VITLRP_FORMAT, "truncated: its pickle does not end");
    }
    *line = (const char *) machine->next;
    *length = (size_t) (newline - machine->next);
    machine->next = newline + 1;
    return VITLRP_OK;
}

static enum vitlrp_status take_global(struct pickle_machine *machine, struct pickle_value **out,
                                      struct vitlrp_error *err) {
    struct pickle_span module = {0};
    struct pickle_span name = {0};
    TRY(take_line(machine, &module.text, &module.length, err));
    TRY(take_line(machine, &name.text, &name.length, err));
    TRY(pickle_find_global(machine, &module, &name, out, err));
    if ((*out)->kind == PICKLE_OPAQUE) {
        (*out)->text = module.text; /* both lines */
        (*out)->length = (size_t) (name.text - module.text) + name.length;
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_global(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *value = NULL;
    TRY(take_global(machine, &value, err));
    return pickle_push(machine, value, err);
}

static enum vitlrp_status run_stack_global(struct pickle_machine *machine,
                                           struct vitlrp_error *err) {
    struct pickle_value *name = NULL;
    struct pickle_value *module = NULL;
    struct pickle_value *value = NULL;
    TRY(pop(machine, &name, err));
    TRY(pop(machine, &module, err));
    if (name->kind != PICKLE_STRING || module->kind != PICKLE_STRING) {
        return damaged("a global without a name", err);
    }
    const struct pickle_span module_text = {module->text, module->length};
    const struct pickle_span name_text = {name->text, name->length};
    TRY(pickle_find_global(machine, &module_text, &name_text, &value, err));
    if (value->kind == PICKLE_OPAQUE) {
        value->maker = module;
        value->text = name->text;
        value->length = name->length;
    }
    return pickle_push(machine, value, err);
}

static enum vitlrp_status run_reduce(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *arguments = NULL;
    struct pickle_value *callable = NULL;
    struct pickle_value *result = NULL;
    TRY(pop(machine, &arguments, err));
    TRY(pop(machine, &callable, err));
    TRY(pickle_call(machine, callable, arguments, &result, err));
    return pickle_push(machine, result, err);
}

static enum vitlrp_status push_object(struct pickle_machine *machine,
                                      const struct pickle_value *maker, struct vitlrp_error *err) {
    struct pickle_value *object = NULL;
    TRY(pickle_make_object(machine, maker, &object, err));
    return pickle_push(machine, object, err);
}

/* INST: a class by its name, and arguments down to the mark. */
static enum vitlrp_status run_inst(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *class = NULL;
    TRY(take_global(machine, &class, err));
    TRY(pop_mark(machine, &machine->stack_count, err));
    return push_object(machine, class, err);
}

/* OBJ: a class behind the mark, and its arguments. */
static enum vitlrp_status run_obj(struct pickle_machine *machine, struct vitlrp_error *err) {
    size_t base = 0;
    size_t height = machine->stack_count;
    TRY(pop_mark(machine, &base, err));
    if (height == base) {
        return damaged("an object without a class", err);
    }
    machine->stack_count = base;
    return push_object(machine, machine->stack[base], err);
}

/* class.__new__(class, *arguments): a call, for what the list has. */
static enum vitlrp_status run_newobj(struct pickle_machine *machine, struct vitlrp_error *err) {
    return run_reduce(machine, err);
}

static enum vitlrp_status run_newobj_ex(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *keywords = NULL;
    TRY(pop(machine, &keywords, err));
    return run_reduce(machine, err);
}

/* Attributes, which only an object keeps: a state_dict's (_metadata) are not needed, nor those of
 * what stands for a tensor or a global. */
static enum vitlrp_status run_build(struct pickle_machine *machine, struct vitlrp_error *err) {
    struct pickle_value *state = NULL;
    TRY(pop(machine, &state, err));
    if (machine->stack_count <= fence(machine)) {
        return damaged("its stack is empty", err);
    }
    struct pickle_value *target = machine->stack[machine->stack_count - 1];
    if (target->kind == PICKLE_OBJECT) {
        target->state = state;
        return VITLRP_OK;
    }
    if (target->kind != PICKLE_DICT && target->kind != PICKLE_TENSOR &&
        target->kind != PICKLE_GLOBAL && target->kind != PICKLE_OPAQUE) {
        return damaged("attributes for what has none", err);
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_persistent_id(struct pickle_machine *machine,
                                            struct vitlrp_error *err) {
    struct pickle_value *id = NULL;
    struct pickle_value *value = NULL;
    TRY(pop(machine, &id, err));
    TRY(pickle_load_persistent(machine, id, &value, err));
    return pickle_push(machine, value, err);
}

/* Indexed by opcode; the names on the right are those of Python's pickletools. */
static enum vitlrp_status (*const HANDLERS[256])(struct pickle_machine *machine,
                                                 struct vitlrp_error *err) = {
    ['('] = run_mark,          /* MARK */
    ['.'] = run_stop,          /* STOP */
    ['0'] = run_pop,           /* POP */
    ['1'] = run_pop_mark,      /* POP_MARK */
    ['2'] = run_dup,           /* DUP */
    ['B'] = run_bytes4,        /* BINBYTES */
    ['C'] = run_bytes1,        /* SHORT_BINBYTES */
    ['G'] = run_float,         /* BINFLOAT */
    ['J'] = run_int4,          /* BININT */
    ['K'] = run_int1,          /* BININT1 */
    ['M'] = run_int2,          /* BININT2 */
    ['N'] = run_none,          /* NONE */
    ['Q'] = run_persistent_id, /* BINPERSID */
    ['R'] = run_reduce,        /* REDUCE */
    ['T'] = run_string4,       /* BINSTRING */
    ['U'] = run_string1,       /* SHORT_BINSTRING */
    ['X'] = run_unicode4,      /* BINUNICODE */
    ['a'] = run_append,        /* APPEND */
    ['b'] = run_build,         /* BUILD */
    ['c'] = run_global,        /* GLOBAL */
    ['e'] = run_appends,       /* APPENDS */
    ['h'] = run_get1,          /* BINGET */
    ['i'] = run_inst,          /* INST */
    ['j'] = run_get4,          /* LONG_BINGET */
    ['l'] = run_list,          /* LIST */
    ['o'] = run_obj,           /* OBJ */
    ['q'] = run_put1,          /* BINPUT */
    ['r'] = run_put4,          /* LONG_BINPUT */
    ['s'] = run_setitem,       /* SETITEM */
    ['t'] = run_tuple,         /* TUPLE */
    ['u'] = run_setitems,      /* SETITEMS */
    [')'] = run_empty_tuple,   /* EMPTY_TUPLE */
    [']'] = run_empty_list,    /* EMPTY_LIST */
    ['}'] = run_empty_dict,    /* EMPTY_DICT */
    [0x80] = run_proto,        /* PROTO */
    [0x81] = run_newobj,       /* NEWOBJ */
    [0x85] = run_tuple1,       /* TUPLE1 */
    [0x86] = run_tuple2,       /* TUPLE2 */
    [0x87] = run_tuple3,       /* TUPLE3 */
    [0x88] = run_true,         /* NEWTRUE */
    [0x89] = run_false,        /* NEWFALSE */
    [0x8A] = run_long1,        /* LONG1 */
    [0x8B] = run_long4,        /* LONG4 */
    [0x8C] = run_unicode1,     /* SHORT_BINUNICODE */
    [0x8D] = run_unicode8,     /* BINUNICODE8 */
    [0x8E] = run_bytes8,       /* BINBYTES8 */
    [0x8F] = run_empty_list,   /* EMPTY_SET */
    [0x90] = run_appends,      /* ADDITEMS */
    [0x91] = run_list,         /* FROZENSET */
    [0x92] = run_newobj_ex,    /* NEWOBJ_EX */
    [0x93] = run_stack_global, /* STACK_GLOBAL */
    [0x94] = run_memoize,      /* MEMOIZE */
    [0x95] = run_frame,        /* FRAME */
    [0x96] = run_bytes8,       /* BYTEARRAY8 */
};

enum vitlrp_status pickle_run(struct pickle_machine *machine, unsigned char opcode,
                              struct vitlrp_error *err) {
    if (HANDLERS[opcode] == NULL) {
        return fail(err, VITLRP_FORMAT,
                    "its pickle has opcode 0x%02X, which torch.save does not use", opcode);
    }
    return HANDLERS[opcode](machine, err);
}
