#include "base/page_frame.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/sha256.h"

#define DATA_LIMIT ((size_t) 1 << 28)
#define ESCAPED_LIMIT 4096

const char *const PAGE_STYLE =
    ":root{color-scheme:light dark;--bg:#f7f6f3;--panel:#fff;--ink:#1c1b1a;--soft:#6a6762;"
    "--line:#e3e0da;--faint:#f0eeea;--accent:#b4330f;--accent-bg:#fdece5;--good:#146c3a;"
    "--bad:#a3262a;--warn-bg:#fdf3d7;--warn:#6d4b00;--control:#a8a49d}"
    "@media(prefers-color-scheme:dark){:root{--bg:#131314;--panel:#1b1b1d;--ink:#ecebe8;"
    "--soft:#a09d97;--line:#323236;--faint:#232326;--accent:#ff9a70;--accent-bg:#3a2018;"
    "--good:#6fd79b;--bad:#ff9b98;--warn-bg:#362c12;--warn:#f1d58b;--control:#6d6b68}}"
    "*{box-sizing:border-box}"
    "html{-webkit-text-size-adjust:100%}"
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,"
    "sans-serif}"
    ":focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    "@media print{:root{--bg:#fff;--panel:#fff;--ink:#000;--soft:#444;--line:#bbb;--faint:#eee}}";

/* Appends what names these bytes in the policy: 'sha256-...'. */
static enum vitlrp_status hash_source(const char *bytes, size_t size, struct text *source,
                                      struct vitlrp_error *err) {
    char digits[SHA256_TEXT];
    unsigned char digest[(SHA256_TEXT - 1) / 2];
    TRY(sha256_bytes(bytes, size, digits, err));
    for (size_t i = 0; i < sizeof digest; i++) {
        int high = ascii_hexadecimal((unsigned char) digits[2 * i]);
        int low = ascii_hexadecimal((unsigned char) digits[2 * i + 1]);
        digest[i] = (unsigned char) (16 * high + low);
    }
    text_append_string(source, "'sha256-");
    base64_append(source, digest, sizeof digest);
    text_append_string(source, "'");
    return VITLRP_OK;
}

static void append_policy(struct text *out, const struct page_frame *frame, const char *style,
                          const char *script) {
    text_append_string(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                            "'none'; base-uri 'none'; form-action 'none'; img-src ");
    page_append_text(out, frame->images);
    text_printf(out, "; style-src %s; script-src %s\">\n",
                frame->has_attributes ? "'unsafe-inline'" : style,
                frame->script == NULL ? "'none'" : script);
}

static void append_head(struct text *out, const struct page_frame *frame, const char *style,
                        const char *style_source, const char *script_source) {
    text_append_string(out,
                       "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    append_policy(out, frame, style_source, script_source);
    text_append_string(out, "<meta name=\"generator\" content=\"vitlrp ");
    page_append_text(out, frame->version);
    text_append_string(out, "\">\n<title>");
    page_append_text(out, frame->title);
    text_append_string(out, "</title>\n<style>");
    text_append_string(out, style);
    text_append_string(out, "</style>\n</head>\n<body>\n");
}

enum vitlrp_status page_begin(struct text *out, const struct page_frame *frame,
                              struct vitlrp_error *err) {
    struct text style = {.limit = DATA_LIMIT};
    struct text style_source = {.limit = 128};
    struct text script_source = {.limit = 128};
    enum vitlrp_status status = VITLRP_OK;
    text_append_string(&style, PAGE_STYLE);
    text_append_string(&style, frame->style);
    TRY_GOTO(status, text_check(&style, "the style of a page", err), cleanup);
    TRY_GOTO(status, hash_source(style.data, style.length, &style_source, err), cleanup);
    if (frame->script != NULL) {
        TRY_GOTO(status, hash_source(frame->script, strlen(frame->script), &script_source, err),
                 cleanup);
    }
    TRY_GOTO(status, text_check(&style_source, "the policy of a page", err), cleanup);
    TRY_GOTO(status, text_check(&script_source, "the policy of a page", err), cleanup);
    append_head(out, frame, style.data, style_source.data, script_source.data);

cleanup:
    text_free(&style);
    text_free(&style_source);
    text_free(&script_source);
    return status;
}

void page_end(struct text *out, const struct page_frame *frame) {
    if (frame->script != NULL) {
        text_append_string(out, "<script>");
        text_append_string(out, frame->script);
        text_append_string(out, "</script>\n");
    }
    text_append_string(out, "</body>\n</html>\n");
}

void page_append_text(struct text *out, const char *text) {
    char shown[ESCAPED_LIMIT];
    text_escape_name(shown, sizeof shown, text);
    text_append_html(out, shown);
}

void page_append_address(struct text *out, const char *path, size_t length) {
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (size_t i = 0; i < length; i++) {
        if (path[i] != '\0' && strchr(PLAIN, path[i]) != NULL) {
            text_append(out, path + i, 1);
        } else {
            text_printf(out, "%%%02X", (unsigned char) path[i]);
        }
    }
}

void page_append_footer(struct text *out, const char *version, const char *more) {
    text_append_string(out, "<footer>Made by vitlrp ");
    page_append_text(out, version);
    text_append_string(out, ". This page loads nothing from elsewhere.");
    text_append_string(out, more);
    text_append_string(out, "</footer>\n");
}

void page_append_json(struct text *out, const json_t *value) {
    struct text plain = {.limit = DATA_LIMIT};
    json_append(&plain, value, 0);
    for (size_t i = 0; i < plain.length; i++) {
        if (plain.data[i] == '<') {
            text_append_string(out, "\\u003c"); /* no "</script>", no "<!--" */
        } else {
            text_append(out, plain.data + i, 1);
        }
    }
    out->failed = out->failed || plain.failed;
    text_free(&plain);
}

void page_append_data(struct text *out, const char *id, const json_t *value) {
    text_printf(out, "<script type=\"application/json\" id=\"%s\">", id);
    page_append_json(out, value);
    text_append_string(out, "</script>\n");
}

void page_append_jpeg(struct text *out, const char *attributes, const void *data, size_t size) {
    text_printf(out, "<img %s src=\"data:image/jpeg;base64,", attributes);
    base64_append(out, data, size);
    text_append_string(out, "\">");
}
