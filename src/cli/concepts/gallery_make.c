/* A gallery from its units to its files. */
#include "base/draft.h"
#include "gallery.h"

#define FILE_LIMIT ((size_t) 1 << 30)

static enum vitlrp_status write_file(const struct gallery_source *source, const char *name,
                                     const struct text *text, struct vitlrp_error *err) {
    const struct draft_place place = {source->folder, name, -1};
    TRY(text_check(text, name, err));
    return error_prefix(err, draft_put(&place, text->data, text->length, err), name);
}

/* The page is made of the record, so it comes last. */
static enum vitlrp_status write_files(const struct gallery_source *source, const json_t *record,
                                      struct vitlrp_error *err) {
    struct text text = {.limit = FILE_LIMIT};
    struct text page = {.limit = FILE_LIMIT};
    json_append(&text, record, 1);
    text_append_string(&text, "\n");
    enum vitlrp_status status = write_file(source, GALLERY_RECORD, &text, err);
    if (status == VITLRP_OK) {
        status = gallery_page(record, source->folder, &page, err);
    }
    if (status == VITLRP_OK) {
        status = write_file(source, GALLERY_PAGE, &page, err);
    }
    text_free(&page);
    text_free(&text);
    return status;
}

enum vitlrp_status gallery_make(const struct gallery_source *source, struct vitlrp_error *err) {
    struct gallery gallery;
    json_t *record = NULL;
    enum vitlrp_status status = gallery_open(source, &gallery, err);
    if (status == VITLRP_OK && gallery.unit_count > 0) {
        status = gallery_work(&gallery, err);
        if (status == VITLRP_OK) {
            status = gallery_record(&gallery, &record, err);
        }
        if (status == VITLRP_OK) {
            status = write_files(source, record, err);
        }
    }
    json_decref(record);
    gallery_close(&gallery);
    return status;
}
