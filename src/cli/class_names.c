#include "class_names.h"

#include <math.h>
#include <stdio.h>

struct name_values class_names_open(const struct explanation *explanation,
                                    struct class_names *names) {
    const struct vitlrp_class *target = &explanation->target;
    double probability = explanation->prediction->probability[target->output];
    struct vitlrp_class found;
    *names = (struct class_names){.label = {.limit = NAME_LIMIT}};
    snprintf(names->number, sizeof names->number, "%d", target->index);
    if (isnan(probability)) {
        snprintf(names->probability, sizeof names->probability, "%.4g",
                 (double) explanation->prediction->logits[target->output]);
    } else {
        snprintf(names->probability, sizeof names->probability, "%.1f", 100.0 * probability);
    }
    bool is_clean = name_clean(target->label, &names->label);
    if (!is_clean ||
        vitlrp_model_find_class(explanation->model, target->label, &found, NULL) != VITLRP_OK) {
        text_printf(&names->label, "%s%d", names->label.length > 0 ? "-" : "", target->index);
    }
    return (struct name_values){
        .number = names->number, .label = names->label.data, .probability = names->probability};
}

void class_names_close(struct class_names *names) {
    text_free(&names->label);
}
