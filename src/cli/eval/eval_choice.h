/* What the options of eval and tune mean, as the library takes them. */
#ifndef CLI_EVAL_CHOICE_H
#define CLI_EVAL_CHOICE_H

#include "base/status.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"
#include "vitlrp_eval.h"

struct eval_choice {
    struct vitlrp_eval_options options; /* points into this struct, which must stay where it is */
    struct vitlrp_rule_changes rules;
    struct vitlrp_preprocess preprocess;
    char *names;                   /* owned: --methods, taken apart */
    const char **methods;          /* owned */
    char *map_names;               /* owned: --maps, taken apart */
    struct vitlrp_eval_maps *maps; /* owned */
};

/* Reads the one operand and the options of the protocol, the dataset and the rules. USAGE names the
 * option; other failures are those of a settings file. eval_choice_free releases it, after a
 * failure too. */
enum vitlrp_status eval_choose(const struct args *args, const struct settings *settings,
                               struct eval_choice *choice, struct vitlrp_error *err);

/* Puts into the choice what depends on the open model: its preprocessing with the settings' changes
 * over it, and the memory that is left beside it. */
void eval_choose_for_model(const struct settings *settings, const struct vitlrp_model *model,
                           const struct console *console, struct eval_choice *choice);

/* The value of one of the library's settings. */
int64_t eval_setting_get(const struct vitlrp_eval_setting *setting,
                         const struct vitlrp_eval_options *options);

void eval_choice_free(struct eval_choice *choice);

#endif
