/* The settings of an evaluation by their table, eval/settings.def. */
#ifndef EVAL_PROTOCOL_TABLE_H
#define EVAL_PROTOCOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/field.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "base/words.h"
#include "eval/eval_results.h"

enum setting_since { SETTING_FIRST, SETTING_LATER };

enum setting_place { SETTING_FACT, SETTING_SENTENCE, SETTING_LINE };

/* A row of the table. */
struct eval_setting {
    const char *key, *title;
    struct field field; /* of struct eval_protocol */
    int64_t low, high, initial;
    enum word_list words; /* WORD_LISTS: a whole number */
    bool is_set;          /* bit i of the value is value i of the words */
    enum setting_since since;
    enum setting_place place;
};

/* NULL beyond the last. */
const struct eval_setting *eval_setting_at(size_t index);

/* The setting of that key, NULL if there is none. */
const struct eval_setting *eval_setting_find(const char *key);

int64_t eval_setting_value(const struct eval_setting *setting,
                           const struct eval_protocol *protocol);

/* Reports have a line about a setting of SETTING_LINE only where it is not at its initial value. */
bool eval_setting_is_told(const struct eval_setting *setting, const struct eval_protocol *protocol);

/* Appends the value: its word, its words with commas between them, or its digits. The protocol was
 * checked. */
void eval_setting_append(const struct eval_setting *setting, const struct eval_protocol *protocol,
                         struct text *out);

/* Every setting at its initial value. */
struct eval_protocol eval_protocol_default(void);

/* USAGE, naming the setting, unless each is in its range. */
enum vitlrp_status eval_protocol_check(const struct eval_protocol *protocol,
                                       struct vitlrp_error *err);

/* Appends "key": value for each, separated by commas. */
void protocol_write(const struct eval_protocol *protocol, struct text *out);

/* FORMAT, naming the key, unless the object has them all in their ranges; settings that came later
 * than the format get their initial values where they are not there. */
enum vitlrp_status protocol_read(const json_t *object, struct eval_protocol *out,
                                 struct vitlrp_error *err);

/* The key of the first setting in which the two differ; NULL if there is none. */
const char *protocol_difference(const struct eval_protocol *a, const struct eval_protocol *b);

#endif
