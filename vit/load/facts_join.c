/* What is stated meets what the tensors show. */
#include "vit/load/facts_keys.h"

/* Nothing of a table's row is believed once the tensors have contradicted it: the model only bears
 * the name. */
static void drop_table(struct model_facts *facts) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct fact *fact = fact_member(facts, rows[i].offset);
        if (fact->source == FACT_TABLE) {
            *fact = (struct fact){0};
        }
    }
}

enum vitlrp_status facts_join(struct model_facts *facts, const struct model_facts *tensors,
                              struct vitlrp_error *err) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct fact *fact = fact_member(facts, rows[i].offset);
        const struct fact *shown = fact_of(tensors, &rows[i]);
        if (!fact_known(fact) || !fact_known(shown)) {
            continue;
        }
        if (fact->value == shown->value) {
            *fact = fact->source > FACT_FILE ? *shown : *fact; /* who knows, not who supposes */
            continue;
        }
        if (fact->source == FACT_USER || fact->source == FACT_FILE) {
            return fact_contradiction(&rows[i], fact, shown, err);
        }
        if (fact->source == FACT_TABLE) {
            drop_table(facts);
        }
        *fact = *shown;
    }
    for (size_t i = 0; i < count; i++) {
        const struct fact *shown = fact_of(tensors, &rows[i]);
        if (fact_known(shown)) {
            fact_state(fact_member(facts, rows[i].offset), shown->value, shown->source, shown->file,
                       shown->key);
        }
    }
    return VITLRP_OK;
}
