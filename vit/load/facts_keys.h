/* What the readers of configuration files share: a file's keys as a table. A key is read, ignored
 * since it cannot change the model's function, or refused by name; there is no fourth way. */
#ifndef VIT_FACTS_KEYS_H
#define VIT_FACTS_KEYS_H

#include "vit/load/facts.h"

enum key_kind {
    KEY_IGNORED, /* cannot change what the model computes, or says again what tensors say */
    KEY_COUNT,   /* a whole number, into `fact` */
    KEY_NUMBER,
    KEY_FLAG,
    KEY_NOT_FLAG, /* true means that `fact` is not so */
    KEY_PAIR,     /* a number or [first, second], into `fact` and the one behind it in facts.def */
    KEY_WORD,     /* a string of `words`, into `fact` */
    KEY_ONLY_OFF, /* only false, 0 or "" are understood */
    KEY_ONLY_ON,  /* only true */
    KEY_OWN       /* the reader looks at it itself */
};

/* A word of a file and the value that it means. NULL ends a list. */
struct key_word {
    const char *word;
    int32_t value;
};

struct fact_key {
    const char *key;
    enum key_kind kind;
    size_t fact; /* FACT_AT(member) */
    const struct key_word *words;
};

#define FACT_AT(member) offsetof(struct model_facts, member)

struct fact_keys {
    const struct fact_key *rows;
    size_t count;
};

/* An object of a file whose keys are looked up in one list after the other; null is absent. */
struct keys_read {
    const json_t *object;
    const char *file;              /* a constant for messages and origins */
    const struct fact_keys *lists; /* the first that has the key decides */
    size_t list_count;
};

/* States what the object's keys state. UNSUPPORTED, naming it, for a key that no list has. */
enum vitlrp_status keys_read(const struct keys_read *from, struct model_facts *facts,
                             struct vitlrp_error *err);

/* The member at an offset of FACT_AT. */
struct fact *fact_member(struct model_facts *facts, size_t offset);

/* The names by which libraries call the activations. */
extern const struct key_word ACTIVATION_WORDS[];

/* Each reader takes the files of one library. `file` is the file's name, a constant. */
enum vitlrp_status facts_metadata(const json_t *object, struct model_facts *facts,
                                  struct vitlrp_error *err);

#endif
