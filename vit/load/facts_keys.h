/* What the readers of configuration files share: a file's keys as a table. A key is read, ignored
 * since it cannot change the model's function, or refused by name; there is no fourth way. */
#ifndef VIT_FACTS_KEYS_H
#define VIT_FACTS_KEYS_H

#include "vit/load/facts.h"

enum key_kind {
    KEY_IGNORED, /* cannot change what the model computes, or says again what tensors say */
    KEY_NUMBER,  /* into `fact`, whose row says whether it is a whole one */
    KEY_FLAG,
    KEY_PAIR,     /* a number or [first, second], into `fact` and the one behind it in facts.def */
    KEY_WORD,     /* a string of `words`, into `fact` */
    KEY_ONLY_OFF, /* only false, 0 or "" are understood */
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
    bool ignores_unknown; /* its library looks at no other keys */
};

/* States what the object's keys state. UNSUPPORTED, naming it, for a key that no list has. */
enum vitlrp_status keys_read(const struct keys_read *from, struct model_facts *facts,
                             struct vitlrp_error *err);

/* The member at an offset of FACT_AT. */
struct fact *fact_member(struct model_facts *facts, size_t offset);

/* A value that a reader states whatever the key's own value is. */
struct fact_statement {
    size_t fact; /* FACT_AT(member) */
    double value;
};

/* States what is still open. */
void facts_state_all(struct model_facts *facts, const struct fact_statement *statements,
                     size_t count, enum fact_source source, const char *file, const char *key);

/* States what is still open of a plain Vision Transformer, which the configurations and tables of
 * all libraries deviate from; not its eps, nor where its final norm is. */
void facts_state_plain(struct model_facts *facts, enum fact_source source, const char *key);

/* States what a key means, if it is still open. */
void fact_from_key(struct fact *fact, double value, const char *file, const char *key);

/* States a key's value. MISMATCH if a file has stated another before. */
enum vitlrp_status key_state(struct model_facts *facts, size_t offset, double value,
                             const char *file, const char *key, struct vitlrp_error *err);

/* The flag under a key; MISMATCH for other types. *is_there stays false without the key. */
enum vitlrp_status key_flag(const json_t *object, const char *key, const char *file, bool *is_there,
                            bool *value, struct vitlrp_error *err);

/* Each reader takes the files of one library. */
enum vitlrp_status facts_timm(const struct facts_beside *beside, struct model_facts *facts,
                              struct vitlrp_error *err);

/* timm's arguments of a constructor: a config.json's model_args, open_clip's timm_model_kwargs. */
enum vitlrp_status facts_timm_args(const json_t *args, const char *file, struct model_facts *facts,
                                   struct vitlrp_error *err);

enum vitlrp_status facts_huggingface(const struct facts_beside *beside, struct model_facts *facts,
                                     struct vitlrp_error *err);

/* What the class states that an adapter's head was trained in, where no configuration lies beside
 * the weights. */
enum vitlrp_status facts_huggingface_saved(const struct facts_beside *beside,
                                           struct model_facts *facts, struct vitlrp_error *err);
enum vitlrp_status facts_open_clip(const struct facts_beside *beside, struct model_facts *facts,
                                   struct vitlrp_error *err);

/* What the archives of OpenAI's CLIP are made for: its code. */
void facts_openai_clip(const struct facts_beside *beside, struct model_facts *facts);

/* The same of text towers. */
enum vitlrp_status facts_huggingface_text(const struct facts_beside *beside,
                                          struct model_facts *facts, struct vitlrp_error *err);
enum vitlrp_status facts_open_clip_text(const struct facts_beside *beside,
                                        struct model_facts *facts, struct vitlrp_error *err);
void facts_openai_clip_text(const struct facts_beside *beside, struct model_facts *facts);

/* The words of Hugging Face's problem_type. */
extern const struct key_word PROBLEM_WORDS[];

/* The architecture that a file names, and whether it states another width than the name's. */
struct named_architecture {
    const char *name, *file;
    bool has_own_width;
};

/* What is known of a published architecture: everything of its row, as far as it is open. Nothing
 * is stated if there is no such row, nor, with a warning, if the tensors' width is not the row's
 * and the file does not say so. */
void published_apply(const struct named_architecture *named, const struct facts_beside *beside,
                     struct model_facts *facts);

/* The same by the names of the weights' file and of the folders that it lies in. */
void published_apply_path(const struct facts_beside *beside, struct model_facts *facts);

/* The attention heads of torchvision's models of this width; 0 of others. */
int32_t torchvision_heads(int32_t width);

#endif
