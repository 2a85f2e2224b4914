#include "extensions/answer.h"
#include "extensions/say.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES  512         /* longer sentences are cut */

typedef struct {
    int          rc;
    const char  *code;          /* what Redis' clients look at */
    const char  *text;
} usual_t;

static const usual_t  usual[] = {
    { FERROKV_EMEMORY,   "ERR",        "out of memory" },
    { FERROKV_EARG,      "ERR",        "wrong arguments" },
    { FERROKV_ETYPE,     "WRONGTYPE",  "Operation against a key holding the "
                                       "wrong kind of value" },
    { FERROKV_EDENIED,   "NOPERM",     "an extension refuses it" },
    { FERROKV_ECONFLICT, "TRYAGAIN",   "another write came first" },
    { FERROKV_EREADONLY, "READONLY",   "the store is read-only" },
    { FERROKV_ETIMEOUT,  "ERR",        "timeout" },
    { FERROKV_EBACKEND,  "ERR",        "backend failed" },
    { FERROKV_EMISSING,  "EXTMISSING", "the extension that owns it is not "
                                       "here" },
    { FERROKV_ECORRUPT,  "ERR",        "corrupt data, see the error log" },
    { FERROKV_EFULL,     "OOM",        "no room is left" },
    { FERROKV_ETOOBIG,   "ERR",        "too large" },
    { FERROKV_EPLACE,    "ERR",        NULL },
    { FERROKV_ERROR,     "ERR",        NULL }
};


static const usual_t *
usual_of(int rc)
{
    const unsigned  n = sizeof(usual) / sizeof(usual[0]);

    for (unsigned i = 0; i < n; i++) {
        if (usual[i].rc == rc) {
            return &usual[i];
        }
    }

    return &usual[n - 1];
}


int
fkv_answer_code(int rc)
{
    switch (rc) {

    case FKV_OK:
        return FERROKV_OK;

    case FKV_NOTFOUND:
    case FKV_END:
        return FERROKV_NONE;

    case FKV_AGAIN:
        return FERROKV_ENOTYET;

    case FKV_CONFLICT:
    case FKV_GONE:
    case FKV_EBUSY:
        return FERROKV_ECONFLICT;

    case FKV_WRONGTYPE:
        return FERROKV_ETYPE;

    case FKV_EINVAL:
        return FERROKV_EARG;

    case FKV_ENOMEM:
        return FERROKV_EMEMORY;

    case FKV_ECORRUPT:
        return FERROKV_ECORRUPT;

    case FKV_EREADONLY:
        return FERROKV_EREADONLY;

    case FKV_EFULL:
    case FKV_EMAXSIZE:
    case FKV_EQUOTA:
        return FERROKV_EFULL;

    case FKV_ETOOBIG:
    case FKV_EBOUND:
        return FERROKV_ETOOBIG;

    case FKV_EMISSING:
        return FERROKV_EMISSING;

    case FKV_EDENIED:
        return FERROKV_EDENIED;
    }

    return FERROKV_ERROR;
}


/* "ERR syntax error", "WRONGTYPE ..." */
static bool
text_has_code(const char *text)
{
    unsigned  n = 0;

    while ((text[n] >= 'A' && text[n] <= 'Z')
           || (n > 0 && text[n] >= '0' && text[n] <= '9'))
    {
        n++;
    }

    return n > 1 && text[n] == ' ';
}


int
fkv_answer_fail(fkv_host_t *host, int rc, const char *fmt, va_list args)
{
    const usual_t  *known = usual_of(rc);
    char            text[TEXT_BYTES];

    if (fmt == NULL && known->text == NULL) {
        return fkv_call_fail(host->call, "%s extension \"%s\" failed: %s",
                             known->code, host->extension->name,
                             rc == FERROKV_EPLACE
                             ? "it called what is not for this place"
                             : "it does not say why");
    }

    if (fmt == NULL) {
        return fkv_call_fail(host->call, "%s %s", known->code, known->text);
    }

    (void) vsnprintf(text, sizeof(text), fmt, args);

    if (text_has_code(text)) {
        return fkv_call_fail(host->call, "%s", text);
    }

    return fkv_call_fail(host->call, "%s %s", known->code, text);
}


/* The sentence that belongs to a code, of a function that gave none. */
static int
answer_usual(fkv_host_t *host, int rc, ...)
{
    va_list  args;

    va_start(args, rc);
    rc = fkv_answer_fail(host, rc, NULL, args);
    va_end(args);

    return rc;
}


static int
answer_whole(fkv_host_t *host)
{
    if (host->call->reply->rc != FKV_OK) {
        return host->call->reply->rc;
    }

    if (fkv_say_complete(host)) {
        return FKV_OK;
    }

    return fkv_call_fail(host->call, "ERR extension \"%s\" failed: its answer "
                         "is not one value", host->extension->name);
}


int
fkv_answer(fkv_host_t *host, int rc)
{
    if (host->rc != FKV_OK) {
        return host->rc;
    }

    if (host->failed != 0) {
        return FKV_EINVAL;
    }

    if (rc == FERROKV_OK) {
        return answer_whole(host);
    }

    if (rc == FERROKV_NONE && host->call->reply->bytes.len == host->base) {
        fkv_reply_null(host->call->reply);
        return FKV_OK;
    }

    if (rc == FERROKV_AGAIN && host->suspended) {
        return FKV_AGAIN;
    }

    if (rc > 0) {
        return fkv_call_fail(host->call, "ERR extension \"%s\" failed: it "
                             "returned %d", host->extension->name, rc);
    }

    return answer_usual(host, rc);
}


/* Whoever shows it puts a code of his own in front. */
static void
fail_said(char *said, const char *fmt, va_list args)
{
    char    text[TEXT_BYTES];
    size_t  code = 0;

    (void) vsnprintf(text, sizeof(text), fmt, args);

    if (text_has_code(text)) {
        code = strcspn(text, " ") + 1;
    }

    (void) snprintf(said, FKV_REFUSAL_BYTES, "%.*s", FKV_REFUSAL_BYTES - 1,
                    text + code);
}


int
fkv_answer_api_fail(ferrokv_ctx *ctx, int rc, const char *fmt, ...)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    va_list      args;

    va_start(args, fmt);

    if (host->said != NULL) {
        fail_said(host->said, fmt, args);

    } else if (host->says && rc < 0) {
        (void) fkv_answer_fail(host, rc, fmt, args);
        host->failed = rc;
    }

    va_end(args);

    return rc;
}
