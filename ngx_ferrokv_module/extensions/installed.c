#include "extensions/installed.h"
#include "base/bytes.h"

#include <string.h>

#define FORM    1
#define ID_MAX  UINT16_MAX

enum {
    TAG_STATE = 2,
    TAG_VERSION = 4,
    TAG_SCHEMA = 6,
    TAG_CURSOR = 8,
    TAG_FILE = 9,
    TAG_CASCADE = 10,
    TAG_ABSENT = 11,
    TAG_DEF = 12,
    TAG_PROBLEM = 13
};

enum {
    DEF_KIND = 2,
    DEF_NAME = 4,
    DEF_ID = 6,
    DEF_ENCVER = 8,
    DEF_EVENT = 10,
    DEF_PHASE = 12,
    DEF_PREFIX = 14,
    DEF_FLAGS = 16
};

enum {
    HEAD_NEXT = 2
};


static fkv_str_t
str_of(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


size_t
fkv_installed_key(uint8_t key[FKV_INSTALLED_KEY_BYTES], fkv_str_t name)
{
    const size_t  head = sizeof(FKV_INSTALLED_KEY) - 1;
    size_t        len = fkv__min(name.len, (size_t) FKV_EXTENSION_NAME_MAX);

    memcpy(key, FKV_INSTALLED_KEY, head);
    memcpy(key + head, name.data, len);

    return head + len;
}


bool
fkv_installed_key_is(fkv_str_t key, fkv_str_t *name)
{
    const size_t  head = sizeof(FKV_INSTALLED_KEY) - 1;

    if (key.len <= head || key.len > FKV_INSTALLED_KEY_BYTES
        || memcmp(key.data, FKV_INSTALLED_KEY, head) != 0)
    {
        return false;
    }

    *name = (fkv_str_t) { key.data + head, key.len - head };

    return true;
}


static int
text_take(const fkv__field_t *field, fkv_str_t *text)
{
    if (field->value.len > FKV_INSTALLED_TEXT_MAX) {
        return FKV_ECORRUPT;
    }

    *text = field->value;

    return FKV_OK;
}


static int
def_field(fkv_installed_def_t *def, const fkv__field_t *field)
{
    switch (field->tag) {

    case DEF_KIND:
        return fkv__field_number(field, &def->kind);

    case DEF_NAME:
        return text_take(field, &def->name);

    case DEF_ID:
        return fkv__field_number(field, &def->id);

    case DEF_ENCVER:
        return fkv__field_number(field, &def->encver);

    case DEF_EVENT:
        return fkv__field_number(field, &def->event);

    case DEF_PHASE:
        return fkv__field_number(field, &def->phase);

    case DEF_PREFIX:
        return text_take(field, &def->prefix);

    case DEF_FLAGS:
        return fkv__field_number(field, &def->flags);
    }

    return fkv__field_unknown(field);
}


static bool
def_valid(const fkv_installed_def_t *def)
{
    bool  type = (def->kind == FERROKV_KIND_TYPE);

    return def->kind != 0 && def->name.len != 0
           && def->name.len < FKV_TYPE_NAME_MAX
           && type == (def->id != 0) && def->id <= ID_MAX
           && def->encver <= UINT16_MAX;
}


static int
def_parse(fkv_installed_def_t *def, fkv_str_t fields)
{
    fkv__field_t  field;
    int           rc;

    memset(def, 0, sizeof(*def));

    while ((rc = fkv__field_get(&fields, &field)) == FKV_OK) {

        rc = def_field(def, &field);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return (rc == FKV_END && def_valid(def)) ? FKV_OK : FKV_ECORRUPT;
}


/* One more, not set yet; NULL: too many, or no memory. */
static fkv_installed_def_t *
def_add(fkv_installed_t *in)
{
    fkv_installed_def_t  *defs;

    if (in->defs_n == FKV_INSTALLED_DEFS_MAX) {
        return NULL;
    }

    /* by doublings */
    if ((in->defs_n & (in->defs_n - 1)) == 0) {
        defs = fkv__realloc(in->defs, fkv__max(in->defs_n * 2, 1U)
                                      * sizeof(*defs));
        if (defs == NULL) {
            return NULL;
        }

        in->defs = defs;
    }

    return &in->defs[in->defs_n++];
}


static int
record_def(fkv_installed_t *in, fkv_str_t fields)
{
    fkv_installed_def_t  *def = def_add(in);

    if (def == NULL) {
        return (in->defs_n == FKV_INSTALLED_DEFS_MAX) ? FKV_ECORRUPT
                                                      : FKV_ENOMEM;
    }

    return def_parse(def, fields);
}


static int
record_field(fkv_installed_t *in, const fkv__field_t *field)
{
    uint64_t  n = 0;
    int       rc;

    switch (field->tag) {

    case TAG_STATE:
        rc = fkv__field_number(field, &n);
        in->state = (fkv_installed_e) n;
        return (n <= FKV_DROPPING) ? rc : FKV_ECORRUPT;

    case TAG_VERSION:
        return text_take(field, &in->version);

    case TAG_SCHEMA:
        return fkv__field_number(field, &in->schema);

    case TAG_CURSOR:
        return fkv__field_number(field, &in->cursor);

    case TAG_FILE:
        return text_take(field, &in->file);

    case TAG_CASCADE:
        rc = fkv__field_number(field, &n);
        in->cascade = (n != 0);
        return rc;

    case TAG_ABSENT:
        return fkv__field_number(field, &in->absent);

    case TAG_DEF:
        return record_def(in, field->value);

    case TAG_PROBLEM:
        return text_take(field, &in->problem);
    }

    return fkv__field_unknown(field);
}


static bool
name_valid(fkv_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!(c >= 'a' && c <= 'z')
            && (i == 0 || !((c >= '0' && c <= '9') || c == '_')))
        {
            return false;
        }
    }

    return name.len > 0 && name.len <= FKV_EXTENSION_NAME_MAX;
}


