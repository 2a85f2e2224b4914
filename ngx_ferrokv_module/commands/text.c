#include "commands/text.h"
#include "rules/field.h"

#include <stdarg.h>
#include <stdio.h>

void
fkv_text_add(fkv_text_t *text, const char *fmt, ...)
{
    char     *p;
    int       len;
    va_list   args;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    if (text->rc == FKV_OK) {
        text->rc = fkv__buf_reserve(&text->buf, (size_t) len + 1);
    }

    if (text->rc != FKV_OK) {
        return;
    }

    p = (char *) text->buf.data + text->buf.len;

    va_start(args, fmt);
    (void) vsnprintf(p, (size_t) len + 1, fmt, args);
    va_end(args);

    text->buf.len += (size_t) len;
}


void
fkv_text_add_lower(fkv_text_t *text, const char *word)
{
    for (size_t i = 0; word[i] != '\0'; i++) {
        fkv_text_add(text, "%c", fkv_rules_lower((uint8_t) word[i]));
    }
}


size_t
fkv_text_key(char out[FKV_TEXT_KEY_BYTES], fkv_str_t key)
{
    char    *p = out;
    size_t   i;

    for (i = 0; i < key.len && i < FKV_TEXT_KEY_LEN; i++) {

        uint8_t  c = key.data[i];

        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
            p += snprintf(p, 5, "\\x%02X", c);

        } else {
            *p++ = (char) c;
        }
    }

    p += snprintf(p, 4, "%s", (i < key.len) ? "..." : "");

    return (size_t) (p - out);
}


void
fkv_text_human(char out[FKV_TEXT_HUMAN_BYTES], uint64_t bytes)
{
    static const char  units[] = "BKMGTP";
    double             n = (double) bytes;
    unsigned           unit = 0;

    while (n >= 1024 && units[unit + 1] != '\0') {
        n /= 1024;
        unit++;
    }

    (void) snprintf(out, FKV_TEXT_HUMAN_BYTES, "%.*f%c", (unit == 0) ? 0 : 2, n,
                    units[unit]);
}


void
fkv_text_done(fkv_text_t *text)
{
    fkv__buf_done(&text->buf);
}
