/* The words of the explained texts on a page: what each of them holds of the logit, in colours and
 * in numbers. */
#include <math.h>

#include "image_page.h"

#define LEVELS 4 /* of the colour of each sign */

/* The largest magnitude of a text's words. */
static double peak_of(const struct text_words *words) {
    double peak = 0.0;
    for (size_t i = 0; i < words->info.words; i++) {
        peak = fmax(peak, fabs((double) words->words[i]));
    }
    return peak;
}

/* Its direction is its own: <bdi>. */
static void append_word(struct text *out, const struct text_words *words, size_t number,
                        double peak) {
    const struct vitlrp_word word = text_words_at(words, number);
    double value = (double) words->words[number];
    int level = peak > 0.0 ? (int) ceil(LEVELS * fabs(value) / peak) : 0;
    text_printf(out, "<li class=\"%s%d\"><bdi>", value < 0.0 ? "against" : "for", level);
    page_append_text(out, word.text);
    text_printf(out, "</bdi> <small>%+.3g</small></li>\n", value);
}

void image_page_keep_words(struct image_page *page, const struct explanation *explanation) {
    const struct text_words *words = explanation->words;
    struct text *out = &page->words;
    double peak = peak_of(words);
    text_append_string(out, "<h3><bdi>");
    page_append_text(out, words->info.text);
    text_append_string(out, "</bdi></h3>\n<ul class=\"words\">\n");
    for (size_t i = 0; i < words->info.words; i++) {
        append_word(out, words, i, peak);
    }
    text_printf(out, "</ul>\n<p class=\"note\">Logit%s %.4g = words %.4g + absorbed %.4g.</p>\n",
                words->logit_bias != 0.0 ? " less its bias" : "", words->explained, words->sum,
                words->explained - words->sum);
}

void image_page_append_words(const struct image_page *page, struct text *out) {
    if (page->words.length == 0) {
        return;
    }
    text_append_string(out, "<section class=\"panel\" id=\"words\">\n<h2>The words</h2>\n");
    text_append_string(out, page->words.data);
    text_append_string(out,
                       "<p class=\"note\">What each word of the text holds of the logit, by LRP "
                       "through the text tower. The map and the words are two accounts of one "
                       "logit. What begins, ends and fills a text is shown as well.</p>\n"
                       "</section>\n");
}