/* Byte 0: FKV_OK, bytes are the fields then. */
static int
form_take(fkv_str_t *bytes)
{
    if (bytes->len == 0) {
        return FKV_ECORRUPT;
    }

    if (bytes->data[0] != FORM) {
        return FKV_EVERSION;
    }

    bytes->data++;
    bytes->len--;

    return FKV_OK;
}


int
fkv_installed_parse(fkv_installed_t *in, fkv_str_t name, fkv_str_t bytes)
{
    fkv__field_t  field;
    int           rc;

    memset(in, 0, sizeof(*in));
    in->name = name;

    if (!name_valid(name)) {
        return FKV_ECORRUPT;
    }

    rc = form_take(&bytes);
    if (rc != FKV_OK) {
        return rc;
    }

    while ((rc = fkv__field_get(&bytes, &field)) == FKV_OK) {

        rc = record_field(in, &field);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return (rc == FKV_END && in->state != 0) ? FKV_OK : FKV_ECORRUPT;
}


void
fkv_installed_done(fkv_installed_t *in)
{
    fkv__free(in->defs);
    in->defs = NULL;
    in->defs_n = 0;
}


static int
put_text(fkv__buf_t *out, uint64_t tag, fkv_str_t text)
{
    return (text.len == 0) ? FKV_OK : fkv__field_put(out, tag, text);
}


static int
def_put(const fkv_installed_def_t *def, fkv__buf_t *out, fkv__buf_t *fields)
{
    fields->len = 0;

    if (fkv__field_put_number(fields, DEF_KIND, def->kind) != FKV_OK
        || put_text(fields, DEF_NAME, def->name) != FKV_OK
        || fkv__field_put_number(fields, DEF_ID, def->id) != FKV_OK
        || fkv__field_put_number(fields, DEF_ENCVER, def->encver) != FKV_OK
        || fkv__field_put_number(fields, DEF_EVENT, def->event) != FKV_OK
        || fkv__field_put_number(fields, DEF_PHASE, def->phase) != FKV_OK
        || put_text(fields, DEF_PREFIX, def->prefix) != FKV_OK
        || fkv__field_put_number(fields, DEF_FLAGS, def->flags) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    return fkv__field_put(out, TAG_DEF, fkv__buf_str(fields));
}


static int
defs_put(const fkv_installed_t *in, fkv__buf_t *out)
{
    fkv__buf_t  fields = { NULL, 0, 0 };
    int         rc = FKV_OK;

    for (unsigned i = 0; i < in->defs_n && rc == FKV_OK; i++) {
        rc = def_put(&in->defs[i], out, &fields);
    }

    fkv__buf_done(&fields);

    return rc;
}


int
fkv_installed_put(const fkv_installed_t *in, fkv__buf_t *out)
{
    static const uint8_t  form = FORM;

    if (fkv__buf_append(out, &form, 1) != FKV_OK
        || fkv__field_put_number(out, TAG_STATE, in->state) != FKV_OK
        || put_text(out, TAG_VERSION, in->version) != FKV_OK
        || fkv__field_put_number(out, TAG_SCHEMA, in->schema) != FKV_OK
        || fkv__field_put_number(out, TAG_CURSOR, in->cursor) != FKV_OK
        || put_text(out, TAG_FILE, in->file) != FKV_OK
        || fkv__field_put_number(out, TAG_CASCADE, in->cascade) != FKV_OK
        || fkv__field_put_number(out, TAG_ABSENT, in->absent) != FKV_OK
        || defs_put(in, out) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    return put_text(out, TAG_PROBLEM, in->problem);
}


int
fkv_installed_head_parse(fkv_str_t bytes, uint64_t *next)
{
    fkv__field_t  field;
    int           rc;

    *next = 1;

    if (bytes.len == 0) {
        return FKV_OK;
    }

    rc = form_take(&bytes);
    if (rc != FKV_OK) {
        return rc;
    }

    while ((rc = fkv__field_get(&bytes, &field)) == FKV_OK) {

        rc = (field.tag == HEAD_NEXT) ? fkv__field_number(&field, next)
                                      : fkv__field_unknown(&field);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    return (rc == FKV_END && *next != 0) ? FKV_OK : FKV_ECORRUPT;
}


int
fkv_installed_head_put(uint64_t next, fkv__buf_t *out)
{
    static const uint8_t  form = FORM;

    if (fkv__buf_append(out, &form, 1) != FKV_OK) {
        return FKV_ENOMEM;
    }

    return fkv__field_put_number(out, HEAD_NEXT, next);
}


static const fkv_installed_def_t *
type_find(const fkv_installed_t *in, fkv_str_t name)
{
    for (unsigned i = 0; i < in->defs_n; i++) {

        const fkv_installed_def_t  *def = &in->defs[i];

        if (def->kind == FERROKV_KIND_TYPE && fkv__str_eq(def->name, name)) {
            return def;
        }
    }

    return NULL;
}


/* Adds a type of the library, or, if there is one of this name, its encver. */
static int
take_type(fkv_installed_t *in, const ferrokv_type *type, uint64_t *next)
{
    fkv_str_t             name = str_of(type->name);
    fkv_installed_def_t  *def = (void *) (uintptr_t) type_find(in, name);

    if (def == NULL) {

        if (*next > ID_MAX) {
            return FKV_EFULL;
        }

        def = def_add(in);
        if (def == NULL) {
            return FKV_ENOMEM;
        }

        *def = (fkv_installed_def_t) { .kind = FERROKV_KIND_TYPE,
                                       .name = name, .id = (*next)++ };
    }

    def->encver = fkv__max(def->encver, (uint64_t) type->encver);

    return FKV_OK;
}


static int
take_def(fkv_installed_t *in, const fkv_installed_def_t *taken)
{
    fkv_installed_def_t  *def = def_add(in);

    if (def == NULL) {
        return FKV_ENOMEM;
    }

    *def = *taken;

    return FKV_OK;
}


static fkv_installed_def_t
def_of_hook(const ferrokv_hook *hook)
{
    return (fkv_installed_def_t) {
        .kind = FERROKV_KIND_HOOK,
        .name = str_of(hook->name),
        .event = hook->event,
        .phase = hook->phase,
        .prefix = str_of(hook->prefix != NULL ? hook->prefix : ""),
        .flags = hook->flags
    };
}


/* All but its types, which come first and stay. */
static int
take_others(fkv_installed_t *in, const fkv_extension_t *extension)
{
    fkv_installed_def_t  def;
    int                  rc = FKV_OK;

    for (unsigned i = 0; i < extension->commands_n && rc == FKV_OK; i++) {
        def = (fkv_installed_def_t) {
            .kind = FERROKV_KIND_COMMAND,
            .name = str_of(extension->commands[i].command.name)
        };
        rc = take_def(in, &def);
    }

    for (unsigned i = 0; i < extension->merges_n && rc == FKV_OK; i++) {
        def = (fkv_installed_def_t) {
            .kind = FERROKV_KIND_MERGE,
            .name = str_of(extension->merges[i].name)
        };
        rc = take_def(in, &def);
    }

    for (unsigned i = 0; i < extension->hooks_n && rc == FKV_OK; i++) {
        def = def_of_hook(&extension->hooks[i]);
        rc = take_def(in, &def);
    }

    return rc;
}


static void
drop_others(fkv_installed_t *in)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < in->defs_n; i++) {
        if (in->defs[i].kind == FERROKV_KIND_TYPE) {
            in->defs[n++] = in->defs[i];
        }
    }

    /* add() counts on its doublings: what is beyond is too much room */
    in->defs_n = n;
}


int
fkv_installed_take(fkv_installed_t *in, const fkv_extension_t *extension,
    uint64_t *next)
{
    int  rc = FKV_OK;

    in->version = str_of(extension->version);
    in->file = str_of(extension->file != NULL ? extension->file : "");
    drop_others(in);

    for (unsigned i = 0; i < extension->types_n && rc == FKV_OK; i++) {
        rc = take_type(in, &extension->types[i].type, next);
    }

    return (rc == FKV_OK) ? take_others(in, extension) : rc;
}


static bool
def_same(const fkv_installed_def_t *a, const fkv_installed_def_t *b)
{
    return a->kind == b->kind && fkv__str_eq(a->name, b->name)
           && a->id == b->id && a->encver == b->encver
           && a->event == b->event && a->phase == b->phase
           && fkv__str_eq(a->prefix, b->prefix) && a->flags == b->flags;
}


bool
fkv_installed_same(const fkv_installed_t *in,
    const fkv_extension_t *extension)
{
    fkv_installed_t  as = *in;
    uint64_t         next = ID_MAX + 1;     /* a new type: not the same */
    bool             same;

    as.defs = fkv__alloc(fkv__max(in->defs_n * 2, 1U) * sizeof(*as.defs));
    if (as.defs == NULL) {
        return true;                        /* another time */
    }

    if (in->defs_n > 0) {
        memcpy(as.defs, in->defs, in->defs_n * sizeof(*as.defs));
    }

    same = (fkv_installed_take(&as, extension, &next) == FKV_OK)
           && fkv__str_eq(as.version, in->version)
           && fkv__str_eq(as.file, in->file)
           && as.defs_n == in->defs_n;

    for (unsigned i = 0; same && i < in->defs_n; i++) {
        same = def_same(&as.defs[i], &in->defs[i]);
    }

    fkv_installed_done(&as);

    return same;
}


const char *
fkv_installed_text(fkv_installed_e state)
{
    switch (state) {

    case FKV_INSTALLED:
        return "installed";

    case FKV_INSTALLING:
        return "installing";

    case FKV_UPDATING:
        return "updating";

    case FKV_DROPPING:
        return "dropping";
    }

    return "unknown";
}
